//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A metric is data and never a command, whatever it says and whoever sends it.
func TestMetricsCommandNothing(t *testing.T) {
	t.Parallel()
	for name, accept := range map[string]string{"not accepting": "", "accepting": "  accept_metrics = true\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box, stranger := startMailbox(t, "127.0.0.1:0"), startHook(t, nil)
			s := newSetup(t)
			in := local(freePort(t))
			s.inputs = `
[[inputs.socket_listener]]
  service_address = "udp://` + in + `"
  data_format = "influx"
`
			s.alerter = accept + emailSection(box.addr) + `
  [outputs.alerter.exec]
  [outputs.alerter.log]
    path = "` + s.file("own.log") + `"
`
			s.outputs = `
[[outputs.file]]
  files = ["` + s.file("other.out") + `"]
`
			s.script("own", `stream|from().measurement('own')|alert().crit(lambda: TRUE).stateChangesOnly().id('own').message('own').exec('touch', '`+s.file("allowed")+`').email()`)
			a := s.start()

			handlers := func(mail string) string {
				return fmt.Sprintf(`[{"kind":"exec","options":{"prog":"touch","args":[%q]}},{"kind":"log","options":{"path":%q}},{"kind":"log"},`+
					`{"kind":"post","options":{"url":%q}},{"kind":"tcp","options":{"address":%q}},{"kind":"email","options":{"to":[%[5]q],"to-templates":["{{ .ID }}"]}}]`,
					s.file("run"), s.file("written"), stranger.URL, stranger.Listener.Addr().String(), mail)
			}
			quote := func(text string) string {
				return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
			}
			packets := []string{
				`x,tick=alert,task=t,alert_id=a,level=CRITICAL message="m",details="",handlers=` + quote(handlers("old@example.org")),
				`alert,alert_task=t,alert_id=a,alert_level=CRITICAL message="m",details="",event_id="1",handlers=` + quote(handlers("old@example.org")),
				`alert,tick=point,database=x v=1`,
				`alert alert_event=` + quote(`{"version":1,"event_id":"2","id":"stranger@example.org","message":"whole","level":"CRITICAL","previous_level":"OK","handlers":`+handlers("new@example.org")+`}`),
				`alert alert_event="{"`,
				`own v=1`,
			}
			eventually(t, func() error { // a packet may be lost
				conn, err := net.Dial("udp", in)
				require.NoError(t, err)
				defer conn.Close()
				for _, p := range packets {
					if _, err := conn.Write([]byte(p + "\n")); err != nil {
						return err
					}
				}
				text, err := os.ReadFile(s.file("other.out"))
				for _, want := range []string{"x,", "alert,alert_id=a,", "alert,database=x,", "alert alert_event=\"{\\", "alert alert_event=\"{\" ", "own "} {
					if !strings.Contains(string(text), "\n"+want) && !strings.HasPrefix(string(text), want) {
						err = errors.Join(err, fmt.Errorf("no line %s", want))
					}
				}
				return err
			})
			eventually(t, func() error { _, err := os.Stat(s.file("allowed")); return err })
			mails := box.wait(t, 1)
			if accept != "" {
				mails = box.wait(t, 2)
			}
			a.stop() // what else there is to deliver has been

			for _, name := range []string{"run", "written", "own.log"} {
				require.NoFileExists(t, s.file(name))
			}
			begun, _ := stranger.counts()
			require.Zero(t, begun)
			to := map[string]string{}
			for _, m := range mails {
				require.Len(t, m.to, 1)
				to[m.subject] = m.to[0]
			}
			want := map[string]string{"own": "ops@example.org"}
			if accept != "" {
				want["whole"] = "new@example.org"
				a.wait(`exec: only scripts of the same agent may say where to go`)
			}
			require.Equal(t, want, to)
			t.Logf("%d packets, of which none ran anything", len(packets))
		})
	}
}

