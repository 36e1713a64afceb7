//go:build unix

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A restartCase is a task that is interrupted between two of its points. What it alerts about must
// be what it alerts about without that.
type restartCase struct {
	name    string // of the task and its measurement
	nodes   string // behind from; the events' message says what counts
	message string
	before  []string // points: tags and fields, and a time in seconds
	after   []string
	want    []string
	journal bool // needs no more than what is known of each event
}

var restartCases = []restartCase{
	{
		name:    "change",
		nodes:   `|alert().crit(lambda: "v" > 0).stateChangesOnly()`,
		message: `{{ .Level }} {{ .Duration }}`,
		before:  []string{"v=0 0", "v=1 10"},
		after:   []string{"v=1 20", "v=0 30"},
		want:    []string{"OK to CRITICAL: CRITICAL 0s", "CRITICAL to OK: OK 20s"},
		journal: true,
	},
	{
		name:    "recovered",
		nodes:   `|alert().crit(lambda: "v" > 0).stateChangesOnly()`,
		message: `{{ .Level }} {{ .Duration }}`,
		before:  []string{"v=1 0", "v=0 10"},
		after:   []string{"v=0 20", "v=1 30"},
		want:    []string{"OK to CRITICAL: CRITICAL 0s", "CRITICAL to OK: OK 10s", "OK to CRITICAL: CRITICAL 0s"},
		journal: true,
	},
	{
		name:    "escalation",
		nodes:   `.groupBy('h')|alert().info(lambda: "v" > 0).warn(lambda: "v" > 1).crit(lambda: "v" > 2).stateChangesOnly()`,
		message: `{{ index .Tags "h" }} {{ .Level }} {{ .Duration }}`,
		before:  []string{",h=a v=1 0", ",h=b v=3 5", ",h=a v=2 10"},
		after:   []string{",h=a v=3 20", ",h=b v=3 25", ",h=a v=0 30", ",h=b v=0 40"},
		want: []string{
			"OK to INFO: a INFO 0s", "INFO to WARNING: a WARNING 10s", "WARNING to CRITICAL: a CRITICAL 20s", "CRITICAL to OK: a OK 30s",
			"OK to CRITICAL: b CRITICAL 0s", "CRITICAL to OK: b OK 35s",
		},
		journal: true,
	},
	{
		name:    "every",
		nodes:   `|alert().crit(lambda: "v" > 0)`,
		message: `{{ .Level }} {{ .Duration }}`,
		before:  []string{"v=1 0", "v=1 10"},
		after:   []string{"v=1 20", "v=0 30"},
		want:    []string{"OK to CRITICAL: CRITICAL 0s", "CRITICAL to CRITICAL: CRITICAL 10s", "CRITICAL to CRITICAL: CRITICAL 20s", "CRITICAL to OK: OK 30s"},
		journal: true,
	},
	{
		name:    "interval",
		nodes:   `|alert().crit(lambda: "v" > 0).stateChangesOnly(1m)`,
		message: `{{ .Level }} {{ .Duration }}`,
		before:  []string{"v=1 0", "v=1 20"},
		after:   []string{"v=1 40", "v=1 60", "v=1 70", "v=0 80"},
		want:    []string{"OK to CRITICAL: CRITICAL 0s", "CRITICAL to CRITICAL: CRITICAL 1m0s", "CRITICAL to OK: OK 1m20s"},
		journal: true,
	},
	{
		name:    "topic",
		nodes:   `|alert().topic('restarts').crit(lambda: "v" > 0).stateChangesOnly()`,
		message: `{{ .Level }} {{ .Duration }}`,
		before:  []string{"v=1 0"},
		after:   []string{"v=1 10", "v=0 20"},
		want:    []string{"OK to CRITICAL: CRITICAL 0s", "CRITICAL to OK: OK 20s"},
		journal: true,
	},
	{
		name:    "reset",
		nodes:   `|alert().crit(lambda: "v" > 5).critReset(lambda: "v" < 3).stateChangesOnly()`,
		message: `{{ .Level }} {{ .Duration }}`,
		before:  []string{"v=6 0", "v=4 10"},
		after:   []string{"v=4 20", "v=2 30"},
		want:    []string{"OK to CRITICAL: CRITICAL 0s", "CRITICAL to OK: OK 30s"},
		journal: true,
	},
	{
		name:    "flapping",
		nodes:   `|alert().crit(lambda: "v" > 0).history(5).flapping(0.25, 0.5)`,
		message: `{{ .Level }}`,
		before:  []string{"v=1 0", "v=0 1", "v=1 2", "v=0 3"},
		after:   []string{"v=1 4", "v=0 5", "v=1 6", "v=1 7", "v=1 8", "v=1 9", "v=0 10"},
		want:    []string{"OK to CRITICAL: CRITICAL", "CRITICAL to OK: OK"},
	},
	{
		name:    "stateDuration",
		nodes:   `|stateDuration(lambda: "v" > 0)|alert().crit(lambda: "state_duration" >= 25).stateChangesOnly()`,
		message: `{{ .Level }} {{ .Fields.state_duration }}`,
		before:  []string{"v=1 0", "v=1 10"},
		after:   []string{"v=1 20", "v=1 30", "v=0 40"},
		want:    []string{"OK to CRITICAL: CRITICAL 30", "CRITICAL to OK: OK -1"},
	},
	{
		name:    "stateCount",
		nodes:   `|stateCount(lambda: "v" > 0)|alert().crit(lambda: "state_count" >= 4).stateChangesOnly()`,
		message: `{{ .Level }} {{ .Fields.state_count }} {{ .Time.Unix }}`,
		before:  []string{"v=1 0", "v=1 10"},
		after:   []string{"v=1 20", "v=1 30", "v=0 40"},
		want:    []string{"OK to CRITICAL: CRITICAL 4 1511323470", "CRITICAL to OK: OK -1 1511323480"},
	},
	{
		name:    "tumbling",
		nodes:   `|window().period(1m).every(1m)|sum('v')|alert().info(lambda: TRUE)`,
		message: `{{ .Fields.sum }}`,
		before:  []string{"v=1 0", "v=2 20"},
		after:   []string{"v=4 40", "v=8 60", "v=16 120"},
		want:    []string{"OK to INFO: 7", "INFO to INFO: 8"},
	},
	{
		name:    "sliding",
		nodes:   `|window().period(30s).every(10s)|max('v')|alert().info(lambda: TRUE)`,
		message: `{{ .Fields.max }}`,
		before:  []string{"v=1 0", "v=9 10", "v=2 20"},
		after:   []string{"v=3 30", "v=4 40", "v=5 50"},
		want:    []string{"OK to INFO: 1", "INFO to INFO: 9", "INFO to INFO: 9", "INFO to INFO: 9", "INFO to INFO: 4"},
	},
	{
		name:    "counted",
		nodes:   `|window().periodCount(3).everyCount(2)|mean('v')|alert().info(lambda: TRUE)`,
		message: `{{ .Fields.mean }}`,
		before:  []string{"v=1 0", "v=2 1", "v=3 2"},
		after:   []string{"v=4 3", "v=5 4", "v=6 5"},
		want:    []string{"OK to INFO: 1.5", "INFO to INFO: 3", "INFO to INFO: 5"},
	},
	{
		name:    "derivative",
		nodes:   `|derivative('v').as('rate')|alert().info(lambda: TRUE)`,
		message: `{{ .Fields.rate }}`,
		before:  []string{"v=1 0", "v=11 10"},
		after:   []string{"v=51 20", "v=61 30"},
		want:    []string{"OK to INFO: 1", "INFO to INFO: 4", "INFO to INFO: 1"},
	},
	{
		name:    "lambda",
		nodes:   `|eval(lambda: count()).as('n')|alert().crit(lambda: "n" % 3 == 0).stateChangesOnly()`,
		message: `{{ .Level }} {{ .Fields.n }}`,
		before:  []string{"v=1 0", "v=1 1", "v=1 2", "v=1 3"},
		after:   []string{"v=1 4", "v=1 5", "v=1 6"},
		want:    []string{"OK to CRITICAL: CRITICAL 3", "CRITICAL to OK: OK 4", "OK to CRITICAL: CRITICAL 6", "CRITICAL to OK: OK 7"},
	},
	{
		name: "join",
		nodes: `.where(lambda: "side" == 'left')
    |join(stream|from().measurement('join').where(lambda: "side" == 'right')).as('l', 'r')
    |alert().info(lambda: TRUE)`,
		message: `{{ index .Fields "l.v" }} {{ index .Fields "r.v" }}`,
		before:  []string{",side=left v=1 0", ",side=right v=2 0", ",side=left v=3 10"},
		after:   []string{",side=right v=4 10", ",side=left v=5 20", ",side=right v=6 20"},
		want:    []string{"OK to INFO: 1 2", "INFO to INFO: 3 4", "INFO to INFO: 5 6"},
	},
	{
		name: "inhibit",
		nodes: `.where(lambda: isPresent("host"))|alert().id('host').crit(lambda: "host" > 0).inhibit('disks').stateChangesOnly().message('{{ .ID }}').log('/dev/null')
stream|from().measurement('inhibit').where(lambda: isPresent("disk"))
    |alert().category('disks').crit(lambda: "disk" > 0)`,
		message: `{{ .Level }} {{ .Time.Unix }}`,
		before:  []string{"disk=1 0", "host=1 10", "disk=1 20"},
		after:   []string{"disk=1 30", "host=0 40", "disk=1 50"},
		want:    []string{"OK to CRITICAL: CRITICAL 1511323440", "CRITICAL to CRITICAL: CRITICAL 1511323490"},
	},
}

