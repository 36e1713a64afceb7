package udf

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Events are what a session tells its owner. Those that are nil are not told. All but Room are called
// by one goroutine, which reads from the function: while one of them does not return, the function is
// not read from.
type Events struct {
	// Receive brings data: a point, or the begin or the end of a batch. The response belongs to the
	// owner, who returns another one to read into.
	Receive func(*Response) *Response
	// Broken says that the connection has ended. A batch that has begun and not ended is void.
	Broken func()
	// Snapshot brings the function's state, for Open after a restart; nil if it is to be forgotten.
	Snapshot func([]byte)
	// Room says that a session which was full has room again.
	Room func()
	// Failed says that the function refuses to begin. The session does nothing any more.
	Failed func(error)
}

// Stats are the counters of a session or a function.
type Stats struct {
	In, Out      int64 // points for the function, points from it
	Dropped      int64 // points that found no room, or were left at the end
	Restarts     int64 // conversations that broke
	Replayed     int64 // points that were written again
	Lost         int64 // points written since the last snapshot that could not be written again
	Repeated     int64 // points that came again and were left out
	Unexpected   int64 // responses that nobody asked for
	Snapshots    int64
	SnapshotSize int64 // of the newest, in bytes
	Queue        int64 // points that wait
	Connected    int64 // conversations that take data
	Sessions     int64
	RoundTrip    time.Duration // of the last keepalive; of several sessions the longest
}

func (s *Stats) add(o Stats) {
	s.In += o.In
	s.Out += o.Out
	s.Dropped += o.Dropped
	s.Restarts += o.Restarts
	s.Replayed += o.Replayed
	s.Lost += o.Lost
	s.Repeated += o.Repeated
	s.Unexpected += o.Unexpected
	s.Snapshots += o.Snapshots
	s.SnapshotSize += o.SnapshotSize
	s.Queue += o.Queue
	s.Connected += o.Connected
	s.Sessions += o.Sessions
	s.RoundTrip = max(s.RoundTrip, o.RoundTrip)
}

const (
	maxQueueBytes  = 64 << 20 // of a session's queue
	maxReplayBytes = 16 << 20 // of what is kept to be written again
	// A queue whose policy is block takes so many times its size, for an owner that is slow to wait.
	blockSlack = 4
	// attempts is how often the same points, or the same snapshot, may be followed by a failure.
	attempts = 3
	// settled is how long a conversation must last for the pauses to begin anew.
	settled = 10 * time.Second
	// closeGrace bounds how long Close waits for a function, if its timeout does not.
	closeGrace = 10 * time.Second
)

// A Session is one use of a function: by a node, or by a plugin. It connects, again and again if need
// be; nothing of that makes the owner wait. Its methods are safe for concurrent use.
type Session struct {
	f      *Function
	init   []byte // request
	events Events

	context context.Context // of dialing
	cancel  context.CancelFunc
	closing chan struct{} // closed by Close
	done    chan struct{} // closed at the end
	once    sync.Once

	mu       sync.Mutex
	wake     sync.Cond // of the writer
	backlog  backlog
	full     bool // and Room has not been called since
	over     bool // nothing is taken any more
	trimmed  int  // points given up since the last snapshot
	snapshot []byte

	// What follows belongs to the goroutine that reads, or to the session's own while there is none.
	answered int64 // points and batches that came since the last snapshot
	skip     int64 // so many that come now came before
	hidden   bool  // the batch that is coming came before
	resp     *Response

	// What follows belongs to the session's own goroutine.
	failures int // in a row, without a sign that what is replayed does no harm
	refusals int // of the snapshot, in a row

	in, out, dropped, restarts, replayed, lost, repeated, unexpected, snapshots, snapshotSize, roundTrip atomic.Int64

	connected atomic.Bool
}

// Open begins a session with an init request ([AppendInit]) and, if there is one, a snapshot to go on
// from. It does not wait for the function.
func (f *Function) Open(init, snapshot []byte, events Events) *Session {
	s := &Session{
		f: f, init: init, snapshot: snapshot, events: events,
		closing: make(chan struct{}), done: make(chan struct{}), resp: new(Response),
		backlog: backlog{keep: f.ReplaySize, keepBytes: maxReplayBytes},
	}
	s.wake.L = &s.mu
	s.context, s.cancel = context.WithCancel(context.Background())
	f.mu.Lock()
	f.sessions[s] = true
	f.mu.Unlock()
	go s.run()
	return s
}

// Send gives the function one chunk of whole frames, with so many points. It does not wait and copies
// what it takes. What happens if the queue is full is the function's policy.
func (s *Session) Send(frames []byte, points int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &s.backlog
	if s.over {
		s.dropped.Add(int64(points))
		return
	}
	switch {
	case !s.isFull():
	case s.f.QueueFull == DropOldest:
		for s.isFull() && b.mark < b.last {
			s.dropped.Add(int64(b.drop()))
		}
	case s.f.QueueFull == DropNewest, b.waiting >= blockSlack*s.f.QueueSize+s.f.ReplaySize, b.waitingBytes >= 2*maxQueueBytes:
		s.dropped.Add(int64(points))
		return
	}
	b.add(frames, points)
	s.in.Add(int64(points))
	if s.f.QueueFull == Block && s.isFull() {
		s.full = true
	}
	s.wake.Signal()
}

func (s *Session) isFull() bool {
	return s.backlog.waiting >= s.f.QueueSize || s.backlog.waitingBytes >= maxQueueBytes
}

// Full reports whether the owner is to wait: the policy is block, and there has been no room since.
// Events.Room says when there is.
func (s *Session) Full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full && !s.over
}

