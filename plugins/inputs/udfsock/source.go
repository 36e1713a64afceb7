package udfsock

import (
	"context"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// This file runs a function on its own and turns its points into metrics.

// maxBatch is how many points a batch may have.
const maxBatch = 100_000

// A source has the session of a function that runs on its own.
type source struct {
	u     *UDFSock
	acc   telegraf.Accumulator
	batch []point.Point
	open  bool // a batch has begun
	full  bool // it has too many points
	empty bool // a point without data has been reported
}

func newSource(u *UDFSock, acc telegraf.Accumulator) *source { return &source{u: u, acc: acc} }

// run runs the function until ctx ends.
func (s *source) run(ctx context.Context) {
	u := s.u
	info, err := u.function.Known()
	if err != nil {
		u.Log.Error(err)
		return
	}
	options, err := u.InitOptions(info)
	if err != nil {
		u.Log.Errorf("UDF %q does not run: %v", u.Name, err)
		return
	}
	session := u.function.Open(udf.AppendInit(nil, &udf.Init{Task: "udfsock", Node: u.Name, Options: options}), u.GetState().(State).Snapshot, udf.Events{
		Receive:  s.receive,
		Broken:   s.reset,
		Snapshot: u.keep,
		Failed:   func(err error) { u.Log.Errorf("UDF %q does not run: %v", u.Name, err) },
	})
	<-ctx.Done()
	session.Close()
}

// reset forgets a batch that has begun.
func (s *source) reset() { s.open, s.full, s.batch = false, false, s.batch[:0] }

// receive makes metrics of points, and of those of a batch when it is complete.
func (s *source) receive(r *udf.Response) *udf.Response {
	switch r.Kind {
	case udf.PointReply:
		switch {
		case !s.open:
			s.add(r.Point.Name, &r.Point, nil)
		case len(s.batch) < maxBatch:
			p := r.Point
			p.Fields = r.Point.AppendFields(nil)
			s.batch = append(s.batch, p)
		case !s.full:
			s.full = true
			s.u.Log.Errorf("UDF %q sends a batch of more than %d points; the others are dropped", s.u.Name, maxBatch)
		}
	case udf.BeginReply:
		s.reset()
		s.open = true
	case udf.EndReply:
		for i := range s.batch {
			s.add(r.Name, &s.batch[i], r.Tags)
		}
		clear(s.batch)
		if cap(s.batch) > 1<<12 {
			s.batch = nil
		}
		s.reset()
	}
	return r
}

// add makes a metric of p, whose tags come before those of its group. It waits as long as the agent
// does not take it.
func (s *source) add(name string, p *point.Point, group []point.Tag) {
	if name == "" {
		name = s.u.Name
	}
	fields := make(map[string]any, len(p.Fields))
	for i := range p.Fields {
		fields[p.Fields[i].Key] = p.Fields[i].Value.Any()
	}
	if len(fields) == 0 {
		if !s.empty {
			s.empty = true
			s.u.Log.Warnf("UDF %q sends points without fields, which cannot be metrics", s.u.Name)
		}
		return
	}
	tags := make(map[string]string, len(p.Tags)+len(group))
	for _, t := range group {
		tags[t.Key] = t.Value
	}
	for _, t := range p.Tags {
		tags[t.Key] = t.Value
	}
	s.acc.AddFields(name, fields, tags, time.Unix(0, p.Time))
}
