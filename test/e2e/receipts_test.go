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

// receivers are an HTTP and a mail server that get the same alerts.
type receivers struct {
	hook *hook
	box  *mailbox
}

func startReceivers(t testing.TB) receivers {
	t.Helper()
	return receivers{startHook(t, nil), startMailbox(t, "127.0.0.1:0")}
}

// counts returns what has come so far.
func (r receivers) counts() (posts, mails int) {
	_, posts = r.hook.counts()
	mails, _ = r.box.counts()
	return posts, mails
}

// down makes both refuse what comes, or take it again.
func (r receivers) down(down bool) {
	r.hook.down.Store(down)
	r.box.down.Store(down)
}

// idle waits until no client is there any more.
func (r receivers) idle(t testing.TB) {
	t.Helper()
	r.hook.idle(t)
	r.box.idle(t)
}

// deliveries are what came to receivers: receipts, the histories that they make, and the places of those
// that are repeats.
type deliveries struct {
	posts, mails                 []receipt
	byHook, byMail               history
	repeatedPosts, repeatedMails []int
}

// wait waits for n events at both receivers. The order of each alert must be right.
func (r receivers) wait(t testing.TB, n int) *deliveries {
	t.Helper()
	d := &deliveries{posts: posted(t, r.hook.wait(t, n)), mails: mailed(t, r.box.wait(t, n))}
	var err error
	d.byHook, d.repeatedPosts, err = sortOut(d.posts)
	require.NoError(t, err)
	d.byMail, d.repeatedMails, err = sortOut(d.mails)
	require.NoError(t, err)
	return d
}

// endWith returns an error if the last event of an alert is not at the level that it should be at.
func (d *deliveries) endWith(levels map[string]string) error {
	if err := d.byHook.endsWith(levels); err != nil {
		return fmt.Errorf("HTTP: %w", err)
	}
	if err := d.byMail.endsWith(levels); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}

// whole returns an error if an event is missing or different at one of the receivers.
func (d *deliveries) whole() error {
	if err := d.byHook.chained(); err != nil {
		return err
	}
	return d.byHook.same(d.byMail)
}

// repeats returns the number of deliveries that came again.
func (d *deliveries) repeats() int { return len(d.repeatedPosts) + len(d.repeatedMails) }