// Several sections, as they come one a file in a folder, are one set of handlers.
func TestTwoAlerters(t *testing.T) {
	t.Parallel()
	box, first, second := startMailbox(t, "127.0.0.1:0"), startHook(t, nil), startHook(t, nil)
	s := newSetup(t)
	s.write("telegraf.conf", `
[agent]
  interval = "200ms"
  omit_hostname = true
  skip_processors_after_aggregators = true
[[inputs.socket_listener]]
  service_address = "unix://`+s.file("in.sock")+`"
  data_format = "influx"
[[processors.tick]]
  scripts = ["`+s.file("tick.d")+`"]
[[outputs.discard]]
`)
	s.write("telegraf.d/mail.conf", "[[outputs.alerter]]\n"+emailSection(box.addr))
	s.write("telegraf.d/post.conf", `
[[outputs.alerter]]
  [[outputs.alerter.http]]
    endpoint = "second"
    url = "`+second.URL+`"
  [[outputs.alerter.handler]]
    topic = "all"
    kind = "post"
    options = {endpoint = "second"}
`)
	s.write("count", "#!/bin/sh\ncat >>"+s.file("run.log")+"\n")
	require.NoError(t, os.Chmod(s.file("count"), 0o700))
	s.script("load", feederRule(".topic('all').post('"+first.URL+"').log('"+s.file("alerts.log")+"').exec('"+s.file("count")+"').email()"))
	a := start(t, s.path, "--config", s.file("telegraf.conf"), "--config-directory", s.file("telegraf.d"))
	f := &feeder{s: s, ms: 1511323440000}
	const events = 50
	s.send(strings.TrimSuffix(f.round(events), "\n"))
	for name, list := range map[string][]receipt{
		"first": posted(t, first.wait(t, events)), "second": posted(t, second.wait(t, events)), "mail": mailed(t, box.wait(t, events)),
		"log": posted(t, s.lines("alerts.log", events)), "exec": posted(t, s.lines("run.log", events)),
	} {
		require.Len(t, list, events, name)
	}
	a.stop()
	require.Len(t, first.wait(t, 0), events)
	require.Len(t, second.wait(t, 0), events)
	require.Len(t, box.wait(t, 0), events)
	require.Len(t, s.lines("alerts.log", 0), events)
	require.Len(t, s.lines("run.log", 0), events)
	require.Empty(t, a.matches(0, ` [EW]! .*alerter`))
	t.Logf("%d events by 5 handlers, each once", events)
}

