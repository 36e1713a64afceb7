// Package pythontest finds what tests of functions in Python need.
package pythontest

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// find returns the first interpreter that has the protobuf library.
var find = sync.OnceValue(func() string {
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import google.protobuf").Run() == nil {
			if path, err := exec.LookPath(name); err == nil {
				return path
			}
		}
	}
	return ""
})

// Interpreter returns the path of a Python 3 with the protobuf library, and skips the test if there is
// none.
func Interpreter(t testing.TB) string {
	t.Helper()
	path := find()
	if path == "" {
		t.Skip("NOT RUN: no python3 with the protobuf library; on Debian: apt-get install python3-protobuf")
	}
	return path
}

// Path returns the folder of our Python package, for PYTHONPATH. Tests run inside of the module.
func Path() string {
	dir, _ := os.Getwd()
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	return filepath.Join(dir, "udf", "python")
}

// Command returns the command that runs a script with our package.
func Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(Interpreter(t), args...)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+Path(), "PYTHONDONTWRITEBYTECODE=1")
	return cmd
}
