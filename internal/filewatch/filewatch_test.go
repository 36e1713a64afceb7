package filewatch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"
)

// A folder is a notifier that tells what it is told to tell.
type folder struct {
	events chan fsnotify.Event
	lost   chan error
	calls  []string
	broken []string
}

func (f *folder) Add(dir string) error {
	if slices.Contains(f.broken, dir) {
		return errors.New("no more watches")
	}
	f.calls = append(f.calls, "+"+dir)
	return nil
}

func (f *folder) Remove(dir string) error { f.calls = append(f.calls, "-"+dir); return nil }
func (f *folder) Close() error            { f.calls = append(f.calls, "closed"); return nil }

// watched returns a Watcher that hears of what happens from a folder.
func watched() (*Watcher, *folder) {
	f := &folder{events: make(chan fsnotify.Event), lost: make(chan error)}
	return &Watcher{
		Pace:    Pace{Quiet: 100 * time.Millisecond, Longest: 500 * time.Millisecond, Gone: time.Second, Poll: time.Minute},
		What:    "the rules",
		Folders: func() []string { return []string{"a"} },
		notify:  f, events: f.events, lost: f.lost,
	}, f
}

// TestLooks compares the times of looks, in ms since the beginning.
func TestLooks(t *testing.T) {
	const ms = time.Millisecond
	type step struct {
		at time.Duration
		op fsnotify.Op // 0: events were lost
	}
	every := func(from, to, interval time.Duration) (list []step) {
		for at := from; at <= to; at += interval {
			list = append(list, step{at, fsnotify.Write})
		}
		return list
	}
	gone := func(n int) func(w *Watcher) func(bool) time.Duration { // files are missing at the first n looks
		return func(w *Watcher) func(bool) time.Duration {
			return w.Missing(func(bool) bool { n--; return n >= 0 })
		}
	}
	for name, c := range map[string]struct {
		after time.Duration
		steps []step
		look  func(w *Watcher) func(bool) time.Duration
		touch bool // is something
		want  string
	}{
		"now and then":                  {want: "60000 120000"},
		"soon for the first time":       {after: 300 * ms, want: "300 60300 120300"},
		"an event":                      {steps: []step{{1000 * ms, fsnotify.Create}}, want: "1100 61100 121100"},
		"a burst counts once":           {steps: every(1000*ms, 1300*ms, 50*ms), want: "1400 61400 121400"},
		"someone writes all the time":   {steps: every(1000*ms, 1990*ms, 90*ms), want: "1500 2040 62040 122040"},
		"a mode is no change":           {steps: []step{{1000 * ms, fsnotify.Chmod}}, want: "60000 120000"},
		"a mode is a change":            {steps: []step{{1000 * ms, fsnotify.Chmod}}, touch: true, want: "1100 61100 121100"},
		"a mode and a write":            {steps: []step{{1000 * ms, fsnotify.Chmod | fsnotify.Write}}, want: "1100 61100 121100"},
		"lost events":                   {steps: []step{{1000 * ms, 0}}, want: "1100 61100 121100"},
		"events are lost all the time":  {steps: []step{{0, 0}, {90 * ms, 0}, {180 * ms, 0}, {270 * ms, 0}, {360 * ms, 0}, {450 * ms, 0}, {540 * ms, 0}}, want: "500 640 60640 120640"},
		"an event before the first":     {after: 300 * ms, steps: []step{{50 * ms, fsnotify.Write}}, want: "150 60150 120150"},
		"missing for good":              {steps: []step{{1000 * ms, fsnotify.Remove}}, look: gone(9), want: "1100 2100! 62100 63100! 123100 124100!"},
		"missing for a moment":          {steps: []step{{1000 * ms, fsnotify.Remove}, {1500 * ms, fsnotify.Create}}, look: gone(1), want: "1100 1600 61600 121600"},
		"missing, and something else":   {steps: []step{{1000 * ms, fsnotify.Remove}, {2050 * ms, fsnotify.Create}}, look: gone(2), want: "1100 2150 3150! 63150 123150"},
		"missing, and a mode meanwhile": {steps: []step{{1000 * ms, fsnotify.Remove}, {1500 * ms, fsnotify.Chmod}}, look: gone(2), want: "1100 2100! 62100 122100"},
		"at a time of its own": {
			look: func(*Watcher) func(bool) time.Duration {
				return func(bool) time.Duration { return 25 * time.Second }
			},
			after: 5 * time.Second, want: "5000 30000! 55000! 80000! 105000!",
		},
		"never later than at the next regular time": {
			look: func(*Watcher) func(bool) time.Duration {
				return func(bool) time.Duration { return time.Hour }
			},
			after: time.Hour, want: "60000 120000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, f := watched()
				w.Touched = c.touch
				look := func(bool) time.Duration { return 0 }
				if c.look != nil {
					look = c.look(w)
				}
				begin := time.Now()
				var got []string
				w.Look = func(sure bool) time.Duration {
					text := fmt.Sprint(time.Since(begin).Milliseconds())
					if sure {
						text += "!"
					}
					got = append(got, text)
					f.calls = append(f.calls, "look")
					return look(sure)
				}
				stop := make(chan struct{})
				go w.Run(stop, c.after)
				for _, s := range c.steps {
					time.Sleep(s.at - time.Since(begin))
					if s.op == 0 {
						f.lost <- fsnotify.ErrEventOverflow
						continue
					}
					f.events <- fsnotify.Event{Name: "a", Op: s.op}
				}
				time.Sleep(125*time.Second - time.Since(begin))
				close(stop)
				synctest.Wait()
				require.Equal(t, c.want, strings.Join(got, " "))
				require.Equal(t, strings.Repeat("+a look ", len(got))+"closed", strings.Join(f.calls, " "), "what comes while looking is noticed")
			})
		})
	}
}

