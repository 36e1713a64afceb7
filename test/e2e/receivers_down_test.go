//go:build unix

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

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
	s := newSetup(t)
	s.alerter = emailSection(addr)
	s.script("down", `stream
    |from().measurement('m')
    |alert().crit(lambda: "v" > 0).id('down').message('{{ .ID }} is {{ .Level }} at {{ .Time.Unix }}').details('gone').email()
`)
	a := s.start()
	s.send(toggles(4)...)
	line := a.wait(`W! .*email: alert "down" of task "down" is tried again later: .*refused`)
	require.Contains(t, line, addr)

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

// Of three handlers one hangs for ever, in the way that hurts its kind: the other two deliver within
// a second.
func TestOneOfThreeHangs(t *testing.T) { // not in parallel, since it measures time
	const events = 20
	for _, hangs := range []string{"post", "email", "exec", "log"} {
		t.Run(hangs, func(t *testing.T) {
			s := newSetup(t)
			good, mute := startHook(t, nil), startMute(t)
			box := startMailbox(t, "127.0.0.1:0")
			s.alerter = emailSection(box.addr)
			handlers := ".post('" + good.URL + "').email()"
			delivered := func() int {
				_, answered := good.counts()
				mails, _ := box.counts()
				return min(answered, mails)
			}
			hanging := func() bool { return mute.clients.Load() == 1 }
			switch hangs {
			case "post":
				handlers += ".post('http://" + mute.addr + "')"
			case "email":
				s.alerter = emailSection(mute.addr)
				handlers += ".log('" + s.file("alerts.log") + "')"
				delivered = func() int {
					_, answered := good.counts()
					text, err := os.ReadFile(s.file("alerts.log"))
					if err != nil {
						return 0
					}
					return min(answered, bytes.Count(text, []byte("\n")))
				}
			case "exec":
				handlers += ".exec('sh', '-c', 'echo >" + s.file("hangs") + "; exec sleep 1000')"
				hanging = func() bool { _, err := os.Stat(s.file("hangs")); return err == nil }
			case "log":
				require.NoError(t, syscall.Mkfifo(s.file("pipe"), 0o600)) // that nobody reads
				handlers += ".log('" + s.file("pipe") + "')"
				hanging = func() bool { return true }
			}
			s.script("hang", `stream
    |from().measurement('m')
    |alert().crit(lambda: "v" > 0).id('hang').message('{{ .Level }}').details('')`+handlers+`
`)
			a := s.start()
			conn := s.dial()
			defer conn.Close()
			points := toggles(3 * events)
			took := time.Hour
			for round := 0; round < 3 && took >= time.Second; round++ { // the machine may have been busy
				begin := time.Now()
				_, err := conn.Write([]byte(strings.Join(points[round*events:(round+1)*events], "\n") + "\n"))
				require.NoError(t, err)
				eventually(t, func() error {
					if n := delivered(); n < (round+1)*events || !hanging() {
						return fmt.Errorf("%d of %d alerts; hangs: %v", n, (round+1)*events, hanging())
					}
					return nil
				})
				took = min(took, time.Since(begin))
			}
			require.Less(t, took, time.Second)
			a.alive()
			begin := time.Now()
			a.stop()
			t.Logf("%s hangs: the other two have delivered %d alerts after %d ms; the agent stopped within %d ms",
				hangs, events, took.Milliseconds(), time.Since(begin).Milliseconds())
		})
	}
}
