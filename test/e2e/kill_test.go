//go:build unix

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestKill kills the agent at random moments while 500 alerts change their levels all the time, and
// compares what a mail server and an HTTP server got with what the engine had decided.
//
// Points that are on their way to the engine are lost with the process, so what was sent does not
// tell what was decided. This does:
//   - Every event says at which level the alert was before. There are four levels, so an event that
//     is missing shows in the next one, unless exactly those are lost with it that lead back to the
//     same level.
//   - outputs.file writes the copies of events, which leave when the journal has them.
//   - The alerter aggregates all events of a topic. Each must be in exactly one of its summaries.
//   - At the end the engine gets a last level of each alert and has the time to deliver it.
func TestKill(t *testing.T) {
	t.Parallel()
	kills := 50
	if testing.Short() {
		kills = 10
	}
	if n := os.Getenv("E2E_KILLS"); n != "" {
		var err error
		kills, err = strconv.Atoi(n)
		require.NoError(t, err)
	}
	r := startReceivers(t)
	r.hook.rough.Store(300)
	r.box.rough.Store(300)
	s := newSetup(t)
	s.state = s.file("state")
	s.tick = `
  checkpoint_interval = "200ms"
  queue_full = "block"
`
	s.alerter = "  spool_max_events = 1000000\n" + emailSection(r.box.addr) + `
  [[outputs.alerter.handler]]
    topic = "all"
    kind = "aggregate"
    options = {id = "summary", interval = "50ms", topic = "summaries"}
  [[outputs.alerter.handler]]
    topic = "summaries"
    kind = "log"
    options = {path = "` + s.file("summaries") + `"}
`
	s.outputs = `
[[outputs.file]]
  files = ["` + s.file("decided") + `"]
  namepass = ["alert"]
  fieldinclude = ["duration_ns"]
  metric_batch_size = 1
`
	s.script("load", feederRule(".post('"+r.hook.URL+"').email().topic('all')"))
	begin := time.Now()
	f := &feeder{s: s, ms: 1511323440000}
	// Where in the lists of receipts each process begins.
	var posts, mails []int
	for range kills {
		before, m := r.counts()
		posts, mails = append(posts, before), append(mails, m)
		a := s.start()
		stop := f.start(func(sent int) bool {
			posts, mails := r.counts()
			// Mails are slower; they should not be that far behind that kills do not meet them.
			return sent-(posts-before) > 3000 || posts-mails > 1500
		})
		time.Sleep(rand.N(800 * time.Millisecond)) // the moment is what is random
		if rand.N(5) == 0 {                        // it may be that of a clean stop
			a.signal(syscall.SIGTERM)
			time.Sleep(rand.N(50 * time.Millisecond))
		}
		a.kill()
		stop()
		r.idle(t)
	}
	took := time.Since(begin)

	p, m := r.counts()
	posts, mails = append(posts, p), append(mails, m)
	a := s.start()
	settle(t, r, f.finish())
	summed, summaries := map[string]int{}, 0
	eventually(t, func() error {
		if summed, summaries = summarised(t, s.file("summaries")); len(summed) < r.wait(t, 0).byHook.size() {
			return fmt.Errorf("%d events in %d summaries", len(summed), summaries)
		}
		return nil
	})
	a.stop()

	got := r.wait(t, 0)
	require.NoError(t, got.whole())
	known := map[string]bool{}
	for _, x := range got.posts {
		known[fmt.Sprint(x.id, " ", x.level, " ", x.ms)] = true
	}
	decided := decidedEvents(t, s.file("decided"))
	for e := range decided {
		require.True(t, known[e], "decided but not delivered: %s", e)
	}
	require.Len(t, summed, len(known))
	for e, n := range summed {
		require.True(t, known[e], e)
		require.Equal(t, 1, n, "summaries of %s", e)
	}
	require.NoError(t, once(posts, got.repeatedPosts, got.posts))
	require.NoError(t, once(mails, got.repeatedMails, got.mails))
	t.Logf("%d kills in %.1fs: %d points sent, %d level changes of %d alerts delivered and in one of %d summaries each; %d of them were seen leaving the engine; %d repeats by HTTP, %d by mail",
		kills, took.Seconds(), f.sent.Load(), got.byHook.size(), len(got.byHook), summaries, len(decided), len(got.repeatedPosts), len(got.repeatedMails))
	require.Greater(t, got.byHook.size(), 20*kills, "level changes")
	require.Greater(t, len(decided), 20*kills, "copies of events")
}

