//go:build unix

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sample.conf shows an alert and its end to whoever runs it, within a minute.
func TestSample(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(root, "sample.conf"))
	require.NoError(t, err)
	f := newFolder(t)
	text := string(b)
	const logFile = "/tmp/telegraf-tigk-alerts.log"
	require.Contains(t, text, logFile)
	f.write("sample.conf", strings.ReplaceAll(text, logFile, f.file("alerts.log")))

	begin := time.Now()
	a := start(t, root, "--config", f.file("sample.conf"))
	has := func(level string) func() error {
		return func() error {
			a.alive()
			log, err := os.ReadFile(f.file("alerts.log"))
			if err != nil {
				return err
			}
			for line := range strings.Lines(string(log)) {
				var e struct{ ID, Level string }
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					return err
				}
				if e.Level == level && strings.HasPrefix(e.ID, "heartbeat:") && len(a.matches(0, `^\{"id":"heartbeat:.*"level":"`+level+`"`)) > 0 {
					return nil
				}
			}
			return &missing{level}
		}
	}
	eventuallyWithin(t, time.Minute, has("CRITICAL"))
	fired := time.Since(begin)
	eventuallyWithin(t, time.Minute-fired, has("OK"))
	require.Empty(t, a.matches(0, ` E! `))
	t.Logf("fired after %.1fs, recovered after %.1fs", fired.Seconds(), time.Since(begin).Seconds())
}

type missing struct{ level string }

func (m *missing) Error() string { return "no " + m.level + " on the terminal and in the file" }
