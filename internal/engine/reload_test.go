package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/filewatch"
)

// quickly is a pace for tests. Looking without notice is off: what is noticed is under test.
var quickly = filewatch.Pace{Quiet: 10 * time.Millisecond, Longest: 100 * time.Millisecond, Gone: 30 * time.Millisecond, Poll: time.Hour}

// mark returns a script that answers every point of m with a point that has the tag by.
func mark(by string) string {
	return `stream|from().measurement('m')|influxDBOut().tag('by', '` + by + `')`
}

// A watchedFolder is a rig that runs the scripts of a folder.
type watchedFolder struct {
	*rig
	t    *testing.T
	dir  string
	next int64
}

func watch(t *testing.T, dir string, scripts ...string) *watchedFolder {
	t.Helper()
	p := ofFiles(scripts...)
	p.conf.Pace = quickly
	f := &watchedFolder{rig: p.start(t), t: t, dir: dir}
	t.Cleanup(func() {
		f.Stop()
		for _, text := range f.log.texts() {
			require.NotContains(t, text, "Cannot watch")
		}
	})
	return f
}

// marks returns the tasks that answer a new point.
func (f *watchedFolder) marks() []string {
	f.t.Helper()
	f.next++
	f.Add(pt("m", nil, map[string]any{"v": 1.0}, time.Unix(f.next, 0)))
	f.settle()
	out := []string{}
	for _, m := range f.made() {
		if m.point != nil && m.tag("by") != "" && m.point.Time == f.next*1e9 {
			out = append(out, m.tag("by"))
		}
	}
	slices.Sort(out)
	return out
}

// becomes waits until the tasks that answer are those.
func (f *watchedFolder) becomes(want ...string) {
	f.t.Helper()
	require.EventuallyWithT(f.t, func(c *assert.CollectT) { require.Equal(c, append([]string{}, want...), f.marks()) }, 10*time.Second, 5*time.Millisecond)
}

// logged waits until a line of the log contains text, and returns how many do.
func (f *watchedFolder) logged(text string) int {
	f.t.Helper()
	n := 0
	require.Eventually(f.t, func() bool { n = f.log.count(text); return n > 0 }, 10*time.Second, 5*time.Millisecond, "no line with %q", text)
	return n
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.tick"), filepath.Join(dir, "two.tick")
	write(t, one, mark("1"))
	f := watch(t, dir, filepath.Join(dir, "*.tick"))
	require.Equal(t, []string{"1"}, f.marks())

	write(t, two, mark("2"))
	f.becomes("1", "2")
	write(t, one, mark("1b"))
	f.becomes("1b", "2")

	write(t, one, "stream\n    |from().mesurement('m')")
	require.Equal(t, 1, f.logged(one+`:2:13: from: no property mesurement; did you mean measurement?; task "one" goes on with the script it had`))
	require.Equal(t, []string{"1b", "2"}, f.marks())
	write(t, one, mark("1c"))
	f.becomes("1c", "2")

	require.NoError(t, os.Remove(two))
	f.becomes("1c")
	f.logged(`Stopped task "two"`)
	write(t, two, mark("2b"))
	f.becomes("1c", "2b")
	require.NoError(t, os.Rename(two, filepath.Join(dir, "three.tick")))
	f.becomes("1c", "2b")
	f.logged(`Started task "three"`)
}

func TestReloadThatMovesToOtherMeasurement(t *testing.T) {
	dir := t.TempDir()
	one := filepath.Join(dir, "one.tick")
	write(t, one, strings.ReplaceAll(mark("1"), "'m'", "'other'"))
	f := watch(t, dir, dir)
	require.Empty(t, f.marks())
	write(t, one, mark("1"))
	f.becomes("1")
}

// Configuration management writes a temporary file beside the old one and renames it.
func TestReloadByRename(t *testing.T) {
	dir := t.TempDir()
	one := filepath.Join(dir, "one.tick")
	write(t, one, mark("1"))
	f := watch(t, dir, filepath.Join(dir, "*.tick"))
	for _, by := range []string{"2", "3", "4"} {
		tmp := filepath.Join(dir, ".one.tick.tmp")
		write(t, tmp, mark(by))
		require.NoError(t, os.Rename(tmp, one))
		f.becomes(by)
	}
	// An editor moves the old one away first.
	require.NoError(t, os.Rename(one, one+"~"))
	write(t, one, mark("5"))
	f.becomes("5")
}

