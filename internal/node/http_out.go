package node

import (
	"errors"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("httpOut", func() spec.Declarer { return &httpOut{} }) }

// httpOut keeps the latest data of each group for the HTTP API.
type httpOut struct {
	endpoint string

	env    spec.Env
	latest []latest // in the order of the groups' first data
}

// latest is the last data of one group: a point or a batch. It is saved with the task.
type latest struct {
	Group *point.Group
	Point point.Point
	Batch *point.Batch
}

func (h *httpOut) Declare(s *spec.Spec) {
	s.Kind = "http_out"
	s.Doc("Keeps the latest point or batch of each group, to be read over HTTP as /kapacitor/v1/tasks/TASK/ENDPOINT. Passes the data on.")
	s.Aside()
	s.Arg(&h.endpoint, "endpoint", "last part of the path")
	s.Check(func() error {
		if h.endpoint == "" {
			return errors.New("the endpoint must not be empty")
		}
		return nil
	})
	s.Example("stream|from().measurement('m')|httpOut('top')", "m v=1 0s", "m v=1 0s")
}

func (h *httpOut) Start(env spec.Env) error {
	h.env = env
	return nil
}

// State saves the latest data.
func (h *httpOut) State() any { return &h.latest }

// Restored replaces the groups that were loaded by the task's own.
func (h *httpOut) Restored() {
	for i := range h.latest {
		l := &h.latest[i]
		l.Group = h.env.Groups().Get(l.Group.Name, l.Group.Tags, l.Group.Dims, l.Group.ByName)
		l.Point.Group = l.Group
		if l.Batch != nil {
			l.Batch.Group = l.Group
		}
	}
}

// Endpoint returns the last part of the path.
func (h *httpOut) Endpoint() string { return h.endpoint }

// Result returns the latest data as result JSON.
func (h *httpOut) Result() []byte {
	rows := make([][]byte, 0, len(h.latest))
	for i := range h.latest {
		var row []byte
		if l := &h.latest[i]; l.Batch != nil {
			row, _ = point.AppendBatchRow(nil, l.Batch) // what JSON cannot hold is null
		} else {
			row, _ = point.AppendPointRow(nil, &l.Point)
		}
		rows = append(rows, row)
	}
	return point.AppendSeries(nil, rows...)
}

func (h *httpOut) Group(g *point.Group, out point.Sink) point.Sink {
	return &httpOutGroup{n: h, Forward: spec.Forward{Out: out}, group: g, at: -1}
}

type httpOutGroup struct {
	n *httpOut
	spec.Forward
	group *point.Group
	at    int // place in latest
}

// State says no more than that the group is there, so that it can be deleted after a restart even if
// no data of it comes.
func (h *httpOutGroup) State() any { return &h.at }

// slot returns the group's place. When groups before it are deleted it only moves to the front.
func (h *httpOutGroup) slot() *latest {
	h.at = min(h.at, len(h.n.latest)-1)
	for h.at >= 0 && h.n.latest[h.at].Group != h.group {
		h.at--
	}
	if h.at < 0 {
		h.at = len(h.n.latest)
		h.n.latest = append(h.n.latest, latest{Group: h.group})
	}
	return &h.n.latest[h.at]
}

func (h *httpOutGroup) Point(p *point.Point) {
	l := h.slot()
	fields := append(l.Point.Fields[:0], p.Fields...)
	l.Point = *p
	l.Point.Fields, l.Batch = fields, nil
	h.Out.Point(p)
}

func (h *httpOutGroup) Batch(b *point.Batch) {
	h.slot().Batch = b.Clone()
	h.Out.Batch(b)
}

func (h *httpOutGroup) Delete(g *point.Group) {
	h.n.latest = slices.DeleteFunc(h.n.latest, func(l latest) bool { return l.Group == h.group })
	h.Out.Delete(g)
}
