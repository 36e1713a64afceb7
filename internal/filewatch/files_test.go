package filewatch

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// plant makes files in the current folder: "path=text", "path/" for a folder, "path->target" for a link.
func plant(t *testing.T, things string) {
	for _, thing := range strings.Fields(things) {
		path, text, isFile := strings.Cut(thing, "=")
		from, to, isLink := strings.Cut(thing, "->")
		require.NoError(t, os.MkdirAll(filepath.Dir(from), 0o750))
		switch {
		case isLink:
			require.NoError(t, os.Symlink(to, from))
		case isFile:
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		default:
			require.NoError(t, os.MkdirAll(thing, 0o750))
		}
	}
}

func isTick(name string) bool { return strings.HasSuffix(name, ".tick") }

func TestFind(t *testing.T) {
	for name, c := range map[string]struct{ things, patterns, want, wrong string }{
		"a file has any name":                {"a.txt=", "a.txt", "a.txt", ""},
		"files of a folder have their names": {"d/a.tick= d/b.txt= d/e/c.tick=", "d", "d/a.tick d/e/c.tick", ""},
		"the order is that of the patterns":  {"a/1.tick= b/2.tick= b/1.tick=", "b a", "b/1.tick b/2.tick a/1.tick", ""},
		"each file once":                     {"d/a.tick= d/b.tick=", "d/b.tick d d/*", "d/b.tick d/a.tick", ""},
		"hidden files are left out":          {"d/.a.tick= d/.e/b.tick= d/c.tick=", "d d/*.tick", "d/c.tick", ""},
		"but those that are named":           {".a.tick= .d/b.tick= .d/.c.tick=", ".a.tick .d .d/.c.tick", ".a.tick .d/b.tick .d/.c.tick", ""},
		"or meant":                           {"d/.a.tick= d/.b/c.tick= d/d.tick=", "d/.*", "d/.a.tick d/.b/c.tick", ""},
		"a folder as Kubernetes mounts it":   {"m/..1/a.tick= m/..data->..1 m/a.tick->..data/a.tick", "m m/*.tick */*/*.tick", "m/a.tick", ""},
		"a link to a file":                   {"x=1 d/a.tick->../x", "d", "d/a.tick", ""},
		"a link to a folder":                 {"x/a.tick= x/e/b.tick= d->x", "d", "d/a.tick d/e/b.tick", ""},
		"a link to a folder in a folder":     {"x/a.tick= d/e->../x", "d", "d/e/a.tick", ""},
		"a link to a folder in a glob":       {"x/a.tick= d/e->../x", "d/*", "d/e/a.tick", ""},
		"a link to nowhere":                  {"d/a.tick->x d/b.tick=", "d d/*", "d/b.tick", ""},
		"links that make a circle":           {"d/a.tick= d/e/up->.. d/self->.", "d", "d/a.tick", ""},
		"a link to itself":                   {"d/a.tick->a.tick d/b.tick=", "d", "d/b.tick", "d/a.tick: too many levels"},
		"a folder called as a file":          {"d/e.tick/a.tick=", "d d/*.tick", "d/e.tick/a.tick", ""},
		"a glob of files":                    {"d/a.tick= d/b.txt=", "d/*.tick", "d/a.tick", ""},
		"a glob of folders":                  {"d1/a.tick= d1/b.txt= d2/e/c.tick= x/d.tick=", "d[12]", "d1/a.tick d2/e/c.tick", ""},
		"a glob in the middle":               {"a/r/1= b/r/2= c/s/3= r=", "*/r/?", "a/r/1 b/r/2", ""},
		"a glob in the middle of folders":    {"a/r/1.tick= b/r/e/2.tick= c=", "*/r", "a/r/1.tick b/r/e/2.tick", ""},
		"what a glob has not yet":            {"d/", "d/*.tick e/*.tick d/*/r", "", ""},
		"a file that is not there":           {"", "a.tick d", "", "a.tick: no such file, d: no such file"},
		"a file in the place of a folder":    {"d=", "d/*.tick d/e/*.tick d/a.tick", "", "d: not a folder, d/a.tick: not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			plant(t, c.things)
			for _, root := range []string{"", cwd(t) + "/"} {
				f := Files{Is: isTick}
				for _, p := range strings.Fields(c.patterns) {
					f.Patterns = append(f.Patterns, root+p)
				}
				require.NoError(t, f.Check())
				paths, wrong := f.Find()
				var got []string
				for _, p := range paths {
					got = append(got, strings.TrimPrefix(p, root))
				}
				require.Equal(t, c.want, strings.Join(got, " "))
				require.Len(t, wrong, len(strings.FieldsFunc(c.wrong, func(r rune) bool { return r == ',' })), "%v", wrong)
				for i, path := range slices.Sorted(maps.Keys(wrong)) {
					wantPath, want, _ := strings.Cut(strings.Split(c.wrong, ", ")[i], ": ")
					require.Equal(t, wantPath, strings.TrimPrefix(path, root))
					require.ErrorContains(t, wrong[path], want)
				}
			}
		})
	}
}

