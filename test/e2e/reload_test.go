//go:build unix

package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A script is replaced while the agent runs; a broken one changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	rule := func(limit int) string {
		return fmt.Sprintf(`stream
    |from().measurement('m')
    |alert().crit(lambda: "v" > %d).id('limit %d').message('{{ .ID }}: {{ index .Fields "v" }}').details('').log('%s')
`, limit, limit, s.file("alerts.log"))
	}
	s.script("limit", rule(10))
	a := s.start()
	a.wait(`I! \[processors.tick\] Started task "limit" from .*/limit.tick$`)
	sent := 0
	alert := func(v int, message string) {
		t.Helper()
		s.send(fmt.Sprintf("m v=%di", v))
		sent++
		lines := s.lines("alerts.log", sent)
		require.Len(t, lines, sent)
		require.Contains(t, lines[sent-1], `"message":"`+message+`"`)
	}
	alert(11, "limit 10: 11")

	mark := a.mark()
	s.script("limit", rule(20))
	a.waitFrom(mark, `I! \[processors.tick\] Reloaded task "limit" from .*/limit.tick$`)
	alert(21, "limit 20: 21")

	mark = a.mark()
	s.script("limit", strings.Replace(rule(30), ".measurement", ".mesurement", 1))
	a.waitFrom(mark, `E! \[processors.tick\] .*/limit.tick:2:13: from: no property mesurement; did you mean measurement\?; task "limit" goes on with the script it had$`)
	alert(22, "limit 20: 22")

	// A new file beside it and one that goes.
	mark = a.mark()
	s.script("other", strings.ReplaceAll(rule(40), "'m'", "'other'"))
	a.waitFrom(mark, `I! \[processors.tick\] Started task "other"`)
	s.send("other v=41i")
	sent++
	require.Contains(t, s.lines("alerts.log", sent)[sent-1], "limit 40: 41")

	// A broken telegraf.conf is refused, and all goes on.
	for name, conf := range map[string]string{
		"syntax":         s.config() + "[[outputs.file\n",
		"unknown option": strings.Replace(s.config(), "  scripts =", "  skripts = []\n  scripts =", 1),
		"wrong type":     strings.Replace(s.config(), "  scripts =", "  queue_size = 'two'\n  scripts =", 1),
		"alerter":        strings.Replace(s.config(), `retry_min_interval = "100ms"`, `retry_min_interval = "100"`, 1),
	} {
		mark = a.mark()
		s.write("telegraf.conf", conf)
		a.signal(syscall.SIGHUP)
		a.waitFrom(mark, `E! Reload refused, the running configuration stays: `)
		t.Logf("%s: %s", name, a.matches(mark, "Reload refused")[0])
		alert(23, "limit 20: 23")
	}

	// A good one is taken.
	mark = a.mark()
	s.script("limit", rule(50))
	s.write("telegraf.conf", s.config())
	a.signal(syscall.SIGHUP)
	a.waitFrom(mark, `Reloading Telegraf config`)
	a.waitFrom(mark, `Started task "limit"`)
	alert(51, "limit 50: 51")
	t.Logf("%d alerts over %d reloads", sent, 7)
}
