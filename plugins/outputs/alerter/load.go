package alerter

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/influxdata/telegraf"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// This file reads the segments of a durable spool back, whatever state a crash has left them in.

// A loaded is what the segments say. All segments are read in order; of an event the last word
// counts.
type loaded struct {
	events map[uint64]*storedEvent
	ids    []sighted
	names  []string // of the segments
	number uint64   // of the last segment
	last   uint64   // highest number of an event that was mentioned

	told   map[eventKey]alert.Level
	levels map[topicAlert]alert.Level

	made   map[string]uint64 // by chain: the last event that is over there
	copy   int               // copies begun
	inside bool              // a copy
	stood  *loaded           // told and levels that the copy has
}

func newLoaded() *loaded {
	return &loaded{
		events: map[uint64]*storedEvent{}, made: map[string]uint64{},
		told: map[eventKey]alert.Level{}, levels: map[topicAlert]alert.Level{},
	}
}

// chainOf returns what the deliveries have in common that must keep their order.
func chainOf(dest, alertID string) string { return dest + "\x00" + alertID }

// seriesOf returns what the deliveries of one alert to the same recipients have in common; origin is
// the options as JSON.
func seriesOf(dest string, origin []byte, alertID string) eventKey {
	b := make([]byte, 0, 256)
	b = append(append(b, dest...), 0)
	b = append(append(b, origin...), 0)
	sum := sha256.Sum256(append(b, alertID...))
	return eventKey(sum[:16])
}

// loadSpool reads all segments. What cannot be read is set aside and named in the log.
func loadSpool(dir folder, log telegraf.Logger) (*loaded, error) {
	names, err := dir.Names()
	if err != nil {
		return nil, err
	}
	x := newLoaded()
	type segment struct {
		name   string
		number uint64
	}
	var segments []segment
	for _, name := range names {
		if n, ok := segmentNumber(name); ok {
			segments = append(segments, segment{name, n})
		}
	}
	slices.SortFunc(segments, func(a, b segment) int { return cmp.Compare(a.number, b.number) })
	for _, s := range segments {
		x.number = s.number
		b, err := dir.Read(s.name)
		if err != nil {
			// It stays where it is.
			log.Errorf("Spool: %v", err)
			continue
		}
		x.names = append(x.names, s.name)
		x.inside = false
		if bad := scan(b, x.take); len(bad) > 0 {
			setAside(dir, log, s.name, bad)
		}
	}
	x.settle()
	return x, nil
}

// maxAside is how many files of unreadable data are kept.
const maxAside = 5

// setAside writes the unreadable parts of a segment to a file of their own.
func setAside(dir folder, log telegraf.Logger, name string, bad [][]byte) {
	b := slices.Concat(bad...)
	aside := name + ".bad"
	err := func() error {
		names, err := dir.Names()
		if err != nil {
			return err
		}
		names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasSuffix(n, ".bad") })
		for ; len(names) >= maxAside; names = names[1:] {
			if err := dir.Remove(names[0]); err != nil {
				return err
			}
		}
		f, err := dir.Create(aside)
		if err != nil {
			return err
		}
		_, err = f.Write(b)
		return errors.Join(err, f.Close())
	}()
	where := "they are set aside in " + aside
	if err != nil {
		where = fmt.Sprintf("they cannot be set aside: %v", err)
	}
	log.Warnf("Spool: %d bytes of %s cannot be read, as after a crash while they were written; %s, all else is kept", len(b), name, where)
}

// take reads one record.
func (x *loaded) take(payload []byte) error {
	if len(payload) == 0 {
		return errRecord
	}
	d := &decoder{b: payload[1:]}
	switch payload[0] {
	case recEvent:
		e := d.stored()
		if d.err() != nil {
			return d.err()
		}
		if x.inside {
			e.copy = x.copy
		}
		x.events[e.seq] = e
		x.last = max(x.last, e.seq)
		if e.event.EventID != "" {
			x.ids = append(x.ids, sighted{keyOf(e.event.EventID), e.since})
		}
		for _, l := range e.levels {
			stand(x.levels, topicAlert{l.topic, l.id}, l.level)
		}
		for _, o := range e.over {
			if old := x.events[o[0]]; old != nil && o[1] < uint64(len(old.list)) {
				old.list[o[1]].open = false
			}
		}
		e.levels, e.over = nil, nil
	case recMade, recFailed, recDropped, recRest:
		seq, index := d.uint(), d.uint()
		var rest []byte
		if payload[0] == recRest {
			rest = d.bytes()
		}
		if d.err() != nil {
			return d.err()
		}
		x.last = max(x.last, seq)
		e := x.events[seq]
		if e == nil || index >= uint64(len(e.list)) {
			return nil // it is over and forgotten, or could not be read
		}
		it := &e.list[index]
		if payload[0] == recRest {
			it.rest = rest
			return nil
		}
		if payload[0] != recDropped && it.open {
			chain := chainOf(it.dest, e.event.ID)
			x.made[chain] = max(x.made[chain], seq)
		}
		if payload[0] == recMade && e.event.Recoverable {
			stand(x.told, seriesOf(it.dest, it.options, e.event.ID), e.event.Level)
		}
		it.open = false
	case recIDs:
		for len(d.b) >= 24 {
			x.ids = append(x.ids, sighted{eventKey(d.b[:16]), int64(binary.LittleEndian.Uint64(d.b[16:]))})
			d.b = d.b[24:]
		}
		return d.err()
	case recStanding:
		told, levels := d.standing()
		if d.err() != nil {
			return d.err()
		}
		x.stood = &loaded{told: told, levels: levels}
	case recBegin:
		x.copy++
		x.inside = true
		x.stood = nil
		return d.err()
	case recEnd:
		n := d.uint()
		if d.err() != nil {
			return d.err()
		}
		if x.inside {
			x.finishCopy(n)
		}
		x.inside = false
	default:
		return errRecord
	}
	return nil
}

// finishCopy forgets what is not in a copy that should have n events and has.
func (x *loaded) finishCopy(n uint64) {
	for _, e := range x.events {
		if e.copy == x.copy {
			n--
		}
	}
	if n != 0 {
		return
	}
	for seq, e := range x.events {
		if e.copy != x.copy {
			delete(x.events, seq)
		}
	}
	if x.stood != nil {
		x.told, x.levels = x.stood.told, x.stood.levels
	}
}

// settle ends what a later delivery shows to be over, should its own record be lost: a receiver
// must not get an alert after the recovery that it got already.
func (x *loaded) settle() {
	for seq, e := range x.events {
		open := false
		for i := range e.list {
			it := &e.list[i]
			if seq < x.made[chainOf(it.dest, e.event.ID)] {
				it.open = false
			}
			open = open || it.open
		}
		if !open {
			delete(x.events, seq)
		}
	}
}
