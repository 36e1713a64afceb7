package agent_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

// recorder is a Handler that sends back what it gets and remembers how many points there were. The
// names of points make it fail.
type recorder struct {
	agent   *agent.Agent
	points  int
	stopped int
}

func (*recorder) Info() (*agent.InfoResponse, error) {
	return &agent.InfoResponse{
		Provides: agent.EdgeType_BATCH,
		Options: map[string]*agent.OptionInfo{
			"field": {ValueTypes: []agent.ValueType{agent.ValueType_STRING, agent.ValueType_DOUBLE}},
		},
	}, nil
}

func (*recorder) Init(r *agent.InitRequest) (*agent.InitResponse, error) {
	for _, o := range r.Options {
		if o.Name == "fail" {
			return nil, errors.New("told to fail")
		}
		if _, ok := o.Values[0].Value.(*agent.OptionValue_StringValue); !ok {
			return &agent.InitResponse{Error: "field must be a string"}, nil
		}
	}
	return &agent.InitResponse{Success: true}, nil
}

func (r *recorder) Snapshot() (*agent.SnapshotResponse, error) {
	return &agent.SnapshotResponse{Snapshot: fmt.Append(nil, r.points)}, nil
}

func (r *recorder) Restore(req *agent.RestoreRequest) (*agent.RestoreResponse, error) {
	n, _ := fmt.Sscan(string(req.Snapshot), &r.points)
	if n != 1 {
		return &agent.RestoreResponse{Error: "not a number"}, nil
	}
	return &agent.RestoreResponse{Success: true}, nil
}

func (r *recorder) BeginBatch(b *agent.BeginBatch) error {
	r.agent.Responses <- &agent.Response{Message: &agent.Response_Begin{Begin: b}}
	return nil
}

func (r *recorder) Point(p *agent.Point) error {
	r.points++
	switch p.Name {
	case "fail":
		return errors.New("told to fail")
	case "bad":
		p.Name = "\xff"
	}
	r.agent.Responses <- &agent.Response{Message: &agent.Response_Point{Point: p}}
	return nil
}

func (r *recorder) EndBatch(e *agent.EndBatch) error {
	r.agent.Responses <- &agent.Response{Message: &agent.Response_End{End: e}}
	return nil
}

func (r *recorder) Stop() {
	r.stopped++
	close(r.agent.Responses)
}

// A peer is the other side of an Agent.
type peer struct {
	t       *testing.T
	conn    net.Conn
	in      *bufio.Reader
	handler *recorder
	done    chan error
}

// newPeer starts an Agent with a recorder.
func newPeer(t *testing.T) *peer {
	t.Helper()
	ours, theirs := net.Pipe()
	a := agent.New(theirs, theirs)
	p := &peer{t, ours, bufio.NewReader(ours), &recorder{agent: a}, make(chan error, 1)}
	a.Handler = p.handler
	require.NoError(t, a.Start())
	go func() { p.done <- a.Wait() }()
	t.Cleanup(func() { _ = ours.Close() })
	return p
}

// send writes requests in the text format of protobuf, one a line, without waiting for answers.
func (p *peer) send(text string) <-chan error {
	done := make(chan error, 1)
	var frames strings.Builder
	for line := range strings.Lines(text) {
		request := new(agent.Request)
		require.NoError(p.t, prototext.Unmarshal([]byte(line), request))
		require.NoError(p.t, agent.WriteMessage(request, &frames))
	}
	go func() {
		_, err := io.WriteString(p.conn, frames.String())
		done <- err
	}()
	return done
}

// want reads responses and compares them with text, one a line.
func (p *peer) want(text string) {
	p.t.Helper()
	var buf []byte
	for line := range strings.Lines(text) {
		want, got := new(agent.Response), new(agent.Response)
		require.NoError(p.t, prototext.Unmarshal([]byte(line), want))
		require.NoError(p.t, agent.ReadMessage(&buf, p.in, got))
		require.True(p.t, proto.Equal(want, got), "got %v, want %v", got, want)
	}
}

// wantEnd expects the Agent to have said all.
func (p *peer) wantEnd() {
	p.t.Helper()
	_, err := p.in.ReadByte()
	require.Equal(p.t, io.EOF, err)
}

