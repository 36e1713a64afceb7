package alerter

import (
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/influxdata/telegraf"
)

const (
	// watchPause is how long nothing more must happen before files are read.
	watchPause = 200 * time.Millisecond
	// watchPoll is how often they are read even if nothing is noticed: not all file systems tell.
	watchPoll = time.Minute
)

// A watcher has files looked at when something happens in their folders.
type watcher struct {
	log     telegraf.Logger
	folders func() []string
	look    func() (again time.Duration) // 0: when something happens
	pause   time.Duration
	poll    time.Duration
	first   time.Duration // until the first look; 0: when something happens

	notify *fsnotify.Watcher // nil if the system has none to offer
}

// start begins to notice.
func (w *watcher) start() {
	n, err := fsnotify.NewWatcher()
	if err != nil {
		w.log.Warnf("Cannot watch files: %v; reading them every %s", err, w.poll)
		return
	}
	w.notify = n
	w.refresh()
}

// refresh watches all folders that matter now, also those made anew under an old name.
func (w *watcher) refresh() {
	if w.notify == nil {
		return
	}
	for _, dir := range w.folders() {
		_ = w.notify.Add(dir) // else the poll finds what changes there
	}
}

// run looks until stop is closed.
func (w *watcher) run(stop <-chan struct{}) {
	var events <-chan fsnotify.Event
	var lost <-chan error
	if w.notify != nil {
		defer w.notify.Close()
		events, lost = w.notify.Events, w.notify.Errors
	}
	if w.first == 0 {
		w.first = w.poll
	}
	t := time.NewTimer(w.first)
	defer t.Stop()
	var since time.Time // of the first event that was not looked at
	for {
		select {
		case <-stop:
			return
		case e := <-events:
			if e.Op == fsnotify.Chmod {
				continue
			}
			if since.IsZero() {
				since = time.Now()
			}
			// Files are not written at once, but someone may write all the time.
			t.Reset(max(0, min(w.pause, 10*w.pause-time.Since(since))))
		case <-lost:
			t.Reset(w.pause)
		case <-t.C:
			since = time.Time{}
			w.refresh()
			again := w.look()
			if again == 0 {
				again = w.poll
			}
			t.Reset(again)
		}
	}
}
