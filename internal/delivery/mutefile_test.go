package delivery

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

func TestMutesOfManyWriters(t *testing.T) {
	f := OpenMutes(t.TempDir())
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			id, err := f.Add(alert.Mute{Comment: fmt.Sprint(i)})
			if err == nil && i%2 == 0 {
				err = f.Remove([]string{id}, "", time.Now())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, err := f.List()
	require.NoError(t, err)
	require.Len(t, list, 20)
	entries, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "the file and its lock")

	// What has been over for long is forgotten.
	_, err = f.Add(alert.Mute{End: time.Now().Add(-31 * 24 * time.Hour)})
	require.NoError(t, err)
	_, err = f.Add(alert.Mute{})
	require.NoError(t, err)
	list, err = f.List()
	require.NoError(t, err)
	require.Len(t, list, 21)
}

func TestMuteFileErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := OpenMutes(filepath.Join(dir, "no")).Add(alert.Mute{})
	require.ErrorContains(t, err, "state_directory: stat ")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	_, err = OpenMutes(filepath.Join(dir, "file")).Add(alert.Mute{})
	require.ErrorContains(t, err, "not a directory")
	f := OpenMutes(dir)
	_, err = f.Add(alert.Mute{Match: "level() > 'x'"})
	require.ErrorContains(t, err, "match:1:")
	_, err = f.Add(alert.Mute{Days: "x"})
	require.ErrorContains(t, err, "want days like")
	require.NoError(t, f.make())
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, muteName), []byte(`{"version":2}`), 0o600))
	_, err = f.List()
	require.ErrorContains(t, err, "version 2; this program knows version 1")
}
