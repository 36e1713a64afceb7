package node

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() { spec.Register("httpPost", func() spec.Declarer { return &httpPost{} }) }

// httpPost sends the data that passes to an HTTP server.
//
// The request is an effect: the task does not wait for it. Only codeField needs the answer, so
// with it the data is held back, in order, until the status code has come.
type httpPost struct {
	urls, endpoints []string
	headers         []point.Tag
	codeField       string
	capture         bool
	timeout         time.Duration

	env     spec.Env
	url     *template.Template // nil if the URL is plain text
	out     point.Sink
	queue   []*parked
	dropped *int64
}

// parked is data that waits for its status code.
type parked struct {
	id       uint64 // of the request
	point    *point.Point
	batch    *point.Batch
	answered bool
	status   int
}

// maxParked bounds what waits for answers. When it is reached the oldest goes on with code 0, as
// if its request had failed.
const maxParked = 10_000

func (h *httpPost) Declare(s *spec.Spec) {
	s.Kind = "http_post"
	s.Doc("Sends every point or batch as JSON to an HTTP server. Passes the data on, whether that worked or not.")
	s.Aside("url", "endpoint", "header", "captureResponse", "timeout")
	s.Arg(&h.urls, "url", "where to send it; a template over the row's Name, Tags and Values")
	s.Func("endpoint", "configured endpoint, instead of a URL", func(name string) error {
		h.endpoints = append(h.endpoints, name)
		return nil
	}, "name")
	s.Func("header", "header of the request", h.header, "key", "value")
	s.Prop(&h.codeField, "codeField", "field that gets the status code of the response, 0 if there was none")
	s.Flag(&h.capture, "captureResponse", "log the response of a request that failed")
	s.Prop(&h.timeout, "timeout", "longest time that a request may take")
	s.Check(h.check)
	s.Example("stream|from().measurement('m')|httpPost('http://127.0.0.1:8080/in').codeField('code')", "m v=1 0s", "m code=200i,v=1 0s")
}

func (h *httpPost) header(key, value string) error {
	if strings.EqualFold(key, "authenticate") {
		return errors.New("the header authenticate cannot be set")
	}
	h.headers = append(h.headers, point.Tag{Key: key, Value: value})
	return nil
}

func (h *httpPost) check() error {
	switch {
	case len(h.urls) > 1:
		return fmt.Errorf("want one URL at the most, got %d", len(h.urls))
	case len(h.endpoints) > 1:
		return fmt.Errorf("want one endpoint at the most, got %d", len(h.endpoints))
	case len(h.urls)+len(h.endpoints) == 0:
		return errors.New("needs a URL or an endpoint: write httpPost('http://…')")
	case len(h.urls)+len(h.endpoints) == 2:
		return errors.New("takes a URL or an endpoint, not both")
	}
	return nil
}

// Refers returns the endpoint, if the node has one.
func (h *httpPost) Refers() (r spec.Reference) {
	if len(h.endpoints) == 1 {
		r = spec.Reference{Kind: "endpoint", Name: h.endpoints[0]}
	}
	return r
}

func (h *httpPost) Start(env spec.Env) (err error) {
	h.env = env
	h.dropped = env.Counter("answers_given_up")
	if len(h.urls) == 1 && strings.Contains(h.urls[0], "{{") {
		h.url, err = template.New("url").Parse(h.urls[0])
	}
	return err
}

func (h *httpPost) Open(out point.Sink) point.Sink {
	h.out = out
	return &httpPostSink{n: h, Forward: spec.Forward{Out: out}}
}

// Close sends on what still waits for an answer.
func (h *httpPost) Close() {
	for i := range h.queue {
		h.queue[i].answered = true
	}
	h.release()
}

type httpPostSink struct {
	n *httpPost
	spec.Forward
}

func (h *httpPostSink) Point(p *point.Point) {
	row, err := point.AppendPointRow(nil, p)
	wait := h.n.post(row, err, spec.Rows{Name: p.Name, Tags: p.Tags, Points: []point.Point{*p}})
	if h.n.codeField == "" {
		h.Out.Point(p)
		return
	}
	wait.point = p.Clone()
	h.n.park(wait)
}

func (h *httpPostSink) Batch(b *point.Batch) {
	row, err := point.AppendBatchRow(nil, b)
	wait := h.n.post(row, err, spec.Rows{Name: b.Name, Tags: b.Group.Tags, Group: b.Group.Tags, Points: b.Points})
	if h.n.codeField == "" {
		h.Out.Batch(b)
		return
	}
	wait.batch = b.Clone()
	h.n.park(wait)
}

// post emits the request for a row and returns what waits for its answer.
func (h *httpPost) post(row []byte, err error, data spec.Rows) *parked {
	x := spec.Post{Headers: h.headers, Timeout: int64(h.timeout), Capture: h.capture}
	switch {
	case err != nil:
	case len(h.endpoints) > 0:
		x.Endpoint = h.endpoints[0]
		x.Rows = data
		x.Rows.Points = clones(data.Points)
	case h.url != nil:
		var b bytes.Buffer
		err = h.url.Execute(&b, data.Row())
		x.URL = b.String()
	default:
		x.URL = h.urls[0]
	}
	if err != nil {
		h.env.Error(fmt.Errorf("failed to POST data: %w", err))
		return &parked{answered: true}
	}
	x.Body = append(point.AppendSeries(nil, row), '\n')
	return &parked{id: h.env.Ask(x)}
}

// clones returns points that outlive the call, without their groups.
func clones(points []point.Point) []point.Point {
	out := make([]point.Point, len(points))
	for i := range points {
		out[i] = *points[i].Clone()
		out[i].Group = nil
	}
	return out
}

// Answer takes the status of a request. Only data that gets it waits for it.
func (h *httpPost) Answer(id uint64, r spec.Reply) {
	posted := r.(spec.Posted) //nolint:forcetypeassert // the task has checked it
	for _, w := range h.queue {
		if w.id == id {
			w.answered, w.status = true, posted.Status
			h.release()
			return
		}
	}
}

// park puts data in the queue of what waits for an answer.
func (h *httpPost) park(wait *parked) {
	h.queue = append(h.queue, wait)
	if len(h.queue) > maxParked {
		h.queue[0].answered = true
		*h.dropped++
	}
	h.release()
}

// release sends on the answered data at the head of the queue.
func (h *httpPost) release() {
	for len(h.queue) > 0 && h.queue[0].answered {
		w := h.queue[0]
		h.queue[0] = nil
		h.queue = h.queue[1:]
		code := point.IntValue(int64(w.status))
		if w.point != nil {
			w.point.Group = h.current(w.point.Group)
			w.point.Fields = point.SetField(w.point.Fields, h.codeField, code)
			h.out.Point(w.point)
			continue
		}
		for i := range w.batch.Points {
			p := &w.batch.Points[i]
			p.Fields = point.SetField(p.Fields, h.codeField, code)
		}
		w.batch.Group = h.current(w.batch.Group)
		h.out.Batch(w.batch)
	}
}

// current returns g, or the group that has taken its place if it was deleted meanwhile.
func (h *httpPost) current(g *point.Group) *point.Group {
	if !g.Gone() {
		return g
	}
	return h.env.Groups().Get(g.Name, g.Tags, g.Dims, g.ByName)
}
