// Command gen makes the code of udf.proto, for Go and for Python, with nothing but Go: no protoc.
// It runs in the folder of udf.proto.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

const (
	root   = "../.."
	source = "udf/agent/udf.proto"
	python = "udf/python/kapacitor/udf/udf_pb2.py"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	compiler := protocompile.Compiler{
		Resolver:       &protocompile.SourceResolver{ImportPaths: []string{root}},
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(context.Background(), source)
	if err != nil {
		return err
	}
	file := protoutil.ProtoFromFileDescriptor(files[0])
	if err := writeGo(file); err != nil {
		return err
	}
	return writePython(file)
}

// writeGo does what protoc does with protoc-gen-go.
func writeGo(file *descriptorpb.FileDescriptorProto) error {
	plugin, err := protogen.Options{}.New(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{source},
		Parameter:      proto.String("paths=source_relative"),
		ProtoFile:      []*descriptorpb.FileDescriptorProto{file},
	})
	if err != nil {
		return err
	}
	internal_gengo.GenerateFile(plugin, plugin.FilesByPath[source])
	resp := plugin.Response()
	if resp.Error != nil {
		return fmt.Errorf("%s: %s", source, resp.GetError())
	}
	for _, f := range resp.File {
		if err := write(f.GetName(), f.GetContent()); err != nil {
			return err
		}
	}
	return nil
}

// writePython puts the descriptor of the messages into a module that makes the classes when it is
// imported. What protoc writes for Python works with few versions of the protobuf library only.
func writePython(file *descriptorpb.FileDescriptorProto) error {
	file = proto.CloneOf(file)
	file.SourceCodeInfo, file.Options = nil, nil
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(file)
	if err != nil {
		return err
	}
	const width = 24
	var lines, names strings.Builder
	for len(b) > 0 {
		n := min(width, len(b))
		lines.WriteString("    b'")
		for _, c := range b[:n] {
			fmt.Fprintf(&lines, `\x%02x`, c)
		}
		lines.WriteString("'\n")
		b = b[n:]
	}
	for _, m := range file.MessageType {
		fmt.Fprintf(&names, "%[1]s = _message('%[1]s')\n", m.GetName())
	}
	for _, e := range file.EnumType {
		fmt.Fprintf(&names, "%[1]s = _enum('%[1]s')\n", e.GetName())
		for _, v := range e.Value {
			fmt.Fprintf(&names, "%s = %d\n", v.GetName(), v.GetNumber())
		}
	}
	return write(python, fmt.Sprintf(template, lines.String(), source, file.GetPackage(), names.String()))
}

const template = `# Made from udf.proto by "go generate" in udf/agent. DO NOT EDIT.
"""The messages of user-defined functions.

The classes are made from a descriptor when the module is imported, so it works with every version
of the protobuf library, Debian's python3-protobuf among them.
"""

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.internal import enum_type_wrapper

# A pool of its own: other modules may have a package of the same name.
_pool = descriptor_pool.DescriptorPool()
_pool.AddSerializedFile(
%s)
DESCRIPTOR = _pool.FindFileByName('%s')


def _message(name):
    descriptor = DESCRIPTOR.message_types_by_name[name]
    if hasattr(message_factory, 'GetMessageClass'):
        cls = message_factory.GetMessageClass(descriptor)
    else:
        cls = _factory.GetPrototype(descriptor)
    cls.__module__ = __name__
    return cls


def _enum(name):
    return enum_type_wrapper.EnumTypeWrapper(DESCRIPTOR.enum_types_by_name[name])


if not hasattr(message_factory, 'GetMessageClass'):
    _factory = message_factory.MessageFactory(_pool)

# Package %s.
%s`

// write writes a file whose name is relative to the root of the module.
func write(name, content string) error {
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o644)
}
