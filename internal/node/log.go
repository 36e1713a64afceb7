package node

import (
	"strconv"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("log", func() spec.Declarer { return &logNode{level: "INFO"} }) }

// logNode writes the data that passes to the agent's log.
type logNode struct {
	level, prefix string

	env spec.Env
	buf []byte
}

func (l *logNode) Declare(s *spec.Spec) {
	s.Doc("Writes all data that passes to the agent's log, one line for each point.")
	s.Aside()
	s.Prop(&l.level, "level", "DEBUG, INFO or ERROR; anything else is INFO, as in Kapacitor")
	s.Prop(&l.prefix, "prefix", "text that begins the lines")
	s.Example("stream|from().measurement('m')|log().prefix('seen')", "m v=1 0s", "m v=1 0s")
}

func (l *logNode) Start(env spec.Env) error {
	l.env = env
	switch l.level = strings.ToUpper(l.level); l.level {
	case "DEBUG", "ERROR":
	default:
		l.level = "INFO"
	}
	return nil
}

func (l *logNode) Open(out point.Sink) point.Sink {
	return &logSink{n: l, Forward: spec.Forward{Out: out}}
}

type logSink struct {
	n *logNode
	spec.Forward
}

func (l *logSink) Point(p *point.Point) {
	l.head("point")
	l.pair("name", p.Name)
	l.pair("db", p.DB)
	l.pair("rp", p.RP)
	l.pair("group", p.Group.ID)
	for i, d := range p.Group.Dims {
		l.pair("dimension_"+strconv.Itoa(i), d)
	}
	l.tags(p.Tags)
	l.fields(p.Fields)
	l.time(p.Time)
	l.write()
	l.Out.Point(p)
}

func (l *logSink) Batch(b *point.Batch) {
	l.head("begin batch")
	l.batchHead(b, b.Group.Tags)
	l.time(b.TMax)
	l.write()
	for i := range b.Points {
		p := &b.Points[i]
		l.head("batch point")
		l.batchHead(b, p.Tags)
		l.fields(p.Fields)
		l.time(p.Time)
		l.write()
	}
	l.head("end batch")
	l.batchHead(b, b.Group.Tags)
	l.time(b.TMax)
	l.write()
	l.Out.Batch(b)
}

func (l *logSink) batchHead(b *point.Batch, tags []point.Tag) {
	l.pair("name", b.Name)
	l.pair("group", b.Group.ID)
	l.tags(tags)
}

func (l *logSink) head(msg string) {
	l.n.buf = l.n.buf[:0]
	l.pair("msg", msg)
	l.pair("prefix", l.n.prefix)
}

func (l *logSink) tags(tags []point.Tag) {
	for _, t := range tags {
		l.pair("tag_"+t.Key, t.Value)
	}
}

func (l *logSink) fields(fields []point.Field) {
	for _, f := range fields {
		l.pair("field_"+f.Key, text(f.Value))
	}
}

func (l *logSink) time(t int64) { l.pair("time", time.Unix(0, t).UTC().Format(time.RFC3339Nano)) }

// pair appends key=value; the value is quoted only if it has a blank, quote or line break.
func (l *logSink) pair(key, value string) {
	if len(l.n.buf) > 0 {
		l.n.buf = append(l.n.buf, ' ')
	}
	l.n.buf = append(l.n.buf, key...)
	l.n.buf = append(l.n.buf, '=')
	if strings.ContainsAny(value, " \"\n\r\t") {
		l.n.buf = strconv.AppendQuote(l.n.buf, value)
	} else {
		l.n.buf = append(l.n.buf, value...)
	}
}

func (l *logSink) write() {
	l.n.env.Emit(spec.Effect{Kind: spec.LogEffect, Level: l.n.level, Text: string(l.n.buf)})
}

// text returns a field value as the log shows it.
func text(v point.Value) string {
	switch v.Kind {
	case point.Float:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	case point.Int:
		return strconv.FormatInt(v.Int(), 10)
	case point.Bool:
		return strconv.FormatBool(v.Bool())
	case point.String:
		return v.Text
	case point.Duration:
		return v.Duration().String()
	}
	return "<nil>"
}