// A task does not end because its file is away for a moment.
func TestReloadAfterShortAbsence(t *testing.T) {
	dir := t.TempDir()
	one := filepath.Join(dir, "one.tick")
	counting := `stream|from().measurement('m')|stateCount(lambda: TRUE)|influxDBOut().tag('by', 'n')`
	write(t, one, counting)
	p := ofFiles(dir)
	p.conf.Pace = quickly
	p.conf.Pace.Gone = time.Hour
	f := &watchedFolder{rig: p.start(t), t: t, dir: dir}
	f.becomes("n")
	r := p.places["one"].r
	require.NoError(t, os.Remove(one))
	write(t, one, counting)
	write(t, filepath.Join(dir, "two.tick"), mark("2"))
	f.becomes("2", "n")
	require.Same(t, r, p.places["one"].r)
	p.Stop()
}

// Deployments swap symbolic links: of the file, of the folder, and of a folder above it.
func TestReloadOfLinks(t *testing.T) {
	dir := t.TempDir()
	for _, v := range []string{"v1", "v2", "v3"} {
		write(t, filepath.Join(dir, "store", v, "tick.d", "one.tick"), mark(v))
	}
	swap := func(target, link string) {
		require.NoError(t, os.Symlink(target, link+".new"))
		require.NoError(t, os.Rename(link+".new", link))
	}
	for name, c := range map[string]struct {
		link    string
		target  string
		scripts string
	}{
		"file":   {"one.tick", "store/%/tick.d/one.tick", "one.tick"},
		"folder": {"tick.d", "store/%/tick.d", "tick.d/*.tick"},
		"above":  {"current", "store/%", "current/tick.d"},
		// A mounted ConfigMap: the files are links through a link that is swapped.
		"configmap": {"mount/..data", "../store/%/tick.d", "mount"},
	} {
		t.Run(name, func(t *testing.T) {
			link := filepath.Join(dir, c.link)
			require.NoError(t, os.MkdirAll(filepath.Dir(link), 0o750))
			swap(strings.ReplaceAll(c.target, "%", "v1"), link)
			if name == "configmap" {
				require.NoError(t, os.Symlink("..data/one.tick", filepath.Join(dir, "mount", "one.tick")))
			}
			f := watch(t, dir, filepath.Join(dir, c.scripts))
			require.Equal(t, []string{"v1"}, f.marks())
			swap(strings.ReplaceAll(c.target, "%", "v2"), link)
			f.becomes("v2")
			swap(strings.ReplaceAll(c.target, "%", "v3"), link)
			f.becomes("v3")
			// What a link leads to is watched, too.
			target := filepath.Join(dir, "store/v3/tick.d/one.tick")
			write(t, target, mark("v4"))
			f.becomes("v4")
			write(t, target, mark("v3"))
			f.becomes("v3")
		})
	}
}

// A folder that is exchanged for another, or comes only later, is watched all the same.
func TestReloadOfFolders(t *testing.T) {
	dir := t.TempDir()
	scripts := filepath.Join(dir, "etc", "tick.d")
	f := watch(t, dir, filepath.Join(scripts, "*.tick"))
	require.Empty(t, f.marks())
	write(t, filepath.Join(scripts, "one.tick"), mark("1"))
	f.becomes("1")
	write(t, filepath.Join(dir, "new", "one.tick"), mark("2"))
	require.NoError(t, os.Rename(scripts, scripts+".old"))
	require.NoError(t, os.Rename(filepath.Join(dir, "new"), scripts))
	f.becomes("2")
	write(t, filepath.Join(scripts, "one.tick"), mark("3"))
	f.becomes("3")
}

func TestReloadOfSubfolders(t *testing.T) {
	dir := t.TempDir()
	f := watch(t, dir, dir)
	write(t, filepath.Join(dir, "a", "b", "one.tick"), mark("1"))
	f.becomes("1")
	write(t, filepath.Join(dir, "a", "b", "one.tick"), mark("2"))
	f.becomes("2")
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "a")))
	f.becomes()
}

func TestTwoTasksOfOneName(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a", "one.tick"), filepath.Join(dir, "b", "one.tick")
	write(t, a, mark("a"))
	write(t, b, mark("b"))
	f := watch(t, dir, filepath.Join(dir, "a"), filepath.Join(dir, "b"))
	require.Equal(t, []string{"a"}, f.marks())
	require.Equal(t, 1, f.logged(`task "one" is defined twice: in `+a+` and in `+b))
	require.NoError(t, os.Remove(a))
	f.becomes("b")

	both := newRig("one", mark("c"))
	both.conf.Scripts.Patterns = []string{b}
	errs := both.init()
	require.Len(t, errs, 1)
	require.ErrorContains(t, errs[0], `task "one" is defined twice: in the configuration and in `+b)
}

