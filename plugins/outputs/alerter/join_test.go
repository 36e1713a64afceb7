package alerter

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
)

// loadAll loads several sections, each of a file of its own, and joins them.
func loadAll(t *testing.T, sections ...string) ([]*Alerter, error) {
	t.Helper()
	var all []*Alerter
	for i, text := range sections {
		a, err := load(text)
		require.NoError(t, err)
		a.Log = &testutil.CaptureLogger{}
		a.Source = "/" + string(rune('a'+i)) + ".conf"
		all = append(all, a)
	}
	return all, all[0].Join(all[1:]...)
}

// TestJoin wants several sections to be one set of handlers, in which each handler gets an event once.
func TestJoin(t *testing.T) {
	dir := t.TempDir()
	topic := func(name string) string {
		return "[[outputs.alerter.handler]]\ntopic = \"tp\"\nkind = \"log\"\noptions = {path = \"" + filepath.Join(dir, name) + "\"}\n"
	}
	all, err := loadAll(t,
		"timeout = '7s'\nhandler_files = ['/x']\n[[outputs.alerter.mute]]\nfrom='01:00'\nto='01:01'\n"+topic("one"),
		"", // as a file that a package brings
		"timeout = '7s'\nstate_directory = '"+dir+"/state'\nhandler_files = ['/y']\n[[outputs.alerter.http]]\nendpoint='x'\nurl='http://x'\n[outputs.alerter.log]\npath='"+dir+"/all'\nglobal = true\n"+topic("two"),
		"[outputs.alerter.talk]\nenabled = false\n[[outputs.alerter.mute]]\nfrom='02:00'\nto='02:01'\n[[outputs.alerter.http]]\nendpoint='y'\nurl='http://y'\n[outputs.alerter.log]\npath='"+dir+"/all'\nglobal = true\n[outputs.alerter.influxdb]\nurls=['http://i']",
	)
	require.NoError(t, err)
	a := all[0]
	require.Equal(t, `"7s"`, optionText(optionsOf(reflect.ValueOf(a))["timeout"]))
	require.Equal(t, filepath.Join(dir, "state"), a.StateDirectory)
	require.Equal(t, []string{"/x", "/y"}, a.HandlerFiles)
	require.Len(t, a.configs[handler.Lookup("post")], 2)
	require.Len(t, a.configs[handler.Lookup("log")], 1)
	require.True(t, a.off[handler.Lookup("talk")])
	require.Len(t, a.influx, 1)
	require.Equal(t, []string{"config-1", "config-2"}, []string{a.Mutes()[0].ID, a.Mutes()[1].ID})
	a.HandlerFiles = nil
	for _, x := range all {
		require.NoError(t, x.Init())
	}
	for _, x := range all {
		require.NoError(t, x.Connect())
	}
	all[0].Events([]*alert.Event{event("a-1", "CRITICAL", "OK", `[{"kind":"log","options":{"path":"`+dir+`/own"}}]`), event("b-1", "CRITICAL", "OK", "")}, nil)
	for _, x := range all {
		require.NoError(t, x.Close())
		require.Empty(t, x.Log.(*testutil.CaptureLogger).Errors())
	}
	for name, want := range map[string]string{"one": "a-1 b-1", "two": "a-1 b-1", "own": "a-1", "all": "b-1"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		var got []string
		for line := range strings.Lines(string(b)) {
			got = append(got, line[strings.Index(line, "003e")+4:][:3])
		}
		require.ElementsMatch(t, strings.Fields(want), got, name)
	}
}

func TestJoinErrors(t *testing.T) {
	for want, sections := range map[string][]string{
		`state_directory is "/x" in /a.conf and "/y" in /c.conf: all sections [[outputs.alerter]] are one set of handlers, want one of them`: {
			"state_directory='/x'", "", "state_directory='/y'",
		},
		`timeout is "1m0s" in /b.conf and "10s" in /c.conf`:          {"", "timeout='1m'", "timeout='10s'"},
		`spool_max_events is 5 in /a.conf and 6 in /b.conf`:          {"spool_max_events=5", "spool_max_events=6"},
		`[outputs.alerter.email] stands in /b.conf and in /c.conf: `: {"", "[outputs.alerter.email]\nhost='a'", "[outputs.alerter.email]\nhost='b'"},
		`[outputs.alerter.heartbeat] stands in /a.conf and in /b.conf: all sections [[outputs.alerter]] are one set of handlers, want it once`: {
			"[outputs.alerter.heartbeat]\nurl='http://x'", "[outputs.alerter.heartbeat]\nurl='http://x'",
		},
		`mute: id "a" stands there twice`: {"[[outputs.alerter.mute]]\nid='a'\nfrom='01:00'", "[[outputs.alerter.mute]]\nid='a'\nfrom='02:00'"},
	} {
		_, err := loadAll(t, sections...)
		require.ErrorContains(t, err, "outputs.alerter: "+want)
	}
	all, err := loadAll(t,
		"[[outputs.alerter.handler]]\ntopic='a'\nid='x'\nkind='talk'", "[[outputs.alerter.handler]]\ntopic='b'\nkind='talk'\n[[outputs.alerter.handler]]\ntopic='a'\nid='x'\nkind='talk'",
	)
	require.NoError(t, err)
	require.ErrorContains(t, all[0].Init(), `topic "a" has a handler "x" already, in section 1 of [[outputs.alerter.handler]] in /a.conf`)
	all, err = loadAll(t, "[[outputs.alerter.http]]\nendpoint='x'\nurl='http://x'", "[[outputs.alerter.http]]\nendpoint='x'\nurl='http://x'")
	require.NoError(t, err)
	require.ErrorContains(t, all[0].Init(), `endpoint "x" stands there twice`)

	// One that nobody has loaded can take sections, too.
	b, err := load("[outputs.alerter.talk]\nurl='http://x'\nauthor_name='n'")
	require.NoError(t, err)
	a := &Alerter{}
	require.NoError(t, a.Join(b))
	require.NotEmpty(t, a.configs)
}