func cwd(t *testing.T) string {
	dir, err := os.Getwd()
	require.NoError(t, err)
	return dir
}

func TestLiteral(t *testing.T) {
	t.Chdir(t.TempDir())
	plant(t, "a[1].tick=1 a1.tick= d/b.tick=")
	s := Set{Files: Files{Patterns: []string{"a[1].tick", "d", "*.tick"}, Literal: true, MaxSize: 9}}
	x := s.Scan(true)
	require.Equal(t, []*File{{Path: "a[1].tick", Text: "1", Modified: x.Files[0].Modified}, {Path: "d", Err: errors.New("d: not a regular file")}}, x.Files)
	require.Len(t, x.Wrong, 1)
	require.ErrorIs(t, x.Wrong["*.tick"], fs.ErrNotExist)
	s.Patterns = []string{"a["}
	require.NoError(t, s.Check())
	plant(t, "b[1]/a.tick=")
	s.Patterns, s.Is = []string{"b[1]"}, isTick
	require.Len(t, s.Scan(true).Files, 1)
}

func TestCheck(t *testing.T) {
	f := Files{Patterns: []string{"a", "b[", "c"}}
	require.EqualError(t, f.Check(), `"b[": syntax error in pattern`)
}

// A folder that cannot be read is not empty. (What permissions say does not count for root.)
func TestUnreadableFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	plant(t, "d/a.tick= d/e/b.tick= x/c.tick=")
	f := Files{Patterns: []string{"d", "x/*", "x"}, Is: isTick}
	f.readDir = func(dir string) ([]os.DirEntry, error) {
		if dir == "d/e" || dir == "x" {
			return nil, fs.ErrPermission
		}
		return os.ReadDir(dir)
	}
	paths, wrong := f.Find()
	require.Equal(t, []string{"d/a.tick"}, paths)
	require.Equal(t, map[string]error{"d/e": fs.ErrPermission, "x": fs.ErrPermission}, wrong)
}

func TestDepth(t *testing.T) {
	t.Chdir(t.TempDir())
	deep := "d" + strings.Repeat("/e", maxDepth-1)
	plant(t, deep+"/a.tick= "+deep+"/f/b.tick=")
	f := Files{Patterns: []string{"d"}, Is: isTick}
	paths, wrong := f.Find()
	require.Equal(t, []string{deep + "/a.tick"}, paths)
	require.EqualError(t, wrong[deep+"/f"], deep+"/f: more than 32 folders deep")
}

// Some folders with links to others look like very many.
func TestManyFolders(t *testing.T) {
	t.Chdir(t.TempDir())
	plant(t, "b/a.tick=")
	for i := range 20 {
		plant(t, fmt.Sprintf("d%d/l->../d%d d%[1]d/m->../d%[2]d", i, i+1))
	}
	plant(t, "d20/")
	f := Files{Patterns: []string{"d0", "b"}, Is: isTick}
	paths, wrong := f.Find()
	require.Equal(t, []string{"b/a.tick"}, paths)
	require.Len(t, wrong, 1)
	require.EqualError(t, wrong["d0"], "d0: more than 10000 folders")
}

