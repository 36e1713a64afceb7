package tick

import (
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/influxdata/telegraf"
)

// This file notices changes of scripts.

// A pace says how fast changes are taken up.
type pace struct {
	quiet   time.Duration // nothing more may happen for so long, since files are not written at once
	longest time.Duration // but it does not take longer than this
	gone    time.Duration // how long a file must be gone: editors and rsync replace files in steps
	poll    time.Duration // scripts are looked at even if nothing is noticed: not all file systems tell
}

var defaultPace = pace{quiet: 200 * time.Millisecond, longest: 2 * time.Second, gone: time.Second, poll: time.Minute}

// A watcher calls for a scan when scripts may have changed.
type watcher struct {
	pace
	log     telegraf.Logger
	folders func() []string
	// scan takes up what has changed. It reports whether a script is missing; with sure, the task
	// of a script that is missing ends.
	scan func(sure bool) (missing bool)

	notify  *fsnotify.Watcher // nil if the system offers none
	watched map[string]bool
	warned  bool
}

// start begins to watch. What happens from now on is noticed.
func (w *watcher) start() {
	n, err := fsnotify.NewWatcher()
	if err != nil {
		w.log.Warnf("Cannot watch the scripts: %v; looking at them every %s", err, w.poll)
		return
	}
	w.notify = n
	w.refresh()
}

// refresh watches the folders that matter now. A folder of a known name may be another one by now,
// so all are added again.
func (w *watcher) refresh() {
	if w.notify == nil {
		return
	}
	dirs := map[string]bool{}
	for _, dir := range w.folders() {
		if err := w.notify.Add(dir); err != nil {
			if !w.warned {
				w.warned = true
				w.log.Warnf("Cannot watch %s: %v; looking at the scripts every %s", dir, err, w.poll)
			}
			continue
		}
		dirs[dir] = true
	}
	for dir := range w.watched {
		if !dirs[dir] {
			_ = w.notify.Remove(dir) // it may be gone
		}
	}
	w.watched = dirs
}

// run scans until stop is closed.
func (w *watcher) run(stop <-chan struct{}) {
	var events chan fsnotify.Event
	var errors chan error
	if w.notify != nil {
		defer w.notify.Close()
		events, errors = w.notify.Events, w.notify.Errors
	}
	timer := time.NewTimer(w.poll)
	defer timer.Stop()
	var first time.Time // of the events since the last scan
	sure := false
	for {
		select {
		case <-stop:
			return
		case e := <-events:
			if e.Op == fsnotify.Chmod {
				continue
			}
			if first.IsZero() {
				first = time.Now()
			}
			sure = false
			timer.Reset(max(0, min(w.quiet, w.longest-time.Since(first))))
		case <-errors: // events were lost
			timer.Reset(w.quiet)
		case <-timer.C:
			first = time.Time{}
			w.refresh() // first, or what is written while scanning goes unnoticed
			missing := w.scan(sure)
			sure = missing && !sure
			if sure {
				timer.Reset(w.gone)
			} else {
				timer.Reset(w.poll)
			}
		}
	}
}
