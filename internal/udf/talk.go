package udf

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// This file has one conversation with a function. Three goroutines take part: one reads, one writes,
// and the session's own sees to the order of things and to the time.
//
//	begin ── init ──> restore ──> open ──> draining ──> last snapshot ──> half-closed ──> end of the stream
//	         (refused: the session fails)  (Close)

// A talk is one conversation.
type talk struct {
	s       *Session
	link    link
	frames  atomic.Int64  // that have come
	busy    atomic.Bool   // a response is with the owner
	replies chan answer   // that somebody waits for
	ended   chan error    // reading
	wrote   chan error    // writing; nil if there is nothing more to write
	drained chan struct{} // all data has been taken to be written
	both    sync.WaitGroup

	// What follows is guarded by s.mu.
	control   []byte // frames that go before the data
	open      bool   // data may be written
	half      bool   // nothing comes behind what is to be written
	over      bool   // nothing may be written
	awaited   Kind   // of the reply that somebody waits for
	snapshot  bool   // a request for one is to be written
	snapAt    int64  // place of the request in the backlog, -1 if none is open
	replayTo  int64  // place where the replay ends, -1 if it has been written
	replayEnd int64  // time in the keepalive behind the replay, 0 if it has come back

	// What follows belongs to the session's goroutine once nobody reads any more.
	lasted    bool   // data could be written
	safe      bool   // what was replayed has been dealt with; set by the reader
	restoring bool   // no answer to the restore has come
	unfit     string // why the snapshot is refused

	odd bool // an unexpected reply has been logged; of the reader
}

// An answer is one to init, restore or snapshot.
type answer struct {
	kind    Kind
	success bool
	text    string
}

func newTalk(s *Session, l link) *talk {
	return &talk{s: s, link: l, replies: make(chan answer, 3), ended: make(chan error, 1), wrote: make(chan error, 1), drained: make(chan struct{}, 1), snapAt: -1, replayTo: -1}
}

// A phase is what the conversation is about.
type phase uint8

const (
	starting phase = iota
	restoring
	open
	draining
	lastSnapshot
	halfClosed
)

// errHung is the end of a conversation with a function that does not answer.
var errHung = errors.New("keepalive timed out")

// run has the conversation and ends it.
func (t *talk) run() error {
	t.both.Go(func() { t.ended <- t.read() })
	t.both.Go(func() { t.wrote <- t.write() })
	grace, err := t.converse()
	t.s.mu.Lock()
	t.over = true
	t.s.wake.Broadcast()
	t.s.mu.Unlock()
	exit := t.link.End(grace)
	t.both.Wait()
	switch {
	case err == nil && exit != nil:
		return departed(exit)
	case isEnd(err):
		return departed(exit)
	}
	return err
}

// converse returns how the conversation ended, and how long the function may take to exit.
func (t *talk) converse() (grace time.Duration, err error) {
	s := t.s
	timeout := time.Duration(s.f.Timeout)
	keepalive := time.NewTicker(timeout / 2)
	defer keepalive.Stop()
	interval := max(timeout/8, time.Millisecond)
	check := time.NewTicker(interval)
	defer check.Stop()
	var snapshot <-chan time.Time
	if d := time.Duration(s.f.SnapshotInterval); d > 0 {
		ticker := time.NewTicker(d)
		defer ticker.Stop()
		snapshot = ticker.C
	}
	closing, wrote := s.closing, t.wrote
	var deadline, half <-chan time.Time
	at := starting
	t.ask(InitReply, s.init)
	seen, sign := int64(0), time.Now()
	checked := sign
	for {
		select {
		case r := <-t.replies:
			if at, err = t.answered(r, at); err != nil {
				return exitGrace, err
			}
		case err := <-t.ended:
			select {
			case r := <-t.replies: // its last words
				if at, refusal := t.answered(r, at); refusal != nil {
					return exitGrace, refusal
				} else if at == halfClosed && isEnd(err) {
					return min(timeout, closeGrace), nil
				}
			default:
			}
			if at == halfClosed && isEnd(err) {
				return min(timeout, closeGrace), nil
			}
			if isEnd(err) || errors.Is(err, errGivenUp) {
				return exitGrace, err
			}
			return 0, err
		case err := <-wrote:
			wrote = nil
			if err != nil && at != halfClosed {
				// What the function has said before it went may tell why.
				select {
				case why := <-t.ended:
					return exitGrace, why
				case <-time.After(exitGrace):
					return 0, err
				}
			}
		case <-keepalive.C:
			if at != halfClosed {
				t.send(AppendKeepalive(nil, time.Now().UnixNano()))
			}
		case <-check.C:
			if late := time.Since(checked) - 2*interval; late > 0 {
				sign = sign.Add(late) // it is we who stood still
			}
			checked = time.Now()
			if n := t.frames.Load(); n != seen || t.busy.Load() {
				seen, sign = n, time.Now()
			} else if silence := time.Since(sign); silence >= timeout {
				return 0, fmt.Errorf("%w: nothing has come for %s", errHung, silence.Round(time.Millisecond))
			}
		case <-snapshot:
			if at == open {
				t.requestSnapshot()
			}
		case <-closing:
			closing = nil
			grace := min(timeout, closeGrace)
			deadline, half = time.After(grace), time.After(grace/2)
		case <-t.drained:
		case <-half:
			if at == lastSnapshot {
				s.f.log.Warnf("UDF %q does not answer the request for a last snapshot", s.f.Name)
				at = t.halfClose()
			}
		case <-deadline:
			return 0, fmt.Errorf("it did not come to an end within %s", min(timeout, closeGrace))
		}
		if closing == nil {
			at = t.close(at)
		}
	}
}

