package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
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
	run := w.poll
	switch s.opt.watch {
	case "poll":
	case "notify", "inotify":
		run = w.notify
	default:
		log.Printf("W! Unknown way %q to watch the configuration, using notify", s.opt.watch)
		run = w.notify
	}
	log.Printf("I! Config watcher started for %s", strings.Join(local(w.paths()), ", "))
	go run(ctx)
}

// watcher asks for a reload when a local configuration file has changed, was
// added or is gone. Whether one did is always decided by comparing stamps;
// polling and notification are only two reasons to look.
type watcher struct {
	opt     *options
	request func(reason string)
	settle  time.Duration
	seen    map[string]string // path to stamp, as of the last request
}

func (w *watcher) poll(ctx context.Context) {
	interval := w.opt.watchInterval
	if interval <= 0 {
		interval = pollTime
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()

	last, since := w.seen, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if stamps := w.stamps(); changed(last, stamps) != "" {
				last, since = stamps, now
			} else if now.Sub(since) >= w.settle {
				w.compare()
			}
		}
	}
}

func (w *watcher) notify(ctx context.Context) {
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		log.Printf("E! Watching the configuration, falling back to polling: %v", err)
		w.poll(ctx)
		return
	}
	defer fs.Close()

	w.follow(fs)
	// Something may have changed between the first stamps and now.
	timer := time.NewTimer(w.settle)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-fs.Errors:
			// Events were lost, so have a look.
			log.Printf("W! Watching the configuration: %v", err)
			timer.Reset(w.settle)
		case <-fs.Events:
			timer.Reset(w.settle)
		case <-timer.C:
			w.follow(fs)
			w.compare()
		}
	}
}

// follow watches the folders of all files, not the files: editors, package
// managers and Kubernetes replace files and links rather than write to them.
func (w *watcher) follow(fs *fsnotify.Watcher) {
	dirs := map[string]bool{}
	for _, path := range local(w.paths()) {
		dirs[filepath.Dir(path)] = true
		if target, err := filepath.EvalSymlinks(path); err == nil {
			dirs[filepath.Dir(target)] = true
		}
	}
	for _, root := range w.opt.directories {
		_ = filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				dirs[path] = true
			}
			return nil
		})
	}
	for dir := range dirs {
		if err := fs.Add(dir); err != nil {
			log.Printf("W! Cannot watch config directory %s: %v", dir, err)
		}
	}
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
