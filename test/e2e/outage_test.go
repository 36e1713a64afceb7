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
	o.script("outage", feederRule(".post('http://"+o.hookAddr+"').email().log('"+o.file("decided.log")+"')"))
	return o
}

// feed sends points that are n level changes, and waits until the engine has decided all of them:
// those that have been sent before, and these.
func (o *outage) feed(n int) {
	o.t.Helper()
	o.send(strings.TrimSuffix(o.feeder.round(n), "\n"))
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
func (o *outage) restore() receivers {
	o.t.Helper()
	r := receivers{startHookAt(o.t, o.hookAddr, nil), startMailbox(o.t, o.mailAddr)}
	r.down(true)
	eventually(o.t, func() error {
		_, mails := r.box.counts()
		if posts := r.hook.refusals(); posts < 5 || mails < 5 {
			return fmt.Errorf("%d requests and %d mails refused", posts, mails)
		}
		return nil
	})
	r.down(false)
	return r
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
	r := o.restore()
	down := time.Since(begin)

	r.wait(t, events)
	up := time.Since(begin) - down
	a.stop() // what comes twice has come now
	got := r.wait(t, 0)
	require.NoError(t, got.whole())
	require.Equal(t, events, got.byHook.size())
	require.Zero(t, got.repeats())
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
	for o.feeder.sent.Load() < 2*limit { // more at once than the spool holds need not all reach the log
		o.feed(500)
	}
	before := a.resident()
	begin := time.Now()
	for o.feeder.sent.Load() < events {
		o.feed(500)
	}
	after := a.resident()
	r := o.restore()
	down := time.Since(begin)

	last := map[string]string{} // none of them is OK
	for i, level := range o.feeder.level {
		last[o.feeder.id(i)] = levelNames[level]
	}
	eventually(t, func() error { return r.wait(t, 0).endWith(last) })
	a.stop() // what comes twice has come now
	got := r.wait(t, 0)
	require.Zero(t, got.repeats())
	t.Logf("%d alerts during an outage of %.1fs, with space for %d: %d delivered by HTTP, %d by mail, among them the newest of each of %d; memory %d MB at the beginning, %d MB at the end",
		events, down.Seconds(), limit, got.byHook.size(), got.byMail.size(), len(last), before>>20, after>>20)
	require.LessOrEqual(t, got.byHook.size(), limit+1)
	require.Less(t, after-before, int64(20<<20), "memory")
}