// exitGrace is how long a function that has failed may take to exit.
const exitGrace = time.Second

// answered goes on after a reply.
func (t *talk) answered(r answer, at phase) (phase, error) {
	s := t.s
	switch {
	case r.kind == InitReply && !r.success:
		return at, fmt.Errorf("the function %s %w: %s", s.f.Name, errRefused, printable(r.text))
	case r.kind == InitReply:
		s.mu.Lock()
		snapshot := s.snapshot
		s.mu.Unlock()
		if len(snapshot) == 0 {
			return t.begin(), nil
		}
		t.restoring = true
		t.ask(RestoreReply, AppendRestore(nil, snapshot))
		return restoring, nil
	case r.kind == RestoreReply:
		t.restoring = false
		if !r.success {
			t.unfit = cmp.Or(printable(r.text), "no reason is given")
			return at, errors.New("the snapshot is refused")
		}
		s.refusals = 0
		return t.begin(), nil
	case r.kind == SnapshotReply && at == lastSnapshot:
		return t.halfClose(), nil
	}
	return at, nil
}

// begin lets data be written, first what is to be written again.
func (t *talk) begin() phase {
	s := t.s
	s.mu.Lock()
	defer s.mu.Unlock()
	end := s.backlog.mark
	if n := s.backlog.rewind(); n > 0 {
		t.replayTo = end
		s.replayed.Add(int64(n))
	} else {
		t.safe = true
	}
	t.open, t.lasted = true, true
	s.connected.Store(true)
	s.wake.Signal()
	return open
}

// close brings a conversation on its way to the end.
func (t *talk) close(at phase) phase {
	s := t.s
	if at == open {
		at = draining
	}
	if at != draining {
		return at
	}
	s.mu.Lock()
	drained := s.backlog.mark == s.backlog.last
	s.mu.Unlock()
	if !drained {
		return at
	}
	t.requestSnapshot()
	return lastSnapshot
}

// halfClose tells the function that nothing more comes.
func (t *talk) halfClose() phase {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	t.half = true
	t.s.wake.Signal()
	return halfClosed
}

// send has frames written before the data.
func (t *talk) send(frames []byte) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if len(t.control) < maxControl { // else the function reads nothing, and the watchdog sees to it
		t.control = append(t.control, frames...)
	}
	t.s.wake.Signal()
}

// maxControl bounds the frames that wait before the data. A restore alone may be larger.
const maxControl = 1 << 10

// ask sends a request whose reply is wanted.
func (t *talk) ask(k Kind, frames []byte) {
	t.s.mu.Lock()
	t.awaited = k
	t.s.mu.Unlock()
	t.send(frames)
}

func (t *talk) requestSnapshot() {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.snapAt < 0 {
		t.snapshot = true
		t.s.wake.Signal()
	}
}

// write writes what there is until the conversation is over, or half-closed.
func (t *talk) write() error {
	var control []byte
	for {
		var data []byte
		var tell func()
		control, data, tell = t.next(control[:0])
		if tell != nil {
			tell()
		}
		if len(control)+len(data) == 0 {
			_ = t.link.CloseWrite() // what is wrong shows in what is read
			return nil
		}
		if len(control) > 0 {
			if _, err := t.link.Write(control); err != nil {
				return err
			}
		}
		if len(data) > 0 {
			if _, err := t.link.Write(data); err != nil {
				return err
			}
		}
	}
}

