package delivery

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

// muting is a change of a dispatcher that makes it mute all or some events of minutes 10 to 20 and 40 to 50.
func muting(start time.Time, match string) func(*Dispatcher) {
	return func(d *Dispatcher) {
		for i, from := range []time.Duration{10 * time.Minute, 40 * time.Minute} {
			m, err := newMute(alert.Mute{
				ID: "m" + strconv.Itoa(i), Match: match, By: "me", Comment: "upgrade", Start: start.Add(from), End: start.Add(from + 10*time.Minute),
			})
			if err != nil {
				panic(err)
			}
			d.fixed = append(d.fixed, m)
		}
	}
}

// TestMute writes events at some minutes and wants deliveries at some minutes: the receiver must
// learn how an alert stands when the mute is over, and nothing that it need not know.
func TestMute(t *testing.T) {
	for _, c := range []struct{ name, match, in, want string }{
		{"no mute", "", "5:CRITICAL 7:OK 25:WARNING 30:OK", "5:CRITICAL 7:OK 25:WARNING 30:OK"},
		{"recovery of a known alert", "", "5:CRITICAL 15:OK", "5:CRITICAL 15:OK"},
		{"began and ended", "", "12:CRITICAL 15:OK", ""},
		{"began and is on", "", "12:CRITICAL", "20:CRITICAL"},
		{"only the newest state", "", "12:WARNING 14:CRITICAL", "20:CRITICAL"},
		{"ends afterwards", "", "12:CRITICAL 25:OK", "20:CRITICAL 25:OK"},
		{"there and back", "", "5:WARNING 12:CRITICAL 15:WARNING", "5:WARNING"},
		{"there and back and over", "", "5:WARNING 12:CRITICAL 15:WARNING 25:OK", "5:WARNING 25:OK"},
		{"worse", "", "5:WARNING 12:CRITICAL", "5:WARNING 20:CRITICAL"},
		{"worse and over", "", "5:WARNING 12:CRITICAL 15:OK", "5:WARNING 15:OK"},
		{"flaps", "", "5:CRITICAL 12:OK 14:CRITICAL 16:OK 17:INFO 18:OK", "5:CRITICAL 12:OK"},
		{"flaps and is on", "", "5:CRITICAL 12:OK 14:CRITICAL", "5:CRITICAL 12:OK 20:CRITICAL"},
		{"repeats", "", "5:CRITICAL 12:CRITICAL 14:CRITICAL 25:CRITICAL", "5:CRITICAL 25:CRITICAL"},
		{"repeats what is held", "", "12:CRITICAL 14:CRITICAL 16:CRITICAL", "20:CRITICAL"},
		{"two mutes", "", "12:CRITICAL 42:OK", "20:CRITICAL 42:OK"},
		{"held twice", "", "12:CRITICAL 15:OK 42:CRITICAL 45:OK 46:WARNING", "50:WARNING"},
		{"by level", "level() < CRITICAL", "12:WARNING 14:CRITICAL 16:OK", "14:CRITICAL 16:OK"},
		{"by level, back", "level() < CRITICAL", "12:WARNING 14:CRITICAL 16:WARNING", "14:CRITICAL 20:WARNING"},
		{"an OK that is not muted", "level() == WARNING", "12:WARNING 14:OK", ""},
		{"other alerts", `alertID() == 'b' OR "nosuch" == 'x'`, "12:WARNING 14:OK", "12:WARNING 14:OK"},
		{"this alert", `alertID() == 'a' AND taskName() == 'cpu' AND "host" == 'h1'`, "12:WARNING", "20:WARNING"},
	} {
		for _, how := range []string{"memory", "go on", "stop", "kill", "down at the end"} {
			t.Run(c.name+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					begin := time.Now()
					dir := journaltest.New()
					var j inbox
					open := func() *rig {
						if how == "memory" {
							return start(t, nil, always, muting(begin, c.match), j.keep)
						}
						return start(t, dir, always, muting(begin, c.match), j.keep)
					}
					x := open()
					want := map[int]string{}
					for _, w := range strings.Fields(c.want) {
						at, level, _ := strings.Cut(w, ":")
						n, _ := strconv.Atoi(at)
						if how == "down at the end" && n == 20 {
							n = 22
						}
						want[n] = level
					}
					in := strings.Fields(c.in)
					previous := "OK"
					for minute := range 60 {
						time.Sleep(time.Until(begin.Add(time.Duration(minute) * time.Minute)))
						if how == "down at the end" && minute >= 19 && minute <= 21 {
							if minute == 19 {
								x.close(t)
							}
							continue
						}
						if how == "down at the end" && minute == 22 {
							x = open()
						}
						if len(in) > 0 && strings.HasPrefix(in[0], strconv.Itoa(minute)+":") {
							_, level, _ := strings.Cut(in[0], ":")
							m := event("a-"+strconv.Itoa(minute), level, previous, `[{"kind":"tcp","options":{"address":"r:1"}}]`)
							x.hand(m)
							in, previous = in[1:], level
						}
						pass(time.Second)
						require.Equal(t, want[minute], strings.Join(j.show(func(e *alert.Event) string { return e.Level.String() }), " "), "minute %d", minute)
						if how == "stop" && minute%2 == 1 || how == "kill" {
							next := dir.Killed()
							x.close(t)
							if how == "kill" {
								dir = next
							}
							x = open()
						}
					}
					require.Empty(t, in)
					require.Empty(t, x.held)
					x.close(t)
				})
			})
		}
	}
}

// TestReleasedBeforeRestart keeps the order of what was muted and what came when the mute was over, though
// the spool does not know that it was.
func TestReleasedBeforeRestart(t *testing.T) {
	for _, in := range []string{
		"12:CRITICAL 25:OK", "12:CRITICAL 25:WARNING", "12:CRITICAL 25:WARNING 26:INFO",
		"12:CRITICAL 25:WARNING 42:INFO", // that is held in its turn
	} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			dir := journaltest.New()
			x := start(t, dir, never, muting(begin, ""))
			previous, last := "OK", time.Duration(0)
			for w := range strings.FieldsSeq(in) {
				at, level, _ := strings.Cut(w, ":")
				n, _ := strconv.Atoi(at)
				last = time.Duration(n) * time.Minute
				time.Sleep(time.Until(begin.Add(last)))
				x.hand(event("a-"+at, level, previous, `[{"kind":"tcp","options":{"address":"r:1"}}]`))
				previous = level
			}
			next := dir.Killed()
			x.close(t)
			y := start(t, next, always, muting(begin, ""))
			time.Sleep(time.Hour)
			var want []string
			for w := range strings.FieldsSeq(in) {
				at, _, _ := strings.Cut(w, ":")
				want = append(want, "a-"+at)
			}
			require.Equal(t, want, y.order())
			y.close(t)
		})
	}
}
