package node

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/template"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("sideload", func() spec.Declarer { return &sideload{} }) }

// sideload gives fields and tags the values that documents from outside have for the point.
//
// The documents come as the answer to an effect, at the start and after each Reload; until then
// there are only the defaults. What to set depends on the documents and the point's tags alone, so
// it is worked out once for each tag set.
type sideload struct {
	source string
	order  []string
	fields []point.Field // with the defaults; sorted by key
	tags   []point.Tag   // the same

	env       spec.Env
	templates []*template.Template
	docs      spec.Documents
	waits     bool // for documents
	memo      memo[tagKey, *sideloaded]
	buffer    []point.Field
	point     point.Point
	batch     batchBuffer
}

// sideloaded is what a point with a certain tag set gets.
type sideloaded struct {
	skip   bool // a template failed: nothing is set
	fields []point.Field
	tags   []point.Tag // the whole tag set
}

// maxDocumentName bounds what a template of order may make.
const maxDocumentName = 4096

func (n *sideload) Declare(s *spec.Spec) {
	s.Doc("Sets fields and tags to values that stand outside of the script, thresholds by host for example. " +
		"A source has documents, each a flat map from keys to values. For each key the first document in the order that has it wins. " +
		"The documents are read when the task starts and when the agent is told to reload them; the defaults are used until then and for what no document has.")
	s.Prop(&n.source, "source", "folder with YAML and JSON files as file:///path, URL of a JSON object of objects, or name of a configured HTTP endpoint")
	s.Prop(&n.order, "order", "names of the documents to search, templates over the tags: 'host/{{.host}}.yml'; in a folder the name is the path of the file below it")
	s.Func("field", "field to set, and its value where no document has the key; the value loaded is converted to the type of the default", n.setField, "name", "default")
	s.Func("tag", "tag to set, and its value where no document has the key", n.setTag, "name", "default")
	s.Check(n.check)
	s.Example("// hosts/a.yml has the line limit: 98, default.yml has limit: 50.5\n"+
		"stream|from().measurement('cpu')|sideload().source('file:///etc/limits').order('hosts/{{.host}}.yml', 'default.yml').field('limit', 0.0).tag('owner', 'ops')",
		"cpu,host=a idle=3 0s\ncpu,host=b idle=4 1s",
		"cpu,host=a,owner=ops idle=3,limit=98 0s\ncpu,host=b,owner=ops idle=4,limit=50.5 1s")
}

func (n *sideload) setField(name string, v point.Value) error {
	switch v.Kind {
	case point.Float, point.Int, point.String, point.Bool:
		n.fields = point.SetField(n.fields, name, v)
		return nil
	}
	return fmt.Errorf("unsupported type %s for field %q, field default values must be float,int,string or bool", goType(v.Kind), name)
}

func (n *sideload) setTag(name, value string) error {
	n.tags = point.SetTag(n.tags, name, value)
	return nil
}

func (n *sideload) check() error {
	if n.source == "" {
		return errors.New("needs a source: write .source('file:///etc/limits')")
	}
	if !strings.Contains(n.source, ":/") {
		return nil // an endpoint
	}
	u, err := url.Parse(n.source)
	switch {
	case err != nil:
		return fmt.Errorf("source: %w", err)
	case strings.HasPrefix(n.source, "file:///"):
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	default:
		return fmt.Errorf("source: want file:///path, http://host/path or the name of an endpoint, got '%s'", n.source)
	}
	return nil
}

// Refers returns the source.
func (n *sideload) Refers() spec.Reference { return spec.Reference{Kind: "source", Name: n.source} }

func (n *sideload) Start(env spec.Env) error {
	n.env = env
	for _, text := range n.order {
		t, err := template.New("order").Option("missingkey=zero").Parse(text)
		if err != nil {
			return fmt.Errorf("order: %w", err)
		}
		n.templates = append(n.templates, t)
	}
	n.Reload()
	return nil
}

// Reload asks for the documents, unless the node waits for some: a server that hangs is not asked by
// more and more.
func (n *sideload) Reload() {
	if !n.waits {
		n.waits = true
		n.env.Ask(spec.Load{Source: n.source})
	}
}