func TestRead(t *testing.T) {
	t.Chdir(t.TempDir())
	plant(t, "a=12345 b->a d/")
	then := time.Unix(1767225600, 0)
	require.NoError(t, os.Chtimes("a", then, then))
	for _, path := range []string{"a", "b"} {
		text, modified, err := Read(path, 5)
		require.NoError(t, err)
		require.Equal(t, "12345", text)
		require.True(t, then.Equal(modified))
		_, _, err = Read(path, 4)
		require.EqualError(t, err, path+": larger than 4 bytes")
	}
	_, _, err := Read("d", 5)
	require.EqualError(t, err, "d: not a regular file")
	_, _, err = Read("none", 5)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestAround compares the folders that are watched for a path.
func TestAround(t *testing.T) {
	t.Chdir(t.TempDir())
	plant(t, "d/e/f= x/y/z= d/l->../x d/m->l/y s->d/m/z")
	for path, want := range map[string]string{
		"d/e/f":      "d/e",
		"d/e":        "d d/e",
		"d/none/f":   "d",
		"d/l":        ". d x",
		"d/l/y/z":    "d x/y",
		"d/m/z":      "d x/y",
		"s":          ". d x/y",
		"d/e/f/none": "d/e/f",
	} {
		var got []string
		for _, dir := range Around(path) {
			rel, err := filepath.Rel(cwd(t), dir)
			require.NoError(t, err)
			got = append(got, rel)
		}
		require.Equal(t, want, strings.Join(got, " "), path)
	}
}

// In every folder that is watched for patterns something can happen that matters, and nowhere else.
func TestFolderChanges(t *testing.T) {
	for name, c := range map[string]struct{ things, patterns, want string }{
		"a folder and those below": {"d/e/a.tick= d/.f/ d/g/", "d", ". d d/e d/g"},
		"links":                    {"p/x/y/a.tick= d/e->../p/x d/f.tick->../z/g z/g=", "d", ". d p p/x p/x/y z"},
		"a glob":                   {"d/e/a.tick= d/f/", "d/*/*.tick", ". d d/e d/f"},
		"a glob of folders":        {"d/e/r/a.tick= d/f/", "d/*/r", ". d d/e d/e/r d/f"},
		"a glob that is to come":   {"d/", "d/e/*.tick", "d"},
		"a file that is to come":   {"d/", "d/e/a.tick", "d"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			plant(t, c.things)
			f := Files{Patterns: strings.Fields(c.patterns), Is: isTick}
			var got []string
			for _, dir := range f.Folders() {
				rel, err := filepath.Rel(cwd(t), dir)
				require.NoError(t, err)
				got = append(got, rel)
			}
			require.Equal(t, c.want, strings.Join(got, " "))
		})
	}
}

