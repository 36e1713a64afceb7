package node

import (
	"errors"
	"fmt"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	spec.Register("influxDBOut", func() spec.Declarer {
		return &influxDBOut{precision: "ns", buffer: 1000, flushInterval: 10 * time.Second}
	})
}

// influxDBOut has its points written to InfluxDB.
type influxDBOut struct {
	cluster, database, retentionPolicy, measurement string
	precision, consistency                          string
	buffer                                          int64
	flushInterval                                   time.Duration
	create                                          bool
	tags                                            []point.Tag

	env   spec.Env
	write spec.Write
	unit  int64
	memo  tagMemo
	out   point.Point
}

func (w *influxDBOut) Declare(s *spec.Spec) {
	s.Kind = "influxdb_out"
	s.Doc("Writes the data to InfluxDB. The points go to outputs.alerter, whose InfluxDB sections write them, or on as metrics with influxdb_out = \"metrics\" in the processor.")
	s.Edges(spec.Same, spec.None)
	s.Aside()
	s.Prop(&w.cluster, "cluster", "name of the InfluxDB to write to")
	s.Prop(&w.database, "database", "database; the point's own if unset")
	s.Prop(&w.retentionPolicy, "retentionPolicy", "retention policy; the point's own if unset")
	s.Prop(&w.measurement, "measurement", "measurement; the data's own if unset")
	s.Prop(&w.consistency, "writeConsistency", "any, one, quorum or all")
	s.Prop(&w.precision, "precision", "times are cut to this unit: ns, us, ms, s, m or h")
	s.Prop(&w.buffer, "buffer", "points to collect before a write")
	s.Prop(&w.flushInterval, "flushInterval", "longest time to collect")
	s.Flag(&w.create, "create", "create the database if it is not there")
	s.Func("tag", "tag to add to every point", func(key, value string) error {
		w.tags = point.SetTag(w.tags, key, value)
		return nil
	}, "key", "value")
	s.Check(func() error {
		if precisions[w.precision] == 0 {
			return fmt.Errorf("precision: unknown unit %q, want one of ns, us, ms, s, m, h", w.precision)
		}
		if w.flushInterval < 0 || w.buffer < 0 {
			return errors.New("buffer and flushInterval must not be negative")
		}
		return nil
	})
	s.Example("stream|from().measurement('m')|influxDBOut().database('d').tag('by', 'rule')", "m v=1 0s", "m,by=rule v=1 0s")
}

var precisions = map[string]time.Duration{
	"ns": 1, "us": time.Microsecond, "µs": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour,
}

func (w *influxDBOut) Start(env spec.Env) error {
	w.env = env
	w.unit = int64(precisions[w.precision])
	w.write = spec.Write{
		Cluster: w.cluster, Consistency: w.consistency, Precision: w.precision, Buffer: w.buffer,
		FlushInterval: int64(w.flushInterval), Create: w.create,
	}
	return nil
}

func (w *influxDBOut) Open(point.Sink) point.Sink { return &influxDBSink{w} }

type influxDBSink struct{ n *influxDBOut }

func (w *influxDBSink) Point(p *point.Point) { w.send(p, p.Name, p.DB, p.RP) }

func (w *influxDBSink) Batch(b *point.Batch) {
	for i := range b.Points {
		w.send(&b.Points[i], b.Name, "", "")
	}
}

func (w *influxDBSink) send(p *point.Point, name, db, rp string) {
	w.n.out = *p
	w.n.out.Name, w.n.out.DB, w.n.out.RP = name, db, rp
	if w.n.measurement != "" {
		w.n.out.Name = w.n.measurement
	}
	if w.n.database != "" {
		w.n.out.DB = w.n.database
	}
	if w.n.retentionPolicy != "" {
		w.n.out.RP = w.n.retentionPolicy
	}
	if len(w.n.tags) > 0 {
		w.n.out.Tags = w.n.memo.get(p.Tags, w.merge)
	}
	w.n.out.Time -= p.Time % w.n.unit
	w.n.env.Emit(spec.Effect{Kind: spec.WriteEffect, Point: &w.n.out, Write: &w.n.write})
}

// merge returns tags with the node's own set.
func (w *influxDBSink) merge(tags []point.Tag) []point.Tag {
	for _, t := range w.n.tags {
		tags = point.SetTag(tags, t.Key, t.Value)
	}
	return tags
}

// Barrier and Delete end here.
func (w *influxDBSink) Barrier(*point.Group, int64) {}

// Delete ends here.
func (w *influxDBSink) Delete(*point.Group) {}