// points returns points as line protocol.
func (c *restartCase) points(list []string) []string {
	lines := make([]string, len(list))
	for i, p := range list {
		at := strings.LastIndexByte(p, ' ')
		var seconds int
		if _, err := fmt.Sscan(p[at:], &seconds); err != nil {
			panic(err)
		}
		sep := " "
		if p[0] == ',' {
			sep = ""
		}
		lines[i] = fmt.Sprint(c.name, sep, p[:at], " ", (1511323440+seconds)*1e9)
	}
	return lines
}

// A restartSetup is a setup whose tasks tell when they have dealt with what was sent.
type restartSetup struct {
	*setup
	tasks []string
	sent  int
}

func (s *restartSetup) script(name, text string) {
	s.t.Helper()
	s.setup.script(name, text+"\nstream|from().measurement('end')|alert().crit(lambda: \"v\" > 0).message('').details('').log('"+s.file(name+".end")+"')\n")
	s.tasks = append(s.tasks, name)
}

// send sends points and waits until they have been dealt with.
func (s *restartSetup) send(lines ...string) {
	s.t.Helper()
	s.sent++
	s.setup.send(append(lines, fmt.Sprintf("end v=%di", s.sent))...)
	for _, name := range s.tasks {
		s.lines(name+".end", s.sent)
	}
}

