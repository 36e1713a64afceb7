package replay

import (
	"bufio"
	"io"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// A Transcript writes what a task does as JSON lines. Errors stick: Flush returns the first.
type Transcript struct {
	w   *bufio.Writer
	buf []byte
}

// NewTranscript returns a Transcript that writes to w.
func NewTranscript(w io.Writer) *Transcript { return &Transcript{w: bufio.NewWriter(w)} }

// Flush writes out what is buffered.
func (t *Transcript) Flush() error { return t.w.Flush() }

// Effect writes one effect.
func (t *Transcript) Effect(e *spec.Effect) {
	switch e.Kind {
	case spec.AlertEffect:
		t.alert(e.Event)
	case spec.WriteEffect:
		t.written("influxdb_out", e.Point)
	case spec.LoopbackEffect:
		t.written("loopback", e.Point)
	case spec.AskEffect:
		t.ask(e.Ask.Body)
	case spec.LogEffect:
		t.begin("log")
		t.text("level", e.Level)
		t.text("line", e.Text)
		t.end()
	case spec.ErrorEffect:
		t.Error(e.Text)
	}
}

// ask writes what a question is to change outside.
func (t *Transcript) ask(b spec.Body) {
	switch x := b.(type) {
	case spec.Post:
		t.begin("http_post")
		if x.Endpoint != "" {
			t.text("endpoint", x.Endpoint)
		} else {
			t.text("url", x.URL)
		}
		t.raw("body", trimLine(x.Body))
		t.end()
	case spec.Scale:
		if x.Set {
			t.scale(&x)
		}
	}
}

// Error writes an error.
func (t *Transcript) Error(text string) {
	t.begin("error")
	t.text("error", text)
	t.end()
}

// HTTPOut writes the final content of an httpOut node.
func (t *Transcript) HTTPOut(endpoint string, result []byte) {
	t.begin("http_out")
	t.text("endpoint", endpoint)
	t.raw("result", result)
	t.end()
}

func (t *Transcript) alert(e *alert.Event) {
	t.begin("alert")
	t.text("id", e.ID)
	t.text("message", e.Message)
	t.text("details", e.Details)
	t.key("time")
	t.buf = point.AppendJSONTime(t.buf, e.Time)
	t.value("duration", point.IntValue(int64(e.Duration)))
	t.text("level", e.Level.String())
	t.text("previousLevel", e.Previous.String())
	t.value("recoverable", point.BoolValue(e.Recoverable))
	if e.Topic != "" {
		t.text("topic", e.Topic)
	}
	t.raw("data", e.Data)
	t.end()
}

func (t *Transcript) scale(s *spec.Scale) {
	t.begin("scale")
	t.text("system", s.System)
	if s.Cluster != "" {
		t.text("cluster", s.Cluster)
	}
	t.text("resource", s.Resource.String())
	t.value("old", point.IntValue(s.Old))
	t.value("new", point.IntValue(s.Replicas))
	t.end()
}

func (t *Transcript) written(kind string, p *point.Point) {
	t.begin(kind)
	t.text("database", p.DB)
	t.text("retention_policy", p.RP)
	t.text("line", string(point.AppendLine(nil, p)))
	t.end()
}

func (t *Transcript) begin(kind string) {
	t.buf = append(t.buf[:0], '{')
	t.text("kind", kind)
}

func (t *Transcript) key(name string) {
	if len(t.buf) > 1 {
		t.buf = append(t.buf, ',')
	}
	t.buf = point.AppendJSONString(t.buf, name)
	t.buf = append(t.buf, ':')
}

func (t *Transcript) text(name, s string) {
	t.key(name)
	t.buf = point.AppendJSONString(t.buf, s)
}

func (t *Transcript) value(name string, v point.Value) {
	t.key(name)
	t.buf, _ = point.AppendJSONValue(t.buf, v)
}

func (t *Transcript) raw(name string, json []byte) {
	t.key(name)
	t.buf = append(t.buf, json...)
}

// end writes the line; a write error sticks in the writer.
func (t *Transcript) end() {
	t.buf = append(t.buf, '}', '\n')
	_, _ = t.w.Write(t.buf)
}

func trimLine(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		return b[:n-1]
	}
	return b
}
