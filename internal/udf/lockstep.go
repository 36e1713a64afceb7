package udf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// This file talks with functions in a replay, where the order of things must be the same each time.

// A Lockstep is a conversation in which everything that the function gives back for what it has been
// sent is there before it is sent more. It is not safe for concurrent use, and not made for speed.
type Lockstep struct {
	f    *Function
	link link
	in   *Reader
	resp Response
	todo chan []byte // for the writer; closed at the end
	last int64       // time of the last keepalive
	buf  []byte
	echo []byte
	late *time.Timer
	err  error
}

// errLate is the error of a function that does not answer in time.
var errLate = errors.New("no answer in time")

// Lockstep begins a conversation with the request init, and with a state to go on from if there is one.
func (f *Function) Lockstep(ctx context.Context, init, snapshot []byte) (*Lockstep, error) {
	l := &Lockstep{f: f, todo: make(chan []byte)}
	var err error
	if l.link, err = f.dial(ctx); err != nil {
		return nil, fmt.Errorf("the function %s: %w", f.Name, err)
	}
	l.in = NewReader(l.link, int(f.MaxFrame))
	l.late = time.AfterFunc(time.Hour, func() { _ = l.link.End(0) }) // what is read then says so
	l.late.Stop()
	go l.write(l.todo)
	if err := l.ask(init, InitReply); err != nil {
		return nil, err
	}
	if len(snapshot) > 0 {
		if err := l.ask(AppendRestore(nil, snapshot), RestoreReply); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// write writes while the other side may be writing, too. That it failed shows in what is read.
func (l *Lockstep) write(todo <-chan []byte) {
	for b := range todo {
		_, _ = l.link.Write(b)
	}
	_ = l.link.CloseWrite()
}

// finish ends the writing.
func (l *Lockstep) finish() {
	if l.todo != nil {
		close(l.todo)
		l.todo = nil
	}
}

// ask sends a request and waits for the reply, which must be favourable.
func (l *Lockstep) ask(frames []byte, k Kind) error {
	err := l.until(frames, k, func(*Response) error { return nil })
	if err == nil && !l.resp.Success {
		err = l.fail(fmt.Errorf("it refuses the %s: %s", k, printable(l.resp.Error)))
	}
	return err
}

// Send hands frames to the function, and what it gives back to receive: data, and a snapshot if the
// frames ask for one. An error ends the conversation.
func (l *Lockstep) Send(frames []byte, receive func(*Response) error) error {
	if l.err != nil {
		return l.err // and the writer may still have the buffers
	}
	// In Kapacitor's agent for Go an echo may overtake the response before it, but no more than that.
	l.buf = l.keepalive(append(l.buf[:0], frames...))
	if err := l.until(l.buf, KeepaliveReply, receive); err != nil {
		return err
	}
	// The writer is done with a buffer when it takes the next, hence two.
	l.echo = l.keepalive(l.echo[:0])
	return l.until(l.echo, KeepaliveReply, receive)
}

// keepalive appends a keepalive that is unlike the last one.
func (l *Lockstep) keepalive(b []byte) []byte {
	l.last++
	return AppendKeepalive(b, l.last)
}

// End tells the function that nothing more comes, and hands what it gives back to receive.
func (l *Lockstep) End(receive func(*Response) error) error {
	err := l.until(nil, 0, receive)
	if !errors.Is(err, io.EOF) {
		return err
	}
	if exit := l.link.End(closeGrace); exit != nil {
		return fmt.Errorf("the function %s: %w", l.f.Name, departed(exit))
	}
	return nil
}

// until sends frames and reads up to a reply of kind k. If that is 0 it sends that nothing more comes,
// and reads up to the end.
func (l *Lockstep) until(frames []byte, k Kind, receive func(*Response) error) error {
	if l.err != nil {
		return l.err
	}
	timeout := time.Duration(l.f.Timeout)
	l.late.Reset(timeout)
	defer l.late.Stop()
	if k == 0 {
		l.finish()
	} else {
		l.todo <- frames
	}
	begin := time.Now()
	for {
		if err := l.in.Read(&l.resp); err != nil {
			switch {
			case errors.Is(err, io.EOF) && k == 0:
				l.err = err
				return err
			case time.Since(begin) >= timeout:
				err = fmt.Errorf("%w (%s)", errLate, timeout)
			case isEnd(err):
				err = departed(l.link.End(exitGrace))
			}
			return l.fail(err)
		}
		switch r := &l.resp; {
		case r.Kind == ErrorReply:
			return l.fail(fmt.Errorf("it gives up: %s", printable(r.Error)))
		case r.Kind.Data() || r.Kind == SnapshotReply:
			l.late.Stop() // what becomes of it takes its time
			if err := receive(r); err != nil {
				return l.fail(err)
			}
			l.late.Reset(timeout)
			begin = time.Now()
		case r.Kind == k && (k != KeepaliveReply || r.Time == l.last):
			return nil
		}
	}
}

// fail ends the conversation.
func (l *Lockstep) fail(err error) error {
	l.err = fmt.Errorf("the function %s: %w", l.f.Name, err)
	l.Close()
	return l.err
}

// Close ends the conversation at once, if it has not ended yet.
func (l *Lockstep) Close() {
	l.late.Stop()
	_ = l.link.End(0)
	l.finish()
}
