//go:build unix

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An outage is a rule whose receivers, a mail and an HTTP server, are not there yet.
type outage struct {
	*setup
	hookAddr, mailAddr string
	feeder             feeder
	decided, read      int64 // lines and bytes of the log
}

func newOutage(t testing.TB, options string) *outage {
	t.Helper()
	o := &outage{setup: newSetup(t), hookAddr: local(freePort(t)), mailAddr: local(freePort(t))}
	o.feeder = feeder{s: o.setup, ms: 1511323440000}
	o.state = o.file("state")
	o.tick = `  queue_full = "block"`
	o.inputs = `
[[inputs.internal]]
  collect_memstats = false
`
	o.alerter = options + emailSection(o.mailAddr)
	o.script("outage", feederRule("http://"+o.hookAddr, o.file("decided.log")))
	return o
}

// feed sends points that are n level changes, and waits until the engine has decided all of them:
// those that have been sent before, and these.
func (o *outage) feed(n int) {
	o.t.Helper()
	var lines []string
	for i := range n {
		a := i % len(o.feeder.level)
		lines = append(lines, strings.TrimSuffix(o.feeder.line(a, (o.feeder.level[a]+1)%4), "\n"))
	}
	o.send(lines...)
	eventually(o.t, func() error {
		f, err := os.Open(o.file("decided.log"))
		if err != nil {
			return err
		}
		defer f.Close()
		text, err := io.ReadAll(io.NewSectionReader(f, o.read, 1<<30))
		require.NoError(o.t, err)
		o.read += int64(len(text))
		if o.decided += int64(bytes.Count(text, []byte("\n"))); o.decided < o.feeder.sent.Load() {
			return fmt.Errorf("%d lines in the log, want %d", o.decided, o.feeder.sent.Load())
		}
		return nil
	})
}

// restore brings the receivers up: first they refuse what comes, then they take it.
func (o *outage) restore() (*hook, *mailbox) {
	o.t.Helper()
	hook, box := startHookAt(o.t, o.hookAddr, nil), startMailbox(o.t, o.mailAddr)
	hook.down.Store(true)
	box.down.Store(true)
	eventually(o.t, func() error {
		_, mails := box.counts()
		if posts := hook.refusals(); posts < 5 || mails < 5 {
			return fmt.Errorf("%d requests and %d mails refused", posts, mails)
		}
		return nil
	})
	hook.down.Store(false)
	box.down.Store(false)
	return hook, box
}

// resident returns the bytes of memory that the agent takes, 0 if the system does not tell.
func (a *agent) resident() int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// What happens while all receivers are down is delivered when they are back, once and in order.
func TestOutage(t *testing.T) {
	t.Parallel()
	const events = 5000
	o := newOutage(t, "")
	a := o.start()
	o.feed(500)
	before := a.resident()
	begin := time.Now()
	for range events/500 - 1 {
		o.feed(500)
	}
	after := a.resident()
	hook, box := o.restore()
	down := time.Since(begin)

	hook.wait(t, events)
	box.wait(t, events)
	up := time.Since(begin) - down
	a.stop() // what comes twice has come now
	byHook, repeats, err := sortOut(posted(t, hook.wait(t, 0)))
	require.NoError(t, err)
	require.Empty(t, repeats)
	require.NoError(t, byHook.chained())
	require.Equal(t, events, byHook.size())
	byMail, repeats, err := sortOut(mailed(t, box.wait(t, 0)))
	require.NoError(t, err)
	require.Empty(t, repeats)
	require.NoError(t, byHook.same(byMail))
	t.Logf("%d alerts during an outage of %.1fs, delivered once by HTTP and once by mail within %.1fs after it; memory %d MB at the beginning, %d MB at the end",
		events, down.Seconds(), up.Seconds(), before>>20, after>>20)
	require.Less(t, after-before, int64(events*10_000), "memory")
}

// When an outage lasts too long for the spool, the memory stays what it is, and the receivers get the
// newest state of each alert afterwards.
func TestLongOutage(t *testing.T) {
	t.Parallel()
	const limit, events = 1000, 10_500
	o := newOutage(t, fmt.Sprintf("  spool_max_events = %d\n", limit))
	a := o.start()
	o.feed(2 * limit)
	before := a.resident()
	begin := time.Now()
	for o.feeder.sent.Load() < events {
		o.feed(500)
	}
	after := a.resident()
	hook, box := o.restore()
	down := time.Since(begin)

	last := map[string]string{} // none of them is OK
	for i, level := range o.feeder.level {
		last[o.feeder.id(i)] = levelNames[level]
	}
	var byHook, byMail history
	eventually(t, func() error {
		var again, againMail []int
		var err error
		byHook, again, err = sortOut(posted(t, hook.wait(t, 0)))
		require.NoError(t, err)
		byMail, againMail, err = sortOut(mailed(t, box.wait(t, 0)))
		require.NoError(t, err)
		require.Empty(t, again)
		require.Empty(t, againMail)
		for name, h := range map[string]history{"HTTP": byHook, "mail": byMail} {
			if err := h.endsWith(last); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
	a.alive()
	t.Logf("%d alerts during an outage of %.1fs, with space for %d: %d delivered by HTTP, %d by mail, among them the newest of each of %d; memory %d MB at the beginning, %d MB at the end",
		events, down.Seconds(), limit, byHook.size(), byMail.size(), len(last), before>>20, after>>20)
	require.LessOrEqual(t, byHook.size(), limit+1)
	require.Less(t, after-before, int64(20<<20), "memory")
}
