package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/filewatch"
)

const (
	// settleTime is the least time that files must have been left alone: an
	// editor that truncates and writes must not be read in between.
	settleTime = 100 * time.Millisecond
	// pollTime is how often polling looks if --watch-interval is not given.
	pollTime = 250 * time.Millisecond
)

// watch starts the watchers that were asked for. They live as long as the
// process and follow the files that come and go.
func (s *supervisor) watch(ctx context.Context) {
	request := func(reason string) {
		select {
		case s.reload <- reason:
		case <-ctx.Done():
		}
	}
	if s.opt.urlWatch > 0 {
		go watchRemote(ctx, s.opt, request)
	}
	if s.opt.watch == "" {
		return
	}

	w := &watcher{opt: s.opt, request: request, settle: max(s.opt.watchDebounce, settleTime)}
	w.seen = w.stamps()
	w.last, w.since = w.seen, time.Now()
	files := filewatch.Watcher{
		Pace: filewatch.Pace{Quiet: w.settle, Longest: 20 * w.settle, Poll: filewatch.DefaultPace.Poll},
		What: "the configuration", Folders: w.folders, Touched: true, Warnf: func(format string, args ...any) { log.Printf("W! "+format, args...) },
		Look: func(bool) time.Duration { w.compare(); return 0 },
	}
	notified := false
	if s.opt.watch != "poll" {
		if s.opt.watch != "notify" && s.opt.watch != "inotify" {
			log.Printf("W! Unknown way %q to watch the configuration, using notify", s.opt.watch)
		}
		notified = files.Start()
	}
	if !notified {
		files.Poll = cmp.Or(max(0, s.opt.watchInterval), pollTime)
		files.Look = func(bool) time.Duration { w.poll(); return 0 }
	}
	log.Printf("I! Config watcher started for %s", strings.Join(local(w.paths()), ", "))
	go files.Run(ctx.Done(), w.settle) // something may have changed between the first stamps and the start
}

// watcher asks for a reload when a local configuration file has changed, was
// added or is gone. Whether one did is always decided by comparing stamps:
// which files there are is Telegraf's affair.
type watcher struct {
	opt     *options
	request func(reason string)
	settle  time.Duration
	seen    map[string]string // path to stamp, as of the last request
	last    map[string]string // as of the last look of poll
	since   time.Time         // when last became so
}

// poll compares when nothing has changed for a while.
func (w *watcher) poll() {
	if stamps := w.stamps(); changed(w.last, stamps) != "" {
		w.last, w.since = stamps, time.Now()
	} else if time.Since(w.since) >= w.settle {
		w.compare()
	}
}

// folders are those of all files, as editors, package managers and Kubernetes
// replace files and links rather than write to them.
func (w *watcher) folders() []string {
	below := filewatch.Files{Patterns: w.opt.directories, Literal: true, Is: func(string) bool { return false }}
	return append(filewatch.Around(local(w.paths())...), below.Folders()...)
}

// compare asks for a reload if something differs from the last time.
func (w *watcher) compare() {
	stamps := w.stamps()
	if what := changed(w.seen, stamps); what != "" {
		w.seen = stamps
		w.request(what)
	}
}

// paths is what would be loaded now; an unreadable folder counts as empty,
// and the reload that follows says so.
func (w *watcher) paths() []string {
	all, err := paths(w.opt)
	if err != nil {
		return w.opt.configs
	}
	return all
}

func (w *watcher) stamps() map[string]string {
	m := map[string]string{}
	for _, path := range local(w.paths()) {
		if info, err := os.Stat(path); err == nil {
			m[path] = fmt.Sprint(info.ModTime().UnixNano(), info.Size(), info.Mode())
		}
	}
	return m
}

// changed says what makes b differ from a; it is empty if nothing does.
func changed(a, b map[string]string) string {
	for path, stamp := range b {
		switch before, ok := a[path]; {
		case !ok:
			return fmt.Sprintf("%s is new", path)
		case before != stamp:
			return fmt.Sprintf("%s modified", path)
		}
	}
	for path := range a {
		if _, ok := b[path]; !ok {
			return fmt.Sprintf("%s deleted", path)
		}
	}
	return ""
}

// local leaves out the URLs.
func local(paths []string) []string {
	var files []string
	for _, p := range paths {
		if !isURL(p) {
			files = append(files, p)
		}
	}
	return files
}

func isURL(path string) bool {
	return strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://")
}
