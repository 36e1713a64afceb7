package udf

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

// A pipeLink is a link in memory whose ends close one by one.
type pipeLink struct {
	in     net.Conn // what the function writes
	out    net.Conn
	end    sync.Once
	killed chan struct{} // closed by End without grace
}

func (p *pipeLink) Read(b []byte) (int, error)  { return p.in.Read(b) }
func (p *pipeLink) Write(b []byte) (int, error) { return p.out.Write(b) }
func (p *pipeLink) CloseWrite() error           { return p.out.Close() }

func (p *pipeLink) End(time.Duration) error {
	p.end.Do(func() {
		close(p.killed)
		_ = p.in.Close()
		_ = p.out.Close()
	})
	return nil
}

// A peer is the function's side of a conversation, as a test plays it.
type peer struct {
	t      testing.TB
	in     *bufio.Reader
	conn   net.Conn // what it reads
	out    net.Conn
	link   *pipeLink
	buf    []byte
	number int // of the conversation
}

// next returns the next request; nil at the end of the stream.
func (p *peer) next() *agent.Request {
	var m agent.Request
	if err := agent.ReadMessage(&p.buf, p.in, &m); err != nil {
		return nil
	}
	return &m
}

// skipTo returns the next request of the same kind as want; those before it are not answered.
func (p *peer) skipTo(want any) *agent.Request {
	for {
		m := p.next()
		require.NotNil(p.t, m, "the stream ended; want %T", want)
		if fmt.Sprintf("%T", m.Message) == fmt.Sprintf("%T", want) {
			return m
		}
	}
}

func (p *peer) send(messages ...*agent.Response) {
	for _, m := range messages {
		if agent.WriteMessage(m, p.out) != nil {
			return
		}
	}
}

func (p *peer) close() {
	_ = p.out.Close()
	_ = p.conn.Close()
}

func initOK() *agent.Response {
	return &agent.Response{Message: &agent.Response_Init{Init: &agent.InitResponse{Success: true}}}
}

func pointReply(x *agent.Point) *agent.Response {
	return &agent.Response{Message: &agent.Response_Point{Point: x}}
}

func snapshotReply(b string) *agent.Response {
	return &agent.Response{Message: &agent.Response_Snapshot{Snapshot: &agent.SnapshotResponse{Snapshot: []byte(b)}}}
}

// begin answers init, and restore if there is one; it returns the snapshot.
func (p *peer) begin(restore bool) string {
	p.skipTo(&agent.Request_Init{})
	p.send(initOK())
	if !restore {
		return ""
	}
	m := p.skipTo(&agent.Request_Restore{})
	p.send(&agent.Response{Message: &agent.Response_Restore{Restore: &agent.RestoreResponse{Success: true}}})
	return string(m.GetRestore().Snapshot)
}

// mirror answers all requests until the stream ends, or until stop says so. A snapshot is the number of
// points so far, which a restore brings back.
func (p *peer) mirror(stop func(m *agent.Request) bool) {
	defer p.close()
	count := 0
	for {
		m := p.next()
		if m == nil || stop != nil && stop(m) {
			return
		}
		switch x := m.Message.(type) {
		case *agent.Request_Init:
			p.send(initOK())
		case *agent.Request_Keepalive:
			p.send(&agent.Response{Message: &agent.Response_Keepalive{Keepalive: &agent.KeepaliveResponse{Time: x.Keepalive.Time}}})
		case *agent.Request_Snapshot:
			p.send(snapshotReply(fmt.Sprint(count)))
		case *agent.Request_Restore:
			_, _ = fmt.Sscan(string(x.Restore.Snapshot), &count)
			p.send(&agent.Response{Message: &agent.Response_Restore{Restore: &agent.RestoreResponse{Success: true}}})
		case *agent.Request_Begin:
			p.send(&agent.Response{Message: &agent.Response_Begin{Begin: x.Begin}})
		case *agent.Request_Point:
			count++
			p.send(pointReply(x.Point))
		case *agent.Request_End:
			p.send(&agent.Response{Message: &agent.Response_End{End: x.End}})
		}
	}
}