// TestScan changes files between scans: each step is what happens and what the next scan says: the files
// with their texts, those marked that are others than before.
func TestScan(t *testing.T) {
	t.Chdir(t.TempDir())
	broken := map[string]bool{}
	s := Set{Files: Files{Patterns: []string{"d", "named", "g*"}, Is: isTick, MaxSize: 9}}
	s.readDir = func(dir string) ([]os.DirEntry, error) {
		if broken[dir] {
			return nil, fs.ErrPermission
		}
		return os.ReadDir(dir)
	}
	clock := time.Unix(1767225600, 0)
	write := func(path, text string) {
		clock = clock.Add(time.Second)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chtimes(path, clock, clock))
	}
	before := map[*File]bool{}
	for _, step := range []struct {
		what string
		do   func()
		sure bool
		want string
	}{
		{"nothing is there", func() {}, true, "; wrong d named"},
		{"files come", func() {
			plant(t, "d/e/")
			write("d/a.tick", "1")
			write("d/e/b.tick", "2")
			write("named", "3")
			write("g", "4")
		}, false, "*d/a.tick=1 *d/e/b.tick=2 *named=3 *g=4; changed"},
		{"nothing happens", func() {}, false, "d/a.tick=1 d/e/b.tick=2 named=3 g=4"},
		{"one changes", func() { write("d/a.tick", "5") }, false, "*d/a.tick=5 d/e/b.tick=2 named=3 g=4; changed"},
		{"one is written again", func() { write("d/a.tick", "5") }, false, "*d/a.tick=5 d/e/b.tick=2 named=3 g=4; changed"},
		{"one goes for a moment", func() { require.NoError(t, os.Remove("d/e/b.tick")) }, false, "d/a.tick=5 d/e/b.tick=2 named=3 g=4; missing"},
		{"and for good, another comes", func() { write("d/c.tick", "6") }, true, "d/a.tick=5 *d/c.tick=6 named=3 g=4; changed"},
		{"the named one goes for a moment", func() { require.NoError(t, os.Remove("named")) }, false, "d/a.tick=5 d/c.tick=6 named=3 g=4; missing; wrong named"},
		{"and for good", func() {}, true, "d/a.tick=5 d/c.tick=6 g=4; changed; wrong named"},
		{"a folder cannot be read", func() { broken["d"] = true }, true, "d/a.tick=5 d/c.tick=6 g=4; wrong d named"},
		{"nor for a moment", func() {}, false, "d/a.tick=5 d/c.tick=6 g=4; wrong d named"},
		{"it can be again", func() { broken["d"] = false; write("d/a.tick", "7") }, false, "*d/a.tick=7 d/c.tick=6 g=4; changed; wrong named"},
		{"a file is too large for a moment", func() { write("d/a.tick", "0123456789") }, false, "d/a.tick=7 d/c.tick=6 g=4; missing; wrong named"},
		{"and for good", func() {}, true, "*d/a.tick=7! d/c.tick=6 g=4; changed; wrong named"},
		{"and still is", func() {}, false, "d/a.tick=7! d/c.tick=6 g=4; wrong named"},
		{"a new one is too large", func() { write("d/b.tick", "0123456789") }, false, "d/a.tick=7! *d/b.tick=! d/c.tick=6 g=4; changed; wrong named"},
		{"both are good", func() { write("d/a.tick", "7"); write("d/b.tick", "8") }, false, "*d/a.tick=7 *d/b.tick=8 d/c.tick=6 g=4; changed; wrong named"},
		{"a file becomes a folder", func() { require.NoError(t, os.Remove("g")); plant(t, "g/"); write("g/x.tick", "9") }, true, "d/a.tick=7 d/b.tick=8 d/c.tick=6 *g/x.tick=9; changed; wrong named"},
		{"a file becomes a link to itself", func() { require.NoError(t, os.Remove("d/a.tick")); plant(t, "d/a.tick->a.tick") }, true, "d/a.tick=7 d/b.tick=8 d/c.tick=6 g/x.tick=9; wrong d/a.tick named"},
		{"a folder goes", func() { require.NoError(t, os.RemoveAll("d")) }, false, "d/a.tick=7 d/b.tick=8 d/c.tick=6 g/x.tick=9; missing; wrong d named"},
		{"and for good", func() {}, true, "g/x.tick=9; changed; wrong d named"},
	} {
		step.do()
		x := s.Scan(step.sure)
		var files []string
		now := map[*File]bool{}
		for _, f := range x.Files {
			text := f.Path + "=" + f.Text
			if !before[f] {
				text = "*" + text
			}
			if f.Err != nil {
				text += "!"
			}
			files = append(files, text)
			now[f] = true
		}
		before = now
		got := strings.Join(files, " ")
		if x.Changed {
			got += "; changed"
		}
		if x.Missing {
			got += "; missing"
		}
		if len(x.Wrong) > 0 {
			got += "; wrong " + strings.Join(slices.Sorted(maps.Keys(x.Wrong)), " ")
		}
		require.Equal(t, step.want, got, step.what)
	}
}

// A file that goes between finding and reading it is not there.
func TestScanRace(t *testing.T) {
	t.Chdir(t.TempDir())
	plant(t, "d/a.tick=1 d/b.tick=2")
	s := Set{Files: Files{Patterns: []string{"d"}, Is: isTick, MaxSize: 9}}
	s.readDir = func(dir string) ([]os.DirEntry, error) {
		entries, err := os.ReadDir(dir)
		return entries, errors.Join(err, os.Remove("d/a.tick"))
	}
	x := s.Scan(true)
	require.Len(t, x.Files, 1)
	require.Equal(t, "d/b.tick", x.Files[0].Path)
	require.Empty(t, x.Wrong)
	s.readDir = func(dir string) ([]os.DirEntry, error) {
		entries, err := os.ReadDir(dir)
		return entries, errors.Join(err, os.Remove("d/b.tick"))
	}
	x = s.Scan(false)
	require.Len(t, x.Files, 1)
	require.True(t, x.Missing)
	plant(t, "d/b.tick=3")
	require.Empty(t, s.Scan(true).Files)
	s.readDir = func(dir string) ([]os.DirEntry, error) {
		return nil, errors.Join(os.RemoveAll(dir), fs.ErrNotExist)
	}
	require.Empty(t, s.Scan(true).Wrong)
}

func BenchmarkScan(b *testing.B) {
	b.Chdir(b.TempDir())
	for i := range 1000 {
		require.NoError(b, os.WriteFile(fmt.Sprintf("%d.tick", i), []byte("stream"), 0o600))
	}
	s := Set{Files: Files{Patterns: []string{"."}, Is: isTick, MaxSize: 9}}
	for b.Loop() {
		require.Len(b, s.Scan(false).Files, 1000)
	}
}