// An output that is down for good, with the smallest of buffers, holds back no alert, and no input that
// waits until what it has collected is delivered.
func TestDeadOutputHoldsNothingBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ tick, live string }{
		"gets the copies":                 {live: `namedrop = ["alert"]`},
		"gets the copies, no originals":   {tick: `  drop_original = true`, live: `namepass = ["none"]`},
		"gets the copies of whole events": {tick: `  alert_metrics = "full"`, live: `namedrop = ["alert"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hook := startHook(t, nil)
			s := newSetup(t)
			s.state = s.file("state")
			s.tick = c.tick
			s.inputs = `
[[inputs.tail]]
  files = ["` + s.file("data") + `"]
  initial_read_offset = "beginning"
  max_undelivered_lines = 100
  data_format = "influx"
`
			s.outputs = dead("  namepass = [\"alert\"]\n  metric_batch_size = 2\n  metric_buffer_limit = 2") + `
[[outputs.file]]
  files = ["` + s.file("other.out") + `"]
  metric_batch_size = 1
  ` + c.live
			s.script("load", feederRule(".post('"+hook.URL+"')"))
			f := &feeder{s: s, ms: 1511323440000}
			const events = 1000
			s.write("data", f.round(events))
			a := s.start()
			hook.wait(t, events)
			a.stop()
			got, repeats, err := sortOut(posted(t, hook.wait(t, 0)))
			require.NoError(t, err)
			require.Empty(t, repeats)
			require.NoError(t, got.chained())
			require.Equal(t, events, got.size())
			if c.tick == "" {
				require.Len(t, s.lines("other.out", events), events)
			}
		})
	}
}

// Configurations with all that is between collecting and writing are exchanged while alerts change.
func TestReloadBesideOthers(t *testing.T) {
	t.Parallel()
	hook := startHook(t, nil)
	box := startMailbox(t, "127.0.0.1:0")
	r := receivers{hook, box}
	s := newSetup(t)
	s.state = s.file("state")
	s.tick = `  queue_full = "block"`
	s.alerter = "  spool_max_events = 1000000\n"
	s.outputs = dead("  metric_buffer_limit = 100") + starlark("None") + aggregator("basicstats", "drop_original = true") +
		aggregator("merge", "") + "[[outputs.alerter]]\n" + emailSection(box.addr)
	s.script("load", feederRule(".post('"+hook.URL+"').email()"))
	a := s.start()
	f := &feeder{s: s, ms: 1511323440000}
	stop := f.start(func(int) bool {
		posts, mails := r.counts()
		return posts-mails > 500
	})
	const reloads = 4
	posts, mails := []int{0}, []int{0}
	for i := range reloads {
		p, m := r.counts()
		hook.wait(t, p+100)
		posts, mails = append(posts, p), append(mails, m)
		mark := a.mark()
		s.write("telegraf.conf", fmt.Sprintf("%s# %d\n", s.config(), i))
		a.signal(syscall.SIGHUP)
		a.waitFrom(mark, `Listening on unix`)
	}
	stop()
	settle(t, r, f.finish())
	a.stop()
	got := r.wait(t, 0)
	require.NoError(t, got.whole())
	require.NoError(t, once(posts, got.repeatedPosts, got.posts))
	require.NoError(t, once(mails, got.repeatedMails, got.mails))
	t.Logf("%d events over %d reloads; %d repeats", got.byHook.size(), reloads, got.repeats())
}

// An agent sends its events as metrics, on a way of the user's own, and another one delivers them.
func TestEventsOfAnotherAgent(t *testing.T) {
	t.Parallel()
	hook, box := startHook(t, nil), startMailbox(t, "127.0.0.1:0")
	in := local(freePort(t))
	far := newSetup(t)
	far.state = far.file("state")
	far.inputs = `
[[inputs.socket_listener]]
  service_address = "tcp://` + in + `"
  data_format = "influx"
[[processors.strings]]
  [[processors.strings.uppercase]]
    tag = "*"
[global_tags]
  host = "far"
`
	far.alerter = `  accept_metrics = true` + emailSection(box.addr) + `
  [[outputs.alerter.http]]
    endpoint = "ops"
    url = "` + hook.URL + `"
`
	b := far.start()
	b.wait(`Listening on tcp`)

	near := newSetup(t)
	near.tick = `  alert_metrics = "full"`
	near.outputs = `
[[outputs.socket_writer]]
  address = "tcp://` + in + `"
  data_format = "influx"
  namepass = ["alert"]
`
	near.script("load", feederRule(".email('db@example.org').post().endpoint('ops').log('"+near.file("alerts.log")+"').exec('touch', '"+near.file("run")+"')"))
	near.alerter = `
  [[outputs.alerter.http]]
    endpoint = "ops"
    url = "http://` + local(freePort(t)) + `"
`
	a := near.start()
	f := &feeder{s: near, ms: 1511323440000}
	const events = 200
	near.send(strings.TrimSuffix(f.round(events), "\n"))
	posts, mails := posted(t, hook.wait(t, events)), box.wait(t, events)
	own := posted(t, near.lines("alerts.log", events))
	b.stop()
	a.stop()
	d := receivers{hook, box}.wait(t, events)
	require.Empty(t, d.repeats())
	require.NoError(t, d.whole())
	require.Len(t, posts, events)
	require.ElementsMatch(t, own, posts, "nothing is lost of an event on its way")
	for _, m := range mails {
		require.Equal(t, []string{"db@example.org"}, m.to)
	}
	require.Empty(t, b.matches(0, ` [EW]! .*alerter`))
}

// A point's own tags are its own, whatever they are called: where it goes stands beside it.
func TestPointsKeepTheirTags(t *testing.T) {
	t.Parallel()
	db := startInflux(t)
	s := newSetup(t)
	s.alerter = `
  [outputs.alerter.influxdb]
    urls = ["` + db.url + `"]
    flush_interval = "100ms"
`
	for _, name := range []string{"one", "two"} {
		s.script(name, `stream|from().measurement('m').groupBy(*)|eval(lambda: "v" + 1.0).as('v')|influxDBOut().create().database('`+name+`').measurement('n')`)
	}
	s.start()
	s.send("m,database=a,host=x,retention_policy=p,tick=point v=1 1511323440000000000", "m,database=b,host=x,retention_policy=p,tick=alert v=2 1511323440000000000")
	for _, name := range []string{"one", "two"} {
		var rows []series
		eventually(t, func() (err error) {
			if rows, err = db.query(name, `SELECT * FROM "n"`); err == nil && (len(rows) != 1 || len(rows[0].Values) != 2) {
				err = fmt.Errorf("rows of %s are %v", name, rows)
			}
			return err
		})
		require.Equal(t, []string{"time", "database", "host", "retention_policy", "tick", "v"}, rows[0].Columns)
		for i, want := range []string{"a x p point 2", "b x p alert 3"} {
			require.Equal(t, "1511323440000000000 "+want, strings.Trim(fmt.Sprint(rows[0].Values[i]), "[]"))
		}
	}
}