// next waits for something to write. It returns nothing when there will not be any more. The data is
// valid until the next call.
func (t *talk) next(control []byte) (_, data []byte, tell func()) {
	s := t.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if t.over {
			return nil, nil, nil
		}
		control = append(control, t.control...)
		t.control = t.control[:0]
		if t.snapshot {
			t.snapshot = false
			t.snapAt = s.backlog.mark
			control = AppendSnapshot(control)
		}
		if t.open {
			limit := s.backlog.last
			if t.replayTo >= 0 {
				limit = t.replayTo
			}
			data = s.backlog.next(limit)
			s.trimmed += s.backlog.trim()
			if t.replayTo >= 0 && s.backlog.mark >= t.replayTo {
				t.replayTo, t.replayEnd = -1, time.Now().UnixNano()
				t.control = AppendKeepalive(t.control, t.replayEnd)
			}
			tell = s.room()
		}
		if len(control)+len(data) > 0 {
			return control, data, tell
		}
		if len(t.control) > 0 {
			continue
		}
		if t.half {
			return nil, nil, nil
		}
		if t.open && s.backlog.mark == s.backlog.last {
			select {
			case t.drained <- struct{}{}:
			default:
			}
		}
		s.wake.Wait()
	}
}

// errGivenUp is wrapped by the error of a function that ends the conversation with an error.
var errGivenUp = errors.New("the function gives up")

// read reads responses until there are no more.
func (t *talk) read() error {
	s := t.s
	r := NewReader(t.link, int(s.f.MaxFrame))
	within := false // a batch
	for {
		if err := r.Read(s.resp); err != nil {
			return err
		}
		t.frames.Add(1)
		resp := s.resp
		switch resp.Kind {
		case PointReply:
			if !within {
				s.hidden = s.skip > 0
				s.count()
			}
			if s.hidden {
				s.repeated.Add(1)
				continue
			}
			s.out.Add(1)
			t.deliver()
		case BeginReply:
			within = true
			s.hidden = s.skip > 0
			t.deliver()
		case EndReply:
			within = false
			s.count()
			t.deliver()
		case ErrorReply:
			return fmt.Errorf("%w: %s", errGivenUp, printable(resp.Error))
		case KeepaliveReply:
			t.echo(resp.Time)
		case SnapshotReply:
			t.keep(resp)
		case InitReply, RestoreReply:
			t.pass(answer{resp.Kind, resp.Success, resp.Error})
		default:
			t.unexpected(resp.Kind)
		}
	}
}

// deliver hands the response to the owner. While the owner has it, no frame can come, and the function
// cannot be blamed for that.
func (t *talk) deliver() {
	s := t.s
	if s.events.Receive == nil || s.hidden {
		return
	}
	t.busy.Store(true)
	s.resp = s.events.Receive(s.resp)
	t.busy.Store(false)
}

// count counts a point, or a batch, that has come for the first time or again.
func (s *Session) count() {
	if s.skip > 0 {
		s.skip--
	} else {
		s.answered++
	}
}

// echo takes a keepalive that has come back.
func (t *talk) echo(sent int64) {
	s := t.s
	if d := time.Now().UnixNano() - sent; d >= 0 && d < int64(time.Hour) {
		s.roundTrip.Store(d)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.replayEnd != 0 && sent == t.replayEnd {
		// What was to come again has come. If there is less of it than there was, so be it.
		t.replayEnd = 0
		t.safe = true
		s.answered -= s.skip
		s.skip = 0
	}
}

// keep takes a snapshot: what was written before it need not be written again.
func (t *talk) keep(resp *Response) {
	s := t.s
	s.mu.Lock()
	at := t.snapAt
	if at < 0 {
		s.mu.Unlock()
		t.unexpected(SnapshotReply)
		return
	}
	t.snapAt = -1
	t.safe = true
	b := slices.Clone(resp.Snapshot)
	s.snapshot = b
	s.backlog.cut(at)
	s.trimmed = 0
	s.mu.Unlock()
	s.answered = s.skip // they belong to what was written behind the request
	s.snapshots.Add(1)
	s.snapshotSize.Store(int64(len(b)))
	if s.events.Snapshot != nil {
		s.events.Snapshot(b)
	}
	t.replies <- answer{kind: SnapshotReply}
}

// pass hands on a reply that somebody waits for.
func (t *talk) pass(r answer) {
	t.s.mu.Lock()
	wanted := t.awaited == r.kind
	if wanted {
		t.awaited = 0
	}
	t.s.mu.Unlock()
	if !wanted {
		t.unexpected(r.kind)
		return
	}
	t.replies <- r
}

func (t *talk) unexpected(k Kind) {
	t.s.unexpected.Add(1)
	if !t.odd {
		t.odd = true
		t.s.f.log.Warnf("UDF %q sends a reply to %s that nobody asked for; such replies are ignored", t.s.f.Name, k)
	}
}