func TestConversation(t *testing.T) {
	p := newPeer(t)
	for _, step := range []struct{ send, want string }{
		{
			`info {}`,
			`info { provides: BATCH options { key: "field" value { valueTypes: [STRING, DOUBLE] } } }`,
		},
		{
			`init { taskID: "cpu" nodeID: "rec2" options { name: "field" values { type: DOUBLE doubleValue: 1 } } }`,
			`init { error: "field must be a string" }`,
		},
		{
			`init { options { name: "field" values { type: STRING stringValue: "a" } } }`,
			`init { success: true }`,
		},
		{`restore { snapshot: "many" }`, `restore { error: "not a number" }`},
		{`restore { snapshot: "41" }`, `restore { success: true }`},
		{`keepalive { time: 17 }`, `keepalive { time: 17 }`},
		{
			`point { time: 1 name: "cpu" fieldsDouble { key: "v" value: 1.5 } fieldsBool { key: "b" value: true } }`,
			`point { time: 1 name: "cpu" fieldsDouble { key: "v" value: 1.5 } fieldsBool { key: "b" value: true } }`,
		},
		{`snapshot {}`, `snapshot { snapshot: "42" }`},
		{
			"begin { name: \"cpu\" size: 1 }\npoint { time: 2 }\nend { tmax: 3 }\nkeepalive { time: 18 }",
			"begin { name: \"cpu\" size: 1 }\npoint { time: 2 }\nend { tmax: 3 }\nkeepalive { time: 18 }",
		},
	} {
		sent := p.send(step.send)
		p.want(step.want)
		require.NoError(t, <-sent)
	}
	require.NoError(t, p.conn.Close())
	require.NoError(t, <-p.done)
	require.Equal(t, 1, p.handler.stopped)
}

// TestFailures has everything that ends a conversation: the other side is told why, Wait as well, and
// the Handler is stopped.
func TestFailures(t *testing.T) {
	for _, c := range []struct{ name, send, raw, want, err string }{
		{
			name: "init fails", send: `init { options { name: "fail" } }`,
			want: `error { error: "told to fail" }`, err: "told to fail",
		},
		{
			name: "point fails", send: "point { name: \"cpu\" }\npoint { name: \"fail\" }",
			want: "point { name: \"cpu\" }\nerror { error: \"told to fail\" }", err: "told to fail",
		},
		{
			name: "response that cannot be encoded", send: "point { name: \"cpu\" }\npoint { name: \"bad\" }",
			want: "point { name: \"cpu\" }\nerror { error: \"string field contains invalid UTF-8\" }",
			err:  "write error: string field contains invalid UTF-8",
		},
		{name: "empty message", raw: "\x00", want: `error { error: "unknown request" }`, err: "unknown request"},
		{name: "unknown message", raw: "\x03\xfa\x01\x00", want: `error { error: "unknown request" }`, err: "unknown request"},
		{
			name: "length of no end", raw: strings.Repeat("\xff", 11),
			want: `error { error: "read error: binary: varint overflows a 64-bit integer" }`, err: "varint overflows",
		},
		{
			name: "too large", raw: "\xff\xff\xff\xff\x0f",
			want: `error { error: "read error: message of 4294967295 bytes is larger than 67108864" }`, err: "is larger than",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPeer(t)
			p.send(c.send)
			if c.raw != "" {
				go func() { _, _ = io.WriteString(p.conn, c.raw) }()
			}
			p.wantText(c.want)
			p.wantEnd()
			require.ErrorContains(t, <-p.done, c.err)
			require.Equal(t, 1, p.handler.stopped)
		})
	}
}

// wantText is want for errors, whose text in the library of protobuf is not stable to the byte.
func (p *peer) wantText(text string) {
	p.t.Helper()
	var buf []byte
	for line := range strings.Lines(text) {
		want, got := new(agent.Response), new(agent.Response)
		require.NoError(p.t, prototext.Unmarshal([]byte(line), want))
		require.NoError(p.t, agent.ReadMessage(&buf, p.in, got))
		if want.GetError() != nil {
			require.Contains(p.t, got.GetError().GetError(), want.GetError().GetError())
			continue
		}
		require.True(p.t, proto.Equal(want, got), "got %v, want %v", got, want)
	}
}

