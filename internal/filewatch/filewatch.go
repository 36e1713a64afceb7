// Package filewatch has files looked at when something happens in their folders, and from time to time, as
// not all file systems tell. It finds and reads them, too, and tells what is new, changed and gone.
//
// It does not say what has happened: whoever looks compares with what was there before. So nothing is
// missed that lies between two looks, and a look too many costs only itself.
package filewatch

import (
	"time"

	"github.com/fsnotify/fsnotify"
)

// A Pace says how fast changes are taken up.
type Pace struct {
	Quiet   time.Duration // nothing more may happen for so long, since files are not written at once
	Longest time.Duration // but it does not take longer than this: someone may write all the time
	Gone    time.Duration // how long a file must be gone: editors and rsync replace files in steps
	Poll    time.Duration // files are looked at even if nothing is noticed
}

// DefaultPace takes a change up within a second, if that is all.
var DefaultPace = Pace{Quiet: 200 * time.Millisecond, Longest: 2 * time.Second, Gone: time.Second, Poll: time.Minute}

// A Watcher has files looked at.
type Watcher struct {
	Pace
	What    string          // the files, in warnings
	Folders func() []string // where something can happen; nil if nowhere
	Touched bool            // that a file has another mode or time, too, is something that happens
	Warnf   func(format string, args ...any)

	// Look takes up what has changed. It returns when it wants to look again if nothing is noticed
	// before; 0 stands for Poll, which it is at the latest. With sure that time has come: what it saw
	// the last time has lasted.
	Look func(sure bool) (again time.Duration)

	notify  notifier // nil if the system offers none
	events  <-chan fsnotify.Event
	lost    <-chan error
	watched map[string]bool
	warned  bool
}

// A notifier is what a Watcher needs of an [fsnotify.Watcher], beside its channels.
type notifier interface {
	Add(dir string) error
	Remove(dir string) error
	Close() error
}

// Missing returns a Look that has scan take up what has changed. If scan reports that files are missing
// it is repeated, with sure if nothing has been noticed for a while: then they are gone for good.
func (p Pace) Missing(scan func(sure bool) (missing bool)) func(sure bool) time.Duration {
	return func(sure bool) time.Duration {
		if scan(sure) && !sure {
			return p.Gone
		}
		return 0
	}
}

// Start begins to notice: what happens from now on has Run look. After it Run must be called. It reports
// whether the system tells at all.
func (w *Watcher) Start() bool {
	if w.Folders == nil {
		return false
	}
	n, err := fsnotify.NewWatcher()
	if err != nil {
		w.Warnf("Cannot watch %s: %v; looking at them every %s", w.What, err, w.Poll)
		return false
	}
	w.notify, w.events, w.lost = n, n.Events, n.Errors
	w.refresh()
	return true
}

// refresh watches the folders that matter now. A folder of a known name may be another one by now, so
// all are added again.
func (w *Watcher) refresh() {
	if w.notify == nil {
		return
	}
	now := map[string]bool{}
	for _, dir := range w.Folders() {
		if err := w.notify.Add(dir); err != nil {
			if !w.warned {
				w.warned = true
				w.Warnf("Cannot watch %s: %v; looking at %s every %s", dir, err, w.What, w.Poll)
			}
			continue
		}
		now[dir] = true
	}
	for dir := range w.watched {
		if !now[dir] {
			_ = w.notify.Remove(dir) // it may be gone
		}
	}
	w.watched = now
}

// Run looks until stop is closed. The first look, if nothing is noticed before, is after a time like
// that which Look returns.
func (w *Watcher) Run(stop <-chan struct{}, after time.Duration) {
	if w.notify != nil {
		defer w.notify.Close()
	}
	timer := time.NewTimer(w.Poll)
	if w.isAlarm(after) {
		timer.Reset(after)
	}
	defer timer.Stop()
	var first time.Time // that something was noticed since the last look
	sure := false
	noticed := func() {
		if first.IsZero() {
			first = time.Now()
		}
		sure = false
		timer.Reset(max(0, min(w.Quiet, w.Longest-time.Since(first))))
	}
	for {
		select {
		case <-stop:
			return
		case e := <-w.events:
			if e.Op != fsnotify.Chmod || w.Touched {
				noticed()
			}
		case <-w.lost: // what has happened is not known
			noticed()
		case <-timer.C:
			first = time.Time{}
			w.refresh() // first, or what is written while looking goes unnoticed
			again := w.Look(sure)
			if sure = w.isAlarm(again); !sure {
				again = w.Poll
			}
			timer.Reset(again)
		}
	}
}

// isAlarm reports whether a look is wanted before the next regular one.
func (w *Watcher) isAlarm(after time.Duration) bool { return 0 < after && after < w.Poll }
