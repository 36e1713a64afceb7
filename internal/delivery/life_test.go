package delivery

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spool"
)

// TestForbiddenChanges wants no state to follow another one that the picture in life.go does not show. In
// an agent such a mistake is a line in the log and changes nothing.
func TestForbiddenChanges(t *testing.T) {
	allowed := map[string]string{
		"created": "held bundled queued", "held": "bundled queued over", "bundled": "over", "queued": "flying over",
		"flying": "waiting over", "waiting": "flying over", "over": "",
	}
	log := &logbook{}
	d, err := New(config(log, &tallies{}))
	require.NoError(t, err)
	to := &integration{kind: &handler.Kind{Name: "x"}}
	for from := created; from <= over; from++ {
		for next := created; next <= over; next++ {
			it := &delivery{to: to, event: &alert.Event{ID: "a"}, item: &spool.Item{}, queue: newQueue(to, "x"), state: from}
			it.bundle = &bundle{items: []*delivery{it, nil}}
			if slices.Contains(strings.Fields(allowed[from.String()]), next.String()) {
				require.True(t, d.change(it, next))
				require.Equal(t, next, it.state)
				continue
			}
			require.Panics(t, func() { d.change(it, next) }, "%s to %s", from, next)
			strict = false
			require.False(t, d.change(it, next))
			strict = true
			require.Equal(t, from, it.state)
		}
	}
	require.Equal(t, []string{`E! x: a delivery of alert "a" that is created cannot be created`}, log.errors(), "said once")
}