// Folders come and go, also under the same name.
func TestFolders(t *testing.T) {
	w, f := watched()
	var warnings []string
	w.Warnf = func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	for _, c := range []struct{ folders, broken, want string }{
		{"a b", "", "+a +b"},
		{"a b", "", "+a +b"},
		{"b c", "", "+b +c -a"},
		{"b c d", "c d", "+b -c"},
		{"c d", "c d", "-b"},
		{"c d", "", "+c +d"},
		{"", "", "-c -d"},
	} {
		w.Folders = func() []string { return strings.Fields(c.folders) }
		f.broken, f.calls = strings.Fields(c.broken), nil
		w.refresh()
		slices.Sort(f.calls)
		require.Equal(t, c.want, strings.Join(f.calls, " "))
	}
	require.Equal(t, []string{"Cannot watch c: no more watches; looking at the rules every 1m0s"}, warnings, "said once")
}

// Without notice from the system files are looked at from time to time.
func TestPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		w := &Watcher{Pace: DefaultPace, Look: func(bool) time.Duration { looks++; return 0 }}
		w.Start()
		stop := make(chan struct{})
		go w.Run(stop, 0)
		time.Sleep(3*time.Minute + time.Second)
		close(stop)
		synctest.Wait()
		require.Equal(t, 3, looks)
	})
}

// TestFiles has the system notice what happens after Start, in folders that come later, too.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	below := filepath.Join(dir, "below")
	looks := make(chan struct{}, 100)
	w := &Watcher{
		Pace: Pace{Quiet: time.Millisecond, Longest: time.Second, Poll: time.Hour},
		Folders: func() []string {
			if _, err := os.Stat(below); err != nil {
				return []string{dir}
			}
			return []string{dir, below}
		},
		Warnf: t.Errorf,
		Look:  func(bool) time.Duration { looks <- struct{}{}; return 0 },
	}
	w.Start()
	require.NoError(t, os.Mkdir(below, 0o750))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); w.Run(stop, 0) }()
	<-looks
	require.NoError(t, os.WriteFile(filepath.Join(below, "a"), nil, 0o600))
	<-looks
	close(stop)
	<-done
}
