package journaltest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

var errBad = errors.New("input/output error")

// show returns what is in a folder in one line.
func show(m *Folder) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		list = append(list, fmt.Sprintf("%s=%q", name, strings.ReplaceAll(string(m.Files[name].Data), "\x00", "_")))
	}
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, " ")
}

// TestCrash carries out the stories of testdata/crash.txt and compares all that may be left in the end.
func TestCrash(t *testing.T) {
	text, err := os.ReadFile("testdata/crash.txt")
	require.NoError(t, err)
	stories := strings.Split(string(text), "\n\n")[1:]
	require.Greater(t, len(stories), 10)
	for _, story := range stories {
		title, story, _ := strings.Cut(story, "\n")
		t.Run(title, func(t *testing.T) {
			ops, want, ok := strings.Cut(story, "\n---\n")
			require.True(t, ok)
			d := NewDisk()
			m := d.Folder("")
			open := map[string]journal.File{}
			for line := range strings.Lines(ops) {
				f := strings.Fields(line)
				bad := strings.HasPrefix(f[0], "bad")
				m.SetFail(func(int, string) error {
					if bad {
						return errBad
					}
					return nil
				})
				var err error
				switch strings.TrimPrefix(f[0], "bad") {
				case "create":
					open[f[1]], err = m.Create(f[1])
				case "write":
					_, err = open[f[1]].Write([]byte(f[2]))
				case "sync":
					err = open[f[1]].Sync()
				case "rename":
					err = m.Rename(f[1], f[2])
				case "remove":
					err = m.Remove(f[1])
				case "syncfolder":
					err = m.Sync()
				case "restart":
					m = m.Killed()
					d = m.disk
				case "kill":
					require.Equal(t, strings.TrimSpace(want), show(m.Killed()))
				case "crash":
					got := map[string]bool{}
					for x := range d.Crashes(1000, rand.New(rand.NewPCG(1, 2))) {
						got[show(x.Folder(""))] = true
					}
					require.Equal(t, strings.TrimSpace(want), strings.Join(slices.Sorted(maps.Keys(got)), "\n"))
				}
				if bad {
					require.ErrorIs(t, err, errBad)
				} else {
					require.NoError(t, err, line)
				}
			}
		})
	}
}

// A witness knows what must be on a disk, by other means than the disk does.
type witness struct {
	owner map[string]int   // which file a name means
	past  map[string][]int // all that it may mean after a crash; 0 is none
	whole []string         // all that was written to a file
	safe  []int            // so much of it is on the disk
	open  []journal.File
}

// TestCrashAtRandom does anything and compares what may be left with what must be.
func TestCrashAtRandom(t *testing.T) {
	images := 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		d := NewDisk()
		m := d.Folder("x")
		d.Folder("y").Put("other", []byte("o"))
		d.Record()
		w := &witness{owner: map[string]int{}, past: map[string][]int{}, whole: []string{""}, safe: []int{0}, open: []journal.File{nil}}
		mean := func(name string, file int) {
			if len(w.past[name]) == 0 {
				w.past[name] = []int{0}
			}
			w.past[name] = append(w.past[name], file)
			if w.owner[name] = file; file == 0 {
				delete(w.owner, name)
			}
		}
		for range 40 {
			name := string(rune('a' + r.IntN(3)))
			file := w.owner[name]
			switch r.IntN(7) {
			case 0:
				f, err := m.Create(name)
				if file != 0 {
					require.ErrorIs(t, err, fs.ErrExist)
					break
				}
				require.NoError(t, err)
				w.open, w.whole, w.safe = append(w.open, f), append(w.whole, ""), append(w.safe, 0)
				mean(name, len(w.open)-1)
			case 1, 2:
				if file := r.IntN(len(w.open)); file > 0 {
					text := strings.Repeat(string(rune('A'+r.IntN(26))), r.IntN(9))
					_, err := w.open[file].Write([]byte(text))
					require.NoError(t, err)
					w.whole[file] += text
				}
			case 3:
				to := string(rune('a' + r.IntN(3)))
				err := m.Rename(name, to)
				if file == 0 {
					require.ErrorIs(t, err, fs.ErrNotExist)
				} else if require.NoError(t, err); to != name {
					mean(name, 0)
					mean(to, file)
				}
			case 4:
				if err := m.Remove(name); file == 0 {
					require.ErrorIs(t, err, fs.ErrNotExist)
				} else {
					require.NoError(t, err)
					mean(name, 0)
				}
			case 5:
				if file := r.IntN(len(w.open)); file > 0 {
					require.NoError(t, w.open[file].Sync())
					w.safe[file] = len(w.whole[file])
				}
			case 6:
				require.NoError(t, m.Sync())
				w.past = map[string][]int{}
				for name, file := range w.owner {
					w.past[name] = []int{file}
				}
			}
			require.Equal(t, d.Hash(), d.Clone().Hash())
			for x := range d.Crashes(20, r) {
				images++
				w.check(t, x.Folder("x"))
				require.Equal(t, `other="o"`, show(x.Folder("y")))
				for y := range x.Crashes(2, r) {
					require.Equal(t, x.Hash(), y.Hash(), "what is left is safe")
				}
			}
		}

		// A recording is the same once more.
		rec := d.Recorded()
		again := rec.Before.Clone()
		for i := range rec.Ops {
			again.Apply(&rec.Ops[i])
		}
		require.Equal(t, show(m), show(again.Folder("x")))
		var a, b []uint64
		for x := range d.Crashes(50, rand.New(rand.NewPCG(seed, 1))) {
			a = append(a, x.Hash())
		}
		for x := range again.Crashes(50, rand.New(rand.NewPCG(seed, 1))) {
			b = append(b, x.Hash())
		}
		require.Equal(t, a, b)
	}
	t.Logf("%d images", images)
}

// check finds for each file that is left one that it can be.
func (w *witness) check(t *testing.T, m *Folder) {
	t.Helper()
	for name, past := range w.past {
		if !slices.Contains(past, 0) {
			require.Contains(t, m.Files, name)
		}
	}
	for name, f := range m.Files {
		ok := slices.ContainsFunc(w.past[name], func(file int) bool {
			text := w.whole[file]
			if file == 0 || len(f.Data) < w.safe[file] || len(f.Data) > len(text) {
				return false
			}
			for i, c := range f.Data {
				if c != text[i] && (c != 0 || i < w.safe[file]) {
					return false
				}
			}
			return true
		})
		require.True(t, ok, "%s: %q", name, f.Data)
	}
}

// TestTornWrite leaves a part of what a process writes that dies meanwhile.
func TestTornWrite(t *testing.T) {
	d := NewDisk()
	d.Record()
	f, err := d.Folder("").Create("a")
	require.NoError(t, err)
	_, err = f.Write([]byte("0123456789"))
	require.NoError(t, err)
	d.Note("written")
	rec := d.Recorded()
	require.Equal(t, "written", rec.Ops[2].Note)
	lengths := map[int]bool{}
	for seed := range uint64(100) {
		x := rec.Before.Clone()
		x.Apply(&rec.Ops[0])
		x.Torn(&rec.Ops[1], rand.New(rand.NewPCG(seed, 0)))
		got := x.Folder("").Files["a"].Data
		require.Equal(t, "0123456789"[:len(got)], string(got))
		lengths[len(got)] = true
	}
	require.Len(t, lengths, 10)
}
