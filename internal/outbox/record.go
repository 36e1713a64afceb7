package outbox

import (
	"cmp"
	"maps"
	"slices"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/codec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// This file defines what the outbox writes to its journal, and reads it back.

// Format changes with the layout of the records.
var Format = journal.Format{Prefix: "outbox", Lock: "tick.lock", Magic: "tick outbox 3\n", Mark: [4]byte{0xff, 0xfe, 'o', '3'}}

// AfterFormat is that of the instance behind the aggregators.
var AfterFormat = journal.Format{Prefix: "outbox-after", Lock: "tick-after.lock", Magic: Format.Magic, Mark: Format.Mark}

// A record of the outbox is one of these kinds, followed by what its comment says.
const (
	recEvent   = 'E' // number, event: it is to be handed over, and its topics have its state
	recAgain   = 'R' // number, event: it is to be handed over; of its states nothing is said
	recState   = 'S' // number, topic, state: of an event in that topic
	recOver    = 'A' // numbers: these need not be handed over again
	recSaved   = 'C' // number: states up to it are in the state file
	recLost    = 'L' // topic, alert: it has been raised, and nobody hears of that, unless it has an event
	recForget  = 'F' // number, topic: it has no states of events up to the number
	batchLimit = 256 // records that are written in one go
)

// topicsOf returns the topics that remember e.
func topicsOf(e *alert.Event) []string {
	own := alert.NodeTopic(e.Task, e.Node)
	if e.Topic == "" {
		return []string{own}
	}
	return []string{own, e.Topic}
}

// An alertKey is an alert ID in a topic.
type alertKey struct{ topic, id string }

func keyOf(e *alert.Event) alertKey { return alertKey{alert.NodeTopic(e.Task, e.Node), e.ID} }

// A numbered state is that of the event of the number.
type numberedState struct {
	seq   uint64
	state alert.EventState
}

// An undelivered is what a journal says.
type undelivered struct {
	events map[uint64]*alert.Event
	states map[alertKey]numberedState
	lost   map[alertKey]bool
	last   uint64 // highest number that was mentioned
}

func newUndelivered() *undelivered {
	return &undelivered{events: map[uint64]*alert.Event{}, states: map[alertKey]numberedState{}, lost: map[alertKey]bool{}}
}

// take reads one record.
func (x *undelivered) take(payload []byte) error {
	d := &codec.Decoder{B: payload[1:]}
	switch payload[0] {
	case recEvent, recAgain:
		seq, e := d.Uint(), alert.DecodeEvent(d)
		if d.Err() != nil {
			return d.Err()
		}
		x.events[seq] = e
		delete(x.lost, keyOf(e))
		x.last = max(x.last, seq)
		if payload[0] == recEvent {
			for _, topic := range topicsOf(e) {
				x.set(seq, topic, e.State())
			}
		}
	case recState:
		seq, topic, state := d.Uint(), d.Text(), alert.DecodeState(d)
		if d.Err() != nil {
			return d.Err()
		}
		x.last = max(x.last, seq)
		x.set(seq, topic, state)
	case recOver:
		var list []uint64
		for range d.Count() {
			list = append(list, d.Uint())
		}
		if d.Err() != nil {
			return d.Err()
		}
		for _, seq := range list {
			x.last = max(x.last, seq)
			delete(x.events, seq)
		}
	case recLost:
		k := alertKey{d.Text(), d.Text()}
		if d.Err() != nil {
			return d.Err()
		}
		x.lost[k] = true
	case recSaved:
		seq := d.Uint()
		if d.Err() != nil {
			return d.Err()
		}
		x.last = max(x.last, seq)
		maps.DeleteFunc(x.states, func(_ alertKey, s numberedState) bool { return s.seq <= seq })
	case recForget:
		seq, topic := d.Uint(), d.Text()
		if d.Err() != nil {
			return d.Err()
		}
		x.last = max(x.last, seq)
		maps.DeleteFunc(x.states, func(k alertKey, s numberedState) bool { return k.topic == topic && s.seq <= seq })
		maps.DeleteFunc(x.lost, func(k alertKey, _ bool) bool { return k.topic == topic })
	default:
		return codec.ErrBad
	}
	return nil
}

func (x *undelivered) set(seq uint64, topic string, s alert.EventState) {
	k := alertKey{topic, s.ID}
	if seq >= x.states[k].seq {
		x.states[k] = numberedState{seq, s}
	}
}

func encodeEvent(e *codec.Encoder, kind byte, seq uint64, event *alert.Event) {
	e.Byte(kind)
	e.Uint(seq)
	event.Encode(e)
}

func encodeState(e *codec.Encoder, topic string, s *numberedState) {
	e.Byte(recState)
	e.Uint(s.seq)
	e.Text(topic)
	s.state.Encode(e)
}

func encodeOver(e *codec.Encoder, list []*entry) {
	e.Byte(recOver)
	e.Uint(uint64(len(list)))
	for _, x := range list {
		e.Uint(x.seq)
	}
}

func encodeLost(e *codec.Encoder, k alertKey) {
	e.Byte(recLost)
	e.Text(k.topic)
	e.Text(k.id)
}

func encodeForget(e *codec.Encoder, f forgotten) {
	e.Byte(recForget)
	e.Uint(f.seq)
	e.Text(f.topic)
}

// inOrder returns the keys of states in the order of their events.
func inOrder(states map[alertKey]numberedState) []alertKey {
	return slices.SortedFunc(maps.Keys(states), func(a, b alertKey) int {
		return cmp.Or(cmp.Compare(states[a].seq, states[b].seq), cmp.Compare(a.topic, b.topic))
	})
}