// A reload under the same load loses nothing. What is under way when the alerter is closed may be
// delivered again.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	const reloads = 10
	r := startReceivers(t)
	s := newSetup(t)
	s.state = s.file("state")
	s.tick = `  queue_full = "block"`
	s.alerter = "  spool_max_events = 1000000\n" + emailSection(r.box.addr)
	s.script("load", feederRule(".post('"+r.hook.URL+"').email()"))
	f := &feeder{s: s, ms: 1511323440000}
	begin := time.Now()
	a := s.start()
	stop := f.start(func(int) bool {
		posts, mails := r.counts()
		return posts-mails > 500
	})
	posts, mails := []int{0}, []int{0}
	for range reloads {
		p, m := r.counts()
		eventually(t, func() error {
			if posts, mails := r.counts(); posts < p+100 || mails < m+50 {
				return fmt.Errorf("%d requests and %d mails since the last reload", posts-p, mails-m)
			}
			return nil
		})
		p, m = r.counts()
		posts, mails = append(posts, p), append(mails, m)
		mark := a.mark()
		a.signal(syscall.SIGHUP)
		a.waitFrom(mark, `Listening on unix`)
	}
	stop()
	settle(t, r, f.finish())
	took := time.Since(begin)
	a.stop()
	got := r.wait(t, 0)
	require.NoError(t, got.whole())
	require.NoError(t, once(posts, got.repeatedPosts, got.posts))
	require.NoError(t, once(mails, got.repeatedMails, got.mails))
	t.Logf("%d reloads in %.1fs: %d level changes of %d alerts delivered; %d repeats", reloads, took.Seconds(), got.byHook.size(), len(got.byHook), got.repeats())
}

// settle waits until both receivers have got everything, up to the last level of each alert.
func settle(t testing.TB, r receivers, last map[string]string) {
	t.Helper()
	seen := -1
	var problem error
	eventuallyWithin(t, time.Minute, func() error {
		posts, mails := r.counts()
		if posts+mails != seen { // looking at all of it takes its time
			seen = posts + mails
			got := r.wait(t, 0)
			if problem = got.endWith(last); problem == nil {
				problem = got.byHook.same(got.byMail)
			}
		}
		return problem
	})
}

// once returns an error if an alert was repeated more than once by one process. begins are the places
// in list where each process begins.
func once(begins, repeats []int, list []receipt) error {
	seen := map[string]bool{}
	process := 0
	for _, i := range repeats {
		for process+1 < len(begins) && begins[process+1] <= i {
			process++
		}
		key := fmt.Sprint(process, " ", list[i].id)
		if seen[key] {
			return fmt.Errorf("%s was repeated more than once after kill %d", list[i].id, process)
		}
		seen[key] = true
	}
	return nil
}

// decidedEvents reads what outputs.file has written, without lines that were cut off.
func decidedEvents(t testing.TB, name string) map[string]bool {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	events := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		head, at, ok := strings.Cut(lines.Text(), " duration_ns=")
		_, at, hasTime := strings.Cut(at, "i ")
		ns, err := strconv.ParseInt(at, 10, 64)
		if !ok || !hasTime || err != nil || ns < 1e18 {
			continue
		}
		tags := map[string]string{}
		for _, tag := range strings.Split(head, ",") {
			k, v, _ := strings.Cut(tag, "=")
			tags[k] = v
		}
		events[fmt.Sprint(tags["alert_id"], " ", tags["alert_level"], " ", ns/1e6)] = true
	}
	return events
}

// summarised reads the events in the file of summaries, and how often each is in one.
func summarised(t testing.TB, name string) (events map[string]int, summaries int) {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	events = map[string]int{}
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		var e struct{ Details string }
		if seen[line] || json.Unmarshal([]byte(line), &e) != nil {
			continue
		}
		seen[line] = true
		for x := range strings.SplitSeq(e.Details, "\n") {
			events[x]++
		}
	}
	return events, len(seen)
}