// A rig is a function that tests play, and what comes from it.
type rig struct {
	*Function
	t         testing.TB
	log       memLog
	peers     chan *peer
	refuse    int // so many attempts to connect
	dials     int
	hold      chan struct{} // holds up Receive, unless nil
	mu        sync.Mutex
	got       []int64 // times of the points
	frames    []Kind
	snapshots []string
	failed    error
	broken    int
	rooms     int
}

// A memLog keeps what is logged.
type memLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *memLog) add(level, format string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, level+" "+fmt.Sprintf(format, args...))
}

func (l *memLog) Errorf(f string, a ...any) { l.add("E", f, a) }
func (l *memLog) Warnf(f string, a ...any)  { l.add("W", f, a) }
func (l *memLog) Infof(f string, a ...any)  { l.add("I", f, a) }
func (l *memLog) Debugf(f string, a ...any) { l.add("D", f, a) }

func (l *memLog) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func newRig(t testing.TB, change func(c *Config)) *rig {
	c := DefaultConfig()
	c.Name, c.Socket = "mirror", "/nowhere"
	if change != nil {
		change(&c)
	}
	require.NoError(t, c.Check())
	r := &rig{t: t, peers: make(chan *peer, 16)}
	r.Function = New(&c, &r.log)
	r.dial = func(context.Context) (link, error) {
		r.dials++
		if r.refuse > 0 {
			r.refuse--
			return nil, errors.New("connection refused")
		}
		in, out := net.Pipe()
		in2, out2 := net.Pipe()
		l := &pipeLink{in: in, out: out2, killed: make(chan struct{})}
		r.peers <- &peer{t: t, in: bufio.NewReader(in2), conn: in2, out: out, link: l, number: r.dials}
		return l, nil
	}
	return r
}

func (r *rig) open(snapshot string) *Session {
	return r.Open(AppendInit(nil, &Init{Task: "cpu", Node: "mirror2"}), []byte(snapshot), Events{
		Receive: func(x *Response) *Response {
			if r.hold != nil {
				<-r.hold
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.frames = append(r.frames, x.Kind)
			if x.Kind == PointReply {
				r.got = append(r.got, x.Point.Time)
			}
			return new(Response)
		},
		Broken:   func() { r.mu.Lock(); defer r.mu.Unlock(); r.broken++ },
		Snapshot: func(b []byte) { r.mu.Lock(); defer r.mu.Unlock(); r.snapshots = append(r.snapshots, string(b)) },
		Room:     func() { r.mu.Lock(); defer r.mu.Unlock(); r.rooms++ },
		Failed:   func(err error) { r.mu.Lock(); defer r.mu.Unlock(); r.failed = err },
	})
}

func (r *rig) times() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func frameAt(t int64) []byte {
	return AppendPoint(nil, &point.Point{Name: "m", Time: t, Fields: []point.Field{{Key: "v", Value: point.IntValue(t)}}})
}

// sendTo sends the points with the times from to to.
func sendTo(s *Session, from, to int64) {
	for t := from; t <= to; t++ {
		s.Send(frameAt(t), 1)
	}
}

func upTo(from, to int64) []int64 {
	out := []int64{}
	for t := from; t <= to; t++ {
		out = append(out, t)
	}
	return out
}

// batchOf returns a batch of points with the given times.
func batchOf(times ...int64) *point.Batch {
	b := &point.Batch{Name: "m", Group: &point.Group{}, TMax: times[len(times)-1]}
	for _, t := range times {
		b.Points = append(b.Points, point.Point{Time: t, Fields: []point.Field{{Key: "v", Value: point.IntValue(t)}}})
	}
	return b
}

// discard reads until the end of the stream.
func discard(p *peer) { _, _ = io.Copy(io.Discard, p.in) }
