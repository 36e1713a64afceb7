package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/bus"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file sends the points of influxDBOut nodes to whoever writes them.

// write has a point written: at once, or with the others of this call of the task.
func (r *runner) write(x *spec.Effect) {
	switch {
	case !writable(x.Point):
		r.e.counters.empty.Add(1)
	case r.e.c.Point != nil:
		r.e.c.Point(x.Point)
	case r.e.c.Bus != nil:
		r.written = append(r.written, bus.Point{Point: x.Point.Clone(), Write: x.Write})
	}
}

// sendPoints sends the points that are to be written.
func (r *runner) sendPoints() {
	if len(r.written) > 0 {
		r.e.points.send(r.written)
		r.written = nil // the receiver's
	}
}

// writable reports whether there is a field that a database takes.
func writable(p *point.Point) bool {
	for i := range p.Fields {
		switch p.Fields[i].Value.Kind {
		case point.Float, point.Int, point.String, point.Bool, point.Duration, point.Time:
			return true
		}
	}
	return false
}

// A pointSender hands points to the receiver of a bus. Without one they are lost: unlike alerts they are
// not kept, as metrics are not.
type pointSender struct {
	leave func()
	log   Logger
	lost  atomic.Int64 // points

	mu       sync.Mutex
	receiver bus.Receiver
	warned   time.Time
}

// lostInterval is the time between two reports that points are lost.
const lostInterval = time.Hour

func (s *pointSender) start(b *bus.Bus, log Logger) {
	s.log = log
	s.leave = b.Join(s)
}

func (s *pointSender) stop() { s.leave() }

// Receive implements [bus.Sender].
func (s *pointSender) Receive(r bus.Receiver) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.receiver = r
}

func (s *pointSender) send(list []bus.Point) {
	s.mu.Lock()
	r := s.receiver
	if r == nil && time.Since(s.warned) >= lostInterval {
		s.warned = time.Now()
		s.log.Warnf("Points of influxDBOut are lost: there is no [[outputs.alerter]] at work, which writes them; or set influxdb_out = \"metrics\"")
	}
	s.mu.Unlock()
	if r == nil {
		s.lost.Add(int64(len(list)))
		return
	}
	r.Points(list)
}
