package journal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

// TestReplaceCrash replaces a file some times and looks at all that a crash may leave, at each step: a whole
// content, and none that is older than the last one that was safe.
func TestReplaceCrash(t *testing.T) {
	d := journaltest.NewDisk()
	m := d.Folder("")
	m.Put("other", nil)
	d.Record()
	const n = 3
	text := func(i int) string { return strings.Repeat(fmt.Sprint(i), 3*i) }
	for i := 1; i <= n; i++ {
		require.NoError(t, journal.Replace(m, "f", []byte(text(i))))
		d.Note(i)
	}
	rec, r := d.Recorded(), rand.New(rand.NewPCG(1, 2))
	x := rec.Before.Clone()
	safe, images := 0, 0
	check := func(y *journaltest.Disk) {
		images++
		m := y.Folder("")
		b, err := m.Read("f")
		if safe > 0 || !errors.Is(err, fs.ErrNotExist) {
			require.NoError(t, err)
			require.Contains(t, []string{text(max(1, safe)), text(min(n, safe+1))}, string(b))
		}
		// What is left does not stand in the way.
		require.NoError(t, journal.Replace(m, "f", []byte("next")))
		b, err = m.Unplugged(r).Read("f")
		require.NoError(t, err)
		require.Equal(t, "next", string(b))
		require.Len(t, m.Files, 2)
	}
	for i := range rec.Ops {
		op := &rec.Ops[i]
		if op.Kind == journaltest.Write {
			y := x.Clone()
			y.Torn(op, r)
			check(y)
		}
		x.Apply(op)
		if op.Kind == journaltest.Note {
			safe = op.Note.(int)
		}
		check(x.Clone())
		for y := range x.Crashes(500, r) {
			check(y)
		}
	}
	require.Greater(t, images, 50)
}

// TestReplaceFails has each call fail in turn, once or for good: the file is the old one or the new one,
// also after a crash, and the next attempt is as the first.
func TestReplaceFails(t *testing.T) {
	const calls = 6 // remove, create, write, sync, rename, sync folder
	for at := 1; at <= calls+1; at++ {
		for _, lasting := range []bool{false, true} {
			for _, how := range []error{syscall.EIO, journaltest.ErrTorn} {
				d := journaltest.NewDisk()
				m := d.Folder("")
				m.Put("f", []byte("old"))
				m.Put(journal.Temporary("f"), []byte("left by somebody"))
				n := 0
				d.SetFail(func(i int, _ *journaltest.Op) error {
					if n = i; i == at || lasting && i > at {
						return how
					}
					return nil
				})
				err := journal.Replace(m, "f", []byte("new"))
				if at > calls {
					require.Equal(t, calls, n)
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, how, "call %d", at)
				}
				d.SetFail(nil)
				for x := range d.Crashes(500, rand.New(rand.NewPCG(1, 2))) {
					b, err := x.Folder("").Read("f")
					require.NoError(t, err)
					require.Contains(t, []string{"old", "new"}[at/(calls+1):], string(b), "call %d", at)
				}
				require.NoError(t, journal.Replace(m, "f", []byte("newer")))
				require.Len(t, m.Files, 1)
				for x := range d.Crashes(500, rand.New(rand.NewPCG(1, 2))) {
					b, err := x.Folder("").Read("f")
					require.NoError(t, err)
					require.Equal(t, "newer", string(b))
				}
			}
		}
	}
}

// TestReplaceInDir replaces a file of the operating system.
func TestReplaceInDir(t *testing.T) {
	dir := journal.Dir(filepath.Join(t.TempDir(), "a", "b"))
	unlock, err := dir.Lock("l")
	require.NoError(t, err, "the folders are made")
	defer unlock()
	for _, text := range []string{"one", "two"} {
		require.NoError(t, journal.Replace(dir, "f", []byte(text)))
		b, err := dir.Read("f")
		require.NoError(t, err)
		require.Equal(t, text, string(b))
	}
	names, err := dir.Names()
	require.NoError(t, err)
	require.Equal(t, []string{"f", "l"}, names)
	require.NoError(t, os.Mkdir(filepath.Join(string(dir), "d"), 0o700))
	require.Error(t, journal.Replace(dir, "d", nil), "a folder is in the way")
	names, err = dir.Names()
	require.NoError(t, err)
	require.Equal(t, []string{"d", "f", "l"}, names)
}

// TestDirErrors names what stands in the way of a folder.
func TestDirErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, name := range []string{file, filepath.Join(file, "state"), filepath.Join(file, "state", "tick")} {
		_, err := journal.Dir(name).Lock("l")
		require.ErrorContains(t, err, "mkdir "+file+": not a directory")
	}
	require.ErrorIs(t, journal.Dir(filepath.Join(file, "no")).Sync(), syscall.ENOTDIR)
}

// TestCannotSync tells what a file system cannot do from what went wrong.
func TestCannotSync(t *testing.T) {
	for _, err := range []error{syscall.EINVAL, syscall.ENOTSUP, syscall.EPERM, syscall.EACCES, syscall.ENOSYS} {
		require.True(t, journal.CannotSync(&fs.PathError{Op: "sync", Err: err}), err)
	}
	for _, err := range []error{nil, syscall.EIO, syscall.ENOSPC, syscall.EDQUOT} {
		require.False(t, journal.CannotSync(err))
	}
}

// TestInsist repeats what may work the next time, and nothing else.
func TestInsist(t *testing.T) {
	for _, c := range []struct {
		err           error
		fails, called int
	}{
		{nil, 0, 1},
		{syscall.EIO, 1, 2},
		{syscall.EMFILE, 2, 3},
		{syscall.EIO, 3, 3},
		{&fs.PathError{Err: syscall.ENOENT}, 3, 1},
		{fmt.Errorf("x: %w", journal.ErrLocked), 3, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			called := 0
			err := journal.Insist(func() error {
				if called++; called <= c.fails {
					return c.err
				}
				return nil
			})
			require.Equal(t, c.called, called)
			if called > c.fails {
				require.NoError(t, err)
			} else {
				require.Equal(t, c.err, err)
			}
		})
	}
}