// A task that a bug has stopped starts again when its file is written, even with the same text.
func TestFailedTaskIsRestarted(t *testing.T) {
	dir := t.TempDir()
	one := filepath.Join(dir, "one.tick")
	script := `var s = stream|from().measurement('m')` + "\n" +
		`s|influxDBOut().tag('by', 'one')` + "\n" + `s|where(lambda: "v" > 1.0)|explode()`
	write(t, one, script)
	f := watch(t, dir, one)
	require.Equal(t, []string{"one"}, f.marks())
	f.Add(pt("m", nil, map[string]any{"v": 2.0}, time.Unix(0, 0)))
	f.logged(`Task "one" has stopped`)
	require.Empty(t, f.marks())
	later := time.Now().Add(time.Second)
	require.NoError(t, os.Chtimes(one, later, later))
	write(t, filepath.Join(dir, "unrelated"), "") // a new time alone is no event
	f.becomes("one")
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	one := filepath.Join(dir, "one.tick")
	write(t, one, "stream|")
	p := ofFiles(one, filepath.Join(dir, "none.tick"))
	errs := p.init()
	require.Len(t, errs, 2)
	require.ErrorContains(t, errs[0], one+":1:")
	require.ErrorContains(t, errs[1], "none.tick: no such file")
	require.Len(t, p.Problems(), 2)
}

// TestReloadOfMessage keeps windows, levels and what alerts inhibit when only a message changes.
func TestReloadOfMessage(t *testing.T) {
	dir := t.TempDir()
	const script = `stream|from().measurement('m').groupBy('host')|window().periodCount(3).everyCount(3)|sum('v').as('s')` +
		`|alert().crit(lambda: "s" > 10).inhibit('other', 'host').message('old')`
	write(t, dir+"/a.tick", script)
	write(t, dir+"/b.tick", `stream|from().measurement('n').groupBy('host')|alert().crit(lambda: "v" > 0).category('other')`)
	f := watch(t, dir, dir+"/*.tick")
	at := int64(0)
	add := func(name string, v float64) {
		at++
		f.Add(pt(name, map[string]string{"host": "h"}, map[string]any{"v": v}, time.Unix(at, 0)))
		f.settle()
	}
	reload := func(script string) {
		reloads := f.counters.reloads.Load()
		write(t, dir+"/a.tick", script)
		require.Eventually(t, func() bool { return f.counters.reloads.Load() > reloads }, 10*time.Second, time.Millisecond)
		f.settle()
	}
	for _, v := range []float64{10, 10, 10, 1, 1} {
		add("m", v)
	}
	require.Len(t, f.made(), 1)
	reload(strings.Replace(script, "'old'", "'new'", 1) + ".slack()")
	add("n", 1)
	require.Len(t, f.made(), 1, "still inhibited")
	add("m", 1)
	got := f.made()
	require.Len(t, got, 2, "the window goes on")
	require.Equal(t, "new", got[1].event.Message)
	add("n", 1)
	require.Len(t, f.made(), 3, "inhibited by nobody")

	add("m", 10)
	reload(strings.Replace(script, "> 10", "> 5", 1))
	add("m", 10)
	add("m", 10)
	require.Len(t, f.made(), 3, "another threshold begins anew")
	add("m", 10)
	require.Len(t, f.made(), 4)
}

// What is beside scripts is no script twice, and nothing that the engine could hang on.
func TestOddScripts(t *testing.T) {
	dir := t.TempDir()
	one := filepath.Join(dir, "one.tick")
	write(t, one, mark("1"))
	write(t, filepath.Join(dir, ".hidden.tick"), mark("2"))
	require.NoError(t, os.Symlink(".", filepath.Join(dir, "self")))
	require.NoError(t, os.Symlink("/dev/zero", filepath.Join(dir, "zero.tick")))
	require.NoError(t, os.Symlink("loop.tick", filepath.Join(dir, "loop.tick")))
	p := ofFiles(dir, filepath.Join(dir, "*.tick"))
	p.conf.Scripts.Tasks = []Script{{Name: "named", File: one}, {Name: "folder", File: dir}, {Name: "none", File: filepath.Join(dir, "none[.tick")}}
	errs := p.init()
	var texts []string
	for _, err := range errs {
		texts = append(texts, strings.ReplaceAll(err.Error(), dir, ""))
	}
	require.Equal(t, []string{
		": not a regular file",
		"stat /none[.tick: no such file or directory",
		"/zero.tick: not a regular file",
		"scripts: stat /loop.tick: too many levels of symbolic links",
	}, texts)
}