// checkpoint waits until the state is on the disk that the tasks have now.
func (s *restartSetup) checkpoint() {
	s.t.Helper()
	now := time.Now()
	eventually(s.t, func() error {
		s.send() // what has not changed is not saved
		info, err := os.Stat(s.file("state/tick/tasks.state"))
		if err == nil && !info.ModTime().After(now) {
			err = errors.New("no checkpoint")
		}
		return err
	})
}

// The agent ends in the middle of what each task is about, and nobody notices.
func TestRestart(t *testing.T) {
	t.Parallel()
	ways := []struct {
		name    string
		end     func(a *agent)
		tick    string
		journal bool // there is no checkpoint, so only what is known of the events is left
	}{
		{name: "not at all"},
		{name: "stopped", end: (*agent).stop},
		{name: "reloaded", end: func(a *agent) {
			mark := a.mark()
			a.signal(syscall.SIGHUP)
			a.waitFrom(mark, `Reloading Telegraf config`)
			a.waitFrom(mark, `Listening on unix`)
		}},
		{name: "killed after a checkpoint", end: (*agent).kill, tick: `  checkpoint_interval = "100ms"`},
		{name: "killed without a checkpoint", end: (*agent).kill, tick: `  checkpoint_interval = "1h"`, journal: true},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := &restartSetup{setup: newSetup(t)}
			s.state = s.file("state")
			s.tick = way.tick
			var cases []restartCase
			for _, c := range restartCases {
				if !way.journal || c.journal {
					cases = append(cases, c)
				}
			}
			for _, c := range cases {
				s.script(c.name, "stream|from().measurement('"+c.name+"')"+c.nodes+
					".message('"+c.message+"').details('').log('"+s.file(c.name+".log")+"')\n")
			}
			send := func(points func(c *restartCase) []string) {
				t.Helper()
				var lines []string
				for _, c := range cases {
					lines = append(lines, c.points(points(&c))...)
				}
				s.send(lines...)
			}

			a := s.start()
			send(func(c *restartCase) []string { return c.before })
			if way.tick != "" && !way.journal {
				s.checkpoint()
			}
			if way.end != nil {
				way.end(a)
				select {
				case <-a.ended:
					a = s.start()
				default: // it has been told to reload
				}
			}
			send(func(c *restartCase) []string { return c.after })
			a.stop() // all that is decided has been delivered

			events := 0
			for _, c := range cases {
				text, err := os.ReadFile(s.file(c.name + ".log"))
				require.NoError(t, err)
				type event struct{ ID, Message, Level, PreviousLevel string }
				var list []event
				for line := range strings.Lines(string(text)) {
					var e event
					require.NoError(t, json.Unmarshal([]byte(line), &e))
					list = append(list, e)
				}
				// There is an order of each alert only.
				slices.SortStableFunc(list, func(a, b event) int { return strings.Compare(a.ID, b.ID) })
				got := make([]string, len(list))
				for i, e := range list {
					got[i] = e.PreviousLevel + " to " + e.Level + ": " + e.Message
				}
				require.Equal(t, c.want, got, c.name)
				events += len(got)
			}
			t.Logf("%d tasks, %s, %d events as if nothing had happened", len(cases), way.name, events)
		})
	}
}

