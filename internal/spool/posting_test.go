package spool

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

// show tells all that a spool has read or has in memory: open deliveries, and levels.
func show(open []string, known map[Series]alert.Level, levels map[topicAlert]alert.Level) string {
	slices.Sort(open)
	var more []string
	for key, l := range known {
		more = append(more, fmt.Sprintf("known %x %s", key[:4], l))
	}
	for key, l := range levels {
		more = append(more, fmt.Sprintf("%s/%s %s", key.topic, key.id, l))
	}
	slices.Sort(more)
	return strings.Join(append(open, more...), ", ")
}

// items tells the open deliveries of an event.
func items(e *Entry) (list []string) {
	for i, it := range e.Items {
		if it != nil {
			list = append(list, fmt.Sprintf("%s/%d held=%v known=%s", e.Event.EventID, i, it.Held, it.Known))
		}
	}
	return list
}

// TestPostingIsAllOrNothing cuts the log at every byte. A posting ends deliveries, begins others and
// changes levels; after a cut everything must be as before or as after some posting.
func TestPostingIsAllOrNothing(t *testing.T) {
	dir := journaltest.New()
	s, _ := openTest(t, dir)
	s.disk.Limit(0, 600) // so that there are several segments
	s.disk.Repair()
	type state struct {
		segment string
		size    int
		text    string
	}
	var states []state
	note := func() {
		var open []string
		for _, e := range s.entries {
			open = append(open, items(e)...)
		}
		now := segmentName(s.segments())
		states = append(states, state{now, len(dir.Files[now].Data), show(open, s.known, s.levels)})
	}
	note()
	var waiting []*Item
	for i := range 40 {
		id := strconv.Itoa(i)
		level := alert.Level(i % 4)
		e := &alert.Event{EventID: "e" + id, ID: "a" + strconv.Itoa(i%3), Level: level, Recoverable: true}
		p := &Posting{Event: e, Levels: []TopicLevel{{"t", e.ID, level}, {"u", e.ID, alert.Critical - level}}}
		if i%5 != 4 {
			for n := range 2 {
				it := newItem(e, "D"+strconv.Itoa(n), "{}")
				it.Held, it.Known = n == 1, alert.Level(n*(i%4))
				p.Items = append(p.Items, it)
			}
		}
		if len(waiting) > 5 {
			p.Over, p.Merged, waiting = waiting[:2:2], waiting[2:3:3], waiting[3:]
		}
		require.NoError(t, s.Put(p))
		note()
		waiting = append(waiting, p.Items...)
		if i%2 == 1 && len(waiting) > 0 {
			s.Done(waiting[0], []Ending{Made, Failed, Dropped}[i%3])
			waiting = waiting[1:]
			note()
		}
	}
	require.Greater(t, s.segments(), uint64(3))
	names := slices.Sorted(maps.Keys(dir.Files))
	last := names[len(names)-1]
	for n := range len(dir.Files[last].Data) + 1 {
		image := journaltest.New()
		for _, name := range names {
			image.Put(name, slices.Clone(dir.Files[name].Data))
		}
		image.Files[last].Data = image.Files[last].Data[:n]
		x, entries := openTest(t, image)
		var open []string
		for _, e := range entries {
			open = append(open, items(e)...)
		}
		got := show(open, x.known, x.levels)
		want, before := "", ""
		for _, st := range states {
			// What begins a segment is at the end of the one before it, too.
			if before != last || st.size <= n {
				want = st.text
			}
			before = st.segment
		}
		require.Equal(t, want, got, "cut at %d of %d", n, len(dir.Files[last].Data))
	}
}