// room notes that there is room if so, and returns what is to be told then. s.mu is held.
func (s *Session) room() (tell func()) {
	if s.full && (s.over || s.backlog.waiting <= s.f.QueueSize/2 && s.backlog.waitingBytes <= maxQueueBytes/2) {
		s.full = false
		return s.events.Room
	}
	return nil
}

// Close ends the session: what waits is written, a last snapshot is taken, and what the function still
// sends is received. For all that it has its timeout. Close waits for the end; no event comes after it.
func (s *Session) Close() {
	s.once.Do(func() {
		close(s.closing)
		// A session that was opened just now may still connect.
		time.AfterFunc(min(time.Duration(s.f.Timeout), closeGrace), s.cancel)
	})
	<-s.done
}

// Stats returns the session's counters.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	waiting := s.backlog.waiting
	s.mu.Unlock()
	x := Stats{
		In: s.in.Load(), Out: s.out.Load(), Dropped: s.dropped.Load(), Restarts: s.restarts.Load(), Replayed: s.replayed.Load(),
		Lost: s.lost.Load(), Repeated: s.repeated.Load(), Unexpected: s.unexpected.Load(), Snapshots: s.snapshots.Load(),
		SnapshotSize: s.snapshotSize.Load(), Queue: int64(waiting), Sessions: 1, RoundTrip: time.Duration(s.roundTrip.Load()),
	}
	if s.connected.Load() {
		x.Connected = 1
	}
	return x
}

// errRefused is wrapped by the error of a function that does not take its init.
var errRefused = errors.New("refuses to begin")

// run keeps up the conversation until the session is closed.
func (s *Session) run() {
	defer s.finish()
	pause := s.f.pace.pauses()
	last := ""
	for {
		began := time.Now()
		lasted, err := s.attempt()
		switch {
		case errors.Is(err, errRefused):
			if s.events.Failed != nil {
				s.events.Failed(err)
			}
			return
		case s.isClosing():
			if err != nil && lasted {
				s.f.log.Warnf("UDF %q did not end well: %v", s.f.Name, err)
			}
			return
		}
		s.restarts.Add(1)
		if lasted || err.Error() != last {
			s.f.log.Warnf("UDF %q has failed and is to be restarted: %v", s.f.Name, err)
			last = err.Error()
		}
		if lasted && time.Since(began) > settled {
			pause = s.f.pace.pauses()
		}
		if !s.sleep(pause()) {
			return
		}
	}
}

func (s *Session) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// sleep waits and reports whether the session has not been closed meanwhile.
func (s *Session) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.closing:
		return false
	}
}

// attempt connects and has a conversation. It reports whether data could be sent.
func (s *Session) attempt() (lasted bool, err error) {
	l, err := s.f.dial(s.context)
	if err != nil {
		return false, err
	}
	s.prepare()
	t := newTalk(s, l)
	err = t.run()
	s.afterTalk(t)
	return t.lasted, err
}

// afterTalk draws conclusions from a conversation that is over.
func (s *Session) afterTalk(t *talk) {
	s.connected.Store(false)
	s.mu.Lock()
	if t.lasted && !t.safe {
		s.failures++
	}
	if t.safe {
		s.failures = 0
	}
	if s.failures >= attempts {
		s.failures = 0
		s.answered = 0
		if n := s.backlog.cut(s.backlog.mark); n > 0 {
			s.trimmed += n
			s.f.log.Errorf("UDF %q has failed %d times with the same %d points, which are given up", s.f.Name, attempts, n)
		}
	}
	s.mu.Unlock()
	if t.unfit != "" {
		s.dropSnapshot(fmt.Errorf("it is refused: %s", t.unfit))
	} else if t.restoring {
		if s.refusals++; s.refusals >= attempts {
			s.dropSnapshot(fmt.Errorf("it has failed %d times to go on from it", attempts))
		}
	}
	if s.events.Broken != nil {
		s.events.Broken()
	}
}

// dropSnapshot forgets a snapshot that does no good.
func (s *Session) dropSnapshot(why error) {
	s.f.log.Errorf("UDF %q begins anew, without its snapshot: %v", s.f.Name, why)
	s.mu.Lock()
	s.snapshot = nil
	s.mu.Unlock()
	s.refusals, s.answered = 0, 0
	if s.events.Snapshot != nil {
		s.events.Snapshot(nil)
	}
}

// prepare decides how many answers of the next conversation will have come before. Nobody reads yet.
func (s *Session) prepare() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost.Add(int64(s.trimmed))
	if s.backlog.kept == 0 || s.trimmed > 0 {
		// Nothing will be asked again; or which answers belong to what is left is not known, and better
		// twice than never.
		s.answered = 0
	}
	s.skip, s.trimmed = s.answered, 0
}

// finish ends the session.
func (s *Session) finish() {
	s.cancel()
	s.mu.Lock()
	s.over = true
	if n := s.backlog.waiting; n > 0 {
		s.dropped.Add(int64(n))
		s.f.log.Warnf("UDF %q: %d points had not been sent when the session ended", s.f.Name, n)
	}
	s.backlog = backlog{}
	tell := s.room()
	s.mu.Unlock()
	if tell != nil {
		tell()
	}
	x := s.Stats()
	x.Queue, x.Sessions, x.SnapshotSize, x.RoundTrip = 0, 0, 0, 0
	s.f.mu.Lock()
	delete(s.f.sessions, s)
	s.f.past.add(x)
	s.f.mu.Unlock()
	close(s.done)
}