// Time without data goes on counting over a restart, and what is dead already is not reported again.
func TestRestartOfTheDead(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(a *agent){"stopped": (*agent).stop, "killed": (*agent).kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &restartSetup{setup: newSetup(t)}
			s.state = s.file("state")
			s.tick = `  checkpoint_interval = "100ms"`
			s.script("dead", `var data = stream|from().measurement('m').groupBy('h')
data|deadman(0.0, 1s).id('{{ index .Tags "h" }}').message('{{ .Level }}').details('').stateChangesOnly().log('`+s.file("dead.log")+`')
data|stats(1s)|alert().info(lambda: TRUE).message('').details('').log('`+s.file("intervals.log")+`')
`)
			levels := func(n int) (got []string) {
				t.Helper()
				for _, line := range s.lines("dead.log", n) {
					var e struct{ ID, Level string }
					require.NoError(t, json.Unmarshal([]byte(line), &e))
					got = append(got, e.ID+" "+e.Level)
				}
				return got
			}
			a := s.start()
			s.send("m,h=a v=1")
			require.Equal(t, []string{"a CRITICAL"}, levels(1))
			s.checkpoint()
			intervals := len(s.lines("intervals.log", 1))
			end(a)
			a = s.start()
			s.lines("intervals.log", intervals+3)
			require.Equal(t, []string{"a CRITICAL"}, levels(1))
			s.send("m,h=a v=1")
			require.Equal(t, []string{"a CRITICAL", "a OK"}, levels(2)[:2])
			a.alive()
			t.Logf("dead, %s, still dead for 3 intervals, alive again", name)
		})
	}
}
