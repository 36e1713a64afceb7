//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// This file tells what receivers got from what they should have got.

// A receipt is an alert event as a receiver got it.
type receipt struct {
	id, level string
	ms        int64 // its time since the Unix epoch
	// What mails do not say:
	previous string
	duration time.Duration
}

// receiptText is the template of a message that [mailed] can read.
const receiptText = `{{ .ID }} {{ .Level }} {{ .Time.UnixMilli }}`

// posted reads the bodies of the handler post.
func posted(t testing.TB, bodies []string) []receipt {
	t.Helper()
	list := make([]receipt, len(bodies))
	for i, b := range bodies {
		var e struct {
			ID, Level, PreviousLevel string
			Time                     time.Time
			Duration                 time.Duration
		}
		require.NoError(t, json.Unmarshal([]byte(b), &e))
		list[i] = receipt{e.ID, e.Level, e.Time.UnixMilli(), e.PreviousLevel, e.Duration}
	}
	return list
}

// mailed reads the subjects of mails whose message is receiptText.
func mailed(t testing.TB, mails []*received) []receipt {
	t.Helper()
	list := make([]receipt, len(mails))
	for i, m := range mails {
		f := strings.Fields(m.subject)
		require.Len(t, f, 3, m.subject)
		ms, err := strconv.ParseInt(f[2], 10, 64)
		require.NoError(t, err)
		list[i] = receipt{id: f[0], level: f[1], ms: ms}
	}
	return list
}

// A history is what a receiver got of each alert, without repeats.
type history map[string][]receipt

// sortOut makes a history of receipts in the order in which they came. Of an event that came again
// it returns the places in list; between the two no later one of the same alert must have come.
func sortOut(list []receipt) (h history, repeats []int, err error) {
	h = history{}
	for i, r := range list {
		of := h[r.id]
		if len(of) > 0 {
			switch last := of[len(of)-1]; {
			case r.ms < last.ms:
				return nil, nil, fmt.Errorf("order of %s: %s of %d came after %s of %d", r.id, r.level, r.ms, last.level, last.ms)
			case r.ms == last.ms && r != last:
				return nil, nil, fmt.Errorf("%s: both %+v and %+v", r.id, last, r)
			case r.ms == last.ms:
				repeats = append(repeats, i)
				continue
			}
		}
		h[r.id] = append(of, r)
	}
	return h, repeats, nil
}

// size returns the number of events.
func (h history) size() (n int) {
	for _, of := range h {
		n += len(of)
	}
	return n
}

// chained returns an error if an event is missing: each must have happened at the level that the one
// before it left, and tell how long the alert has not been OK.
func (h history) chained() error {
	for id, of := range h {
		before := receipt{level: "OK"}
		var since int64 // not OK
		for _, r := range of {
			if r.previous != before.level {
				return fmt.Errorf("%s went from %s to %s at %d, but the event before it, at %d, was %s", id, r.previous, r.level, r.ms, before.ms, before.level)
			}
			if r.level == before.level {
				return fmt.Errorf("%s is %s at %d, as it was before", id, r.level, r.ms)
			}
			if before.level == "OK" {
				since = r.ms
			}
			if want := time.Duration(r.ms-since) * time.Millisecond; r.duration != want {
				return fmt.Errorf("%s is %s at %d with a duration of %s, want %s", id, r.level, r.ms, r.duration, want)
			}
			before = r
		}
	}
	return nil
}

// same returns an error if another receiver got anything else.
func (h history) same(o history) error {
	for _, pair := range [][2]history{{h, o}, {o, h}} {
		for id, of := range pair[0] {
			other := pair[1][id]
			for i, r := range of {
				switch {
				case i >= len(other):
					return fmt.Errorf("only one receiver got %s of %d of %s", r.level, r.ms, id)
				case r.ms != other[i].ms || r.level != other[i].level:
					return fmt.Errorf("%s: %s of %d at the one receiver is %s of %d at the other", id, r.level, r.ms, other[i].level, other[i].ms)
				}
			}
		}
	}
	return nil
}

// endsWith returns an error if the last event of an alert is not at the level that it should be at.
func (h history) endsWith(levels map[string]string) error {
	for id, level := range levels {
		of := h[id]
		switch {
		case len(of) == 0 && level != "OK":
			return fmt.Errorf("nothing of %s, which is %s", id, level)
		case len(of) > 0 && of[len(of)-1].level != level:
			return fmt.Errorf("the last of %s is %s at %d, want %s", id, of[len(of)-1].level, of[len(of)-1].ms, level)
		}
	}
	return nil
}
