// Package bus joins, within one process, those that decide with the one that delivers.
//
// The outboxes of processors.tick are senders: they hand over what tasks have decided, and keep each
// event until the receiver has it safe. The delivery of outputs.alerter is the receiver. Nothing of the
// agent lies between the two: no other plugin, buffer or flush interval. Both come and go, as the agent
// starts its plugins one after the other and exchanges all of them for a new configuration; so a sender
// is told of each receiver, and what the one before has not called safe goes to the next.
package bus

import (
	"errors"
	"slices"
	"sync"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// A Receiver takes over what senders hand it. Its methods are called by several goroutines and wait for
// nothing outside the process but a disk and, when there is no room, a moment for what is being delivered.
type Receiver interface {
	// Events takes over events, which nobody changes any more, in their order. It calls safe with each of
	// them once, in any grouping and from any goroutine, also before it returns: when a sender that
	// forgets them loses nothing, because they are on the disk, or nothing is left to deliver of them. A
	// receiver that goes without having called it for some is handed nothing more; these go to the next
	// one, which knows repeats by their event IDs.
	Events(list []*alert.Event, safe func(list []*alert.Event))
	// Points takes points to write to InfluxDB. What it cannot keep it drops, counts and reports.
	Points(list []Point)
}

// A Point is one that a script wants written: its DB, RP, Name, Tags, Fields and Time are the final
// ones. It belongs to the receiver.
type Point struct {
	*point.Point
	Write *spec.Write
}

// A Sender hands over what it has.
type Sender interface {
	// Receive names the receiver from now on; nil means that there is none, and what is handed over and
	// not safe is the sender's again. It is called by one goroutine at a time, and must not call the bus.
	Receive(r Receiver)
}

// ErrTaken says that a bus has a receiver already.
var ErrTaken = errors.New("another receiver takes the alerts already")

// A Bus has senders and at most one receiver. The zero value is ready for use.
type Bus struct {
	mu       sync.Mutex
	receiver Receiver
	senders  []Sender
}

// Process is the bus of the agent's plugins.
var Process Bus

// Attach makes r the receiver until detach is called. It fails with ErrTaken if there is one.
func (b *Bus) Attach(r Receiver) (detach func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.receiver != nil {
		return nil, ErrTaken
	}
	b.tell(r)
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.tell(nil)
	}), nil
}

func (b *Bus) tell(r Receiver) {
	b.receiver = r
	for _, s := range b.senders {
		s.Receive(r)
	}
}

// Join adds a sender, and tells it of the receiver at once, until leave is called. Behind leave it is
// told nothing any more.
func (b *Bus) Join(s Sender) (leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.senders = append(b.senders, s)
	s.Receive(b.receiver)
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		i := slices.Index(b.senders, s)
		b.senders = slices.Delete(b.senders, i, i+1)
	})
}

// Attached reports whether there is a receiver.
func (b *Bus) Attached() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.receiver != nil
}
