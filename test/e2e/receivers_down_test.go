//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// toggles returns n points of measurement m whose v is 1 and 0 in turn, so that each is an event
// for a rule on v.
func toggles(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf("m,host=a v=%di %d", (i+1)%2, (1511323440+i)*1e9)
	}
	return lines
}

// A mail server that is down when the agent starts gets the mails when it comes up, in order.
func TestMailServerDown(t *testing.T) {
	t.Parallel()
	addr := local(freePort(t))
	host, port, _ := strings.Cut(addr, ":")
	s := newSetup(t)
	s.alerter = `
  [outputs.alerter.email]
    host = "` + host + `"
    port = ` + port + `
    from = "telegraf@example.org"
    to = ["ops@example.org"]
`
	s.script("down", `stream
    |from().measurement('m')
    |alert().crit(lambda: "v" > 0).id('down').message('{{ .ID }} is {{ .Level }} at {{ .Time.Unix }}').details('gone').email()
`)
	a := s.start()
	s.send(toggles(4)...)
	line := a.wait(`W! .*email: alert "down" of task "down" is tried again later: .*refused`)
	require.Contains(t, line, port)

	mails := startMailbox(t, addr).wait(t, 4)
	for i, m := range mails {
		require.Equal(t, []string{"ops@example.org"}, m.to)
		require.Equal(t, fmt.Sprintf("down is %s at %d", []string{"CRITICAL", "OK"}[i%2], 1511323440+i), m.subject)
	}
	require.Len(t, a.matches(0, `is tried again later`), 1, "one line, not one for each try")
	t.Logf("%d mails after the server came up", len(mails))
}

// An HTTP receiver that does not answer delays nobody else.
func TestHangingReceiver(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	hook := startHook(t, hang)
	s := newSetup(t)
	const events = 50
	s.script("hang", `stream
    |from().measurement('m')
    |alert().crit(lambda: "v" > 0).id('hang').message('{{ .Level }}').details('')
        .post('`+hook.URL+`')
        .log('`+s.file("alerts.log")+`')
`)
	a := s.start()
	t.Cleanup(func() { a.stop() }) // before the hook's Close, which waits for requests
	s.send(toggles(events)...)
	lines := s.lines("alerts.log", events)
	begun, answered := hook.counts()
	require.Zero(t, answered)
	close(hang)
	bodies := hook.wait(t, events)
	for i := range events {
		var line, body struct{ Time, Level string }
		require.NoError(t, json.Unmarshal([]byte(lines[i]), &line))
		require.NoError(t, json.Unmarshal([]byte(bodies[i]), &body))
		require.Equal(t, line, body, "order of event %d", i)
	}
	t.Logf("%d log lines while the receiver hung with %d requests, %d requests afterwards", len(lines), begun, len(bodies))
}