// Answer takes the documents.
func (n *sideload) Answer(_ uint64, r spec.Reply) {
	l := r.(spec.Loaded) //nolint:forcetypeassert // the task has checked it
	n.waits = false
	for _, text := range l.Errors {
		n.env.Error(errors.New(text))
	}
	if l.Documents != nil {
		n.docs, n.memo = l.Documents, memo[tagKey, *sideloaded]{}
	}
}

func (n *sideload) Open(out point.Sink) point.Sink {
	return &sideloadSink{n: n, Forward: spec.Forward{Out: out}}
}

type sideloadSink struct {
	n *sideload
	spec.Forward
}

func (n *sideloadSink) Point(p *point.Point) {
	if !n.n.set(p) {
		n.Out.Point(p)
		return
	}
	if !sameTags(n.n.point.Tags, p.Tags) {
		n.n.point.Group = n.n.env.Groups().Get(p.Name, n.n.point.Tags, p.Group.Dims, p.Group.ByName)
	}
	n.Out.Point(&n.n.point)
}

// Batch sets fields and tags of the points; the batch stays in its group.
func (n *sideloadSink) Batch(b *point.Batch) {
	n.n.batch.begin(b)
	for i := range b.Points {
		if n.n.set(&b.Points[i]) {
			n.n.batch.add(&n.n.point)
		} else {
			n.n.batch.add(&b.Points[i])
		}
	}
	n.Out.Batch(&n.n.batch.batch)
}

// set makes point a copy of p with what was loaded, if there is anything to set.
func (n *sideload) set(p *point.Point) bool {
	s := n.lookup(p.Tags)
	if s.skip {
		return false
	}
	n.point = *p
	n.point.Tags = s.tags
	n.buffer = p.AppendFields(n.buffer[:0])
	for i := range s.fields {
		n.buffer = point.SetField(n.buffer, s.fields[i].Key, s.fields[i].Value)
	}
	n.point.Fields = n.buffer
	return true
}

// lookup returns what points with the tags get.
func (n *sideload) lookup(tags []point.Tag) *sideloaded {
	return n.memo.get(keyOf(tags), func() *sideloaded { return n.resolve(tags) })
}

// resolve works out what points with the tags get, and reports what cannot be used.
func (n *sideload) resolve(tags []point.Tag) *sideloaded {
	docs, err := n.ordered(tags)
	if err != nil {
		n.env.Error(err)
		return &sideloaded{skip: true}
	}
	s := &sideloaded{tags: tags}
	for _, f := range n.fields {
		s.fields = append(s.fields, point.Field{Key: f.Key, Value: n.value(docs, f.Key, f.Value)})
	}
	for _, t := range n.tags {
		v := n.value(docs, t.Key, point.StringValue(t.Value))
		s.tags = point.SetTag(s.tags, t.Key, v.Text)
	}
	return s
}

// ordered returns the documents for the tags that exist, in their order.
func (n *sideload) ordered(tags []point.Tag) ([]map[string]point.Value, error) {
	data := make(map[string]string, len(tags))
	for _, t := range tags {
		data[t.Key] = t.Value
	}
	var docs []map[string]point.Value
	for i, t := range n.templates {
		var b strings.Builder
		if err := t.Execute(&b, data); err != nil {
			return nil, fmt.Errorf("order: %w", err)
		}
		if b.Len() > maxDocumentName {
			return nil, fmt.Errorf("order: '%s' makes a name longer than %d bytes", n.order[i], maxDocumentName)
		}
		if d := n.docs[b.String()]; d != nil {
			docs = append(docs, d)
		}
	}
	return docs, nil
}

// value returns the value of key in the first document that has it, as the type of the default.
func (n *sideload) value(docs []map[string]point.Value, key string, def point.Value) point.Value {
	for _, d := range docs {
		v, ok := d[key]
		if !ok {
			continue
		}
		out, err := convertLoaded(v, def.Kind)
		if err != nil {
			n.env.Error(fmt.Errorf("failed to load key %q: %w", key, err))
			return def
		}
		return out
	}
	return def
}