// TestTruncated ends the input inside a message; the output goes on to be read.
func TestTruncated(t *testing.T) {
	for _, raw := range []string{"\x80", "\x05\x8a", "\x05\x8a\x01\x02\x08"} {
		in, w := io.Pipe()
		r, out := io.Pipe()
		a := agent.New(in, out)
		a.Handler = &recorder{agent: a}
		require.NoError(t, a.Start())
		go func() {
			_, _ = io.WriteString(w, raw)
			_ = w.Close()
		}()
		done := make(chan error, 1)
		go func() { done <- a.Wait() }()
		var buf []byte
		got := new(agent.Response)
		require.NoError(t, agent.ReadMessage(&buf, bufio.NewReader(r), got))
		require.Equal(t, "read error: unexpected EOF", got.GetError().GetError())
		require.ErrorIs(t, <-done, io.ErrUnexpectedEOF)
	}
}

// TestPeerGone sends much and then breaks the connection without having read: the Handler must not
// be left hanging.
func TestPeerGone(t *testing.T) {
	p := newPeer(t)
	p.send(strings.Repeat("point { name: \"cpu\" }\n", 10_000))
	p.want(`point { name: "cpu" }`)
	require.NoError(t, p.conn.Close())
	require.ErrorContains(t, <-p.done, "write error: ")
	require.Equal(t, 1, p.handler.stopped)
}

// TestOrder lets the answer to a keepalive come after all points that were sent before it.
func TestOrder(t *testing.T) {
	p := newPeer(t)
	const points = 1000
	for range 20 {
		sent := p.send(strings.Repeat("point { name: \"cpu\" }\n", points) + "keepalive { time: 1 }")
		p.want(strings.Repeat("point { name: \"cpu\" }\n", points) + "keepalive { time: 1 }")
		require.NoError(t, <-sent)
	}
}

// TestLateResponses has a Handler that sends after it was stopped, from a goroutine of its own.
func TestLateResponses(t *testing.T) {
	in, w := io.Pipe()
	r, out := io.Pipe()
	a := agent.New(in, out)
	h := &late{recorder{agent: a}}
	a.Handler = h
	require.NoError(t, a.Start())
	require.NoError(t, w.Close())
	done := make(chan error, 1)
	go func() { done <- a.Wait() }()
	br := bufio.NewReader(r)
	var buf []byte
	for i := range 3 {
		got := new(agent.Response)
		require.NoError(t, agent.ReadMessage(&buf, br, got))
		require.Equal(t, int64(i), got.GetPoint().Time)
	}
	_, err := br.ReadByte()
	require.Equal(t, io.EOF, err)
	require.NoError(t, <-done)
}

type late struct{ recorder }

func (l *late) Stop() {
	go func() {
		for i := range int64(3) {
			l.agent.Responses <- &agent.Response{Message: &agent.Response_Point{Point: &agent.Point{Time: i}}}
		}
		close(l.agent.Responses)
	}()
}

func TestNoHandler(t *testing.T) {
	conn, _ := net.Pipe()
	require.EqualError(t, agent.New(conn, conn).Start(), "agent has no handler")
}

type acceptFunc func(net.Conn)

func (f acceptFunc) Accept(c net.Conn) { f(c) }

// BenchmarkMirror counts points that go to a function and come back, over a unix socket.
func BenchmarkMirror(b *testing.B) {
	l, err := net.Listen("unix", b.TempDir()+"/s")
	require.NoError(b, err)
	s := agent.NewServer(l, acceptFunc(func(c net.Conn) {
		a := agent.New(c, c)
		a.Handler = &recorder{agent: a}
		_ = a.Start()
		go func() { _ = a.Wait() }()
	}))
	go func() { _ = s.Serve() }()
	defer s.Stop()
	conn, err := net.Dial("unix", l.Addr().String())
	require.NoError(b, err)
	defer conn.Close()

	var frame strings.Builder
	require.NoError(b, agent.WriteMessage(&agent.Request{Message: &agent.Request_Point{Point: &agent.Point{
		Time: 1700000000000000000, Name: "cpu", Group: "host=a", Dimensions: []string{"host"},
		Tags:         map[string]string{"host": "a", "cpu": "cpu-total"},
		FieldsDouble: map[string]float64{"usage_idle": 91.5, "usage_user": 3},
	}}}, &frame))
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		w := bufio.NewWriterSize(conn, 64<<10)
		for range b.N {
			_, _ = w.WriteString(frame.String())
		}
		_ = w.Flush()
	}()
	_, err = io.CopyN(io.Discard, conn, int64(b.N*frame.Len()))
	require.NoError(b, err)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "points/s")
}
