//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// example returns the script of examples with texts replaced, each of which must be there.
func example(t testing.TB, name string, replace ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "examples", name))
	require.NoError(t, err)
	text := string(b)
	for i := 0; i < len(replace); i += 2 {
		require.Contains(t, text, replace[i])
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	return text
}

// The house power rule, from a write like InfluxDB's to a mail, a row in InfluxDB and a request.
func TestHousePower(t *testing.T) {
	t.Parallel()
	db := startInflux(t)
	hook := startHook(t, nil)
	mails := startMailbox(t, "127.0.0.1:0")
	in := local(freePort(t))

	s := newSetup(t)
	s.script("house_power", example(t, "house_power.tick", "http://127.0.0.1:4242", hook.URL))
	s.inputs = `
[[inputs.influxdb_listener]]
  service_address = "` + in + `"
  database_tag = "db"
  retention_policy_tag = "rp"
`
	s.tick = `
  database_tag = "db"
  retention_policy_tag = "rp"
`
	s.alerter = emailSection(mails.addr) + `
  [outputs.alerter.influxdb]
    urls = ["` + db.url + `"]
    flush_interval = "100ms"
`
	before, err := db.query("", "SHOW DATABASES")
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprint(before), "httpTest")
	s.start()

	const t0 = 1511323440 // seconds
	house := func(at int, power, sub1, sub2, sub3 string) string {
		return fmt.Sprintf(`house,metric=ljz Global_active_power=%q,Sub_metering_1=%q,Sub_metering_2=%q,Sub_metering_3=%q %d`,
			power, sub1, sub2, sub3, (t0+at)*1e9)
	}
	post := func(db, body string) {
		t.Helper()
		eventually(t, func() error {
			res, err := http.Post("http://"+in+"/write?precision=ns&db="+db, "text/plain", strings.NewReader(body))
			if err != nil {
				return err
			}
			require.Equal(t, http.StatusNoContent, res.StatusCode)
			return res.Body.Close()
		})
	}
	post("elsewhere", house(30, "9.000", "0.0", "0.0", "0.0")) // not the database of the rule
	post("house", house(0, "1.000", "0.0", "0.0", "17.0"))
	post("house", house(60, "2.600", "1.0", "0.0", "1.0")+"\n"+house(120, "0.300", "1.0", "0.0", "1.0"))

	got := mails.wait(t, 2)
	for _, m := range got {
		require.Equal(t, "telegraf@example.org", m.from)
		require.ElementsMatch(t, []string{"ops@example.org", "home@example.org"}, m.to)
		require.Equal(t, "Alert: power consumption", m.subject)
		require.Equal(t, "The error of power consumption is greater than the threshold(4Wh)", strings.TrimSpace(m.body))
	}

	var rows []series
	eventually(t, func() (err error) {
		rows, err = db.query("httpTest", `SELECT * FROM "autogen"."httptest"`)
		if err == nil && (len(rows) != 1 || len(rows[0].Values) < 2) {
			err = fmt.Errorf("rows are %v", rows)
		}
		return err
	})
	require.Equal(t, []string{"time", "alertID", "alertName", "duration", "level", "message", "metric", "triggerType", "value"}, rows[0].Columns)
	n := func(s string) json.Number { return json.Number(s) }
	require.Equal(t, [][]any{
		{n("1511323500000000000"), "Power_Consumption_Rule:ljz", "test_http", n("0"), "CRITICAL", "Alert: power consumption", "ljz", "threshold", n("41.333333333333336")},
		{n("1511323560000000000"), "Power_Consumption_Rule:ljz", "test_http", n("60000000000"), "OK", "Alert: power consumption", "ljz", "threshold", n("3")},
	}, rows[0].Values)
	tags, err := db.query("httpTest", `SHOW TAG KEYS FROM "httptest"`)
	require.NoError(t, err)
	require.Equal(t, [][]any{{"alertID"}, {"alertName"}, {"level"}, {"metric"}, {"triggerType"}}, tags[0].Values)

	bodies := hook.wait(t, 2)
	require.Equal(t, []string{
		`{"series":[{"name":"house","tags":{"alertID":"Power_Consumption_Rule:ljz","level":"CRITICAL","metric":"ljz"},` +
			`"columns":["time","duration","message","value"],"values":[["2017-11-22T04:05:00Z",0,"Alert: power consumption",41.333333333333336]]}]}` + "\n",
		`{"series":[{"name":"house","tags":{"alertID":"Power_Consumption_Rule:ljz","level":"OK","metric":"ljz"},` +
			`"columns":["time","duration","message","value"],"values":[["2017-11-22T04:06:00Z",60000000000,"Alert: power consumption",3]]}]}` + "\n",
	}, bodies)
	require.Equal(t, "application/json", hook.headers[0].Get("Content-Type"))
	t.Logf("%d mails, %d rows in InfluxDB, %d requests", len(got), len(rows[0].Values), len(bodies))
}

// The idle CPU below a threshold, from inputs.cpu and from points with known times, posted.
func TestCPUPost(t *testing.T) {
	t.Parallel()
	known, actual := startHook(t, nil), startHook(t, nil)
	s := newSetup(t)
	s.inputs = `
[[inputs.cpu]]
  percpu = false
  name_prefix = "real_"
`
	s.script("known", `stream
    |from().measurement('cpu').groupBy('host')
    |alert()
        .crit(lambda: "usage_idle" < 10.0)
        .id('cpu:{{ index .Tags "host" }}')
        .message('{{ .ID }} is {{ .Level }} <{{ index .Fields "usage_idle" }}>')
        .details('<b>{{ .Message }}</b>')
        .stateChangesOnly()
        .post('`+known.URL+`')
`)
	s.script("real", `stream
    |from().measurement('real_cpu')
    |alert()
        .warn(lambda: "usage_idle" <= 100.0)
        .stateChangesOnly()
        .post('`+actual.URL+`')
`)
	s.start()
	s.send(
		"cpu,host=a,cpu=cpu-total usage_idle=80,usage_user=20,n=3i 1511323440000000000",
		"cpu,host=a,cpu=cpu-total usage_idle=9.5,usage_user=90.5,n=4i 1511323450000000000",
		"cpu,host=b,cpu=cpu-total usage_idle=90,usage_user=10,n=4i 1511323451000000000",
		"cpu,host=a,cpu=cpu-total usage_idle=5,usage_user=95,n=5i 1511323460000000000",
		"cpu,host=a,cpu=cpu-total usage_idle=70,usage_user=30,n=6i 1511323470500000000",
	)
	bodies := known.wait(t, 2)
	require.Equal(t, []string{
		`{"id":"cpu:a","message":"cpu:a is CRITICAL \u003c9.5\u003e","details":"\u003cb\u003ecpu:a is CRITICAL \u0026lt;9.5\u0026gt;\u003c/b\u003e",` +
			`"time":"2017-11-22T04:04:10Z","duration":0,"level":"CRITICAL",` +
			`"data":{"series":[{"name":"cpu","tags":{"cpu":"cpu-total","host":"a"},"columns":["time","n","usage_idle","usage_user"],"values":[["2017-11-22T04:04:10Z",4,9.5,90.5]]}]},` +
			`"previousLevel":"OK","recoverable":true}` + "\n",
		`{"id":"cpu:a","message":"cpu:a is OK \u003c70\u003e","details":"\u003cb\u003ecpu:a is OK \u0026lt;70\u0026gt;\u003c/b\u003e",` +
			`"time":"2017-11-22T04:04:30.5Z","duration":20500000000,"level":"OK",` +
			`"data":{"series":[{"name":"cpu","tags":{"cpu":"cpu-total","host":"a"},"columns":["time","n","usage_idle","usage_user"],"values":[["2017-11-22T04:04:30.5Z",6,70,30]]}]},` +
			`"previousLevel":"CRITICAL","recoverable":true}` + "\n",
	}, bodies)
	require.Equal(t, "application/json", known.headers[0].Get("Content-Type"))

	var event struct {
		ID, Message, Details, Time, Level, PreviousLevel string
		Recoverable                                      bool
		Data                                             struct{ Series []series }
	}
	require.NoError(t, json.Unmarshal([]byte(actual.wait(t, 1)[0]), &event))
	require.Equal(t, "real_cpu:nil", event.ID)
	require.Equal(t, "real_cpu:nil is WARNING", event.Message)
	require.Equal(t, "WARNING", event.Level)
	require.Equal(t, "OK", event.PreviousLevel)
	require.True(t, event.Recoverable)
	require.Contains(t, event.Details, "real_cpu:nil is WARNING")
	require.Len(t, event.Data.Series, 1)
	require.Equal(t, "real_cpu", event.Data.Series[0].Name)
	at := slices.Index(event.Data.Series[0].Columns, "usage_idle")
	require.Positive(t, at)
	require.LessOrEqual(t, event.Data.Series[0].Values[0][at], 100.0)
	t.Logf("%d requests with known times, idle %v%% in the real one", len(bodies), event.Data.Series[0].Values[0][at])
}

// The three temperatures of a printer, each with a log file of its own.
func TestPrinter(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.script("printer", example(t, "printer.tick", "'/tmp/kapacitor_", "'"+s.path+"/"))
	s.start()
	const t0 = 1511323440
	var points []string
	for i, values := range []string{
		"hotend=220,bed=90,air=70",
		"hotend=252,bed=90,air=70",
		"hotend=221,bed=120,air=70",
		"hotend=220,bed=91,air=45",
		"hotend=220,bed=90,air=70",
	} {
		points = append(points, "temperatures "+values+" "+strconv.Itoa((t0+i)*1e9))
	}
	s.send(points...)
	total := 0
	for name, want := range map[string][2]string{
		"hotend": {"hotend is 252", "hotend is 221"},
		"bed":    {"bed is 120", "bed is 91"},
		"air":    {"air is 45", "air is 70"},
	} {
		lines := s.lines(name+"_failure.log", 2)
		require.Len(t, lines, 2, name)
		for i, level := range []string{"CRITICAL", "OK"} {
			var e struct{ ID, Message, Level, Time string }
			require.NoError(t, json.Unmarshal([]byte(lines[i]), &e))
			require.Equal(t, name, e.ID)
			require.Equal(t, want[i], e.Message)
			require.Equal(t, level, e.Level)
		}
		total += len(lines)
	}
	info, err := os.Stat(s.file("air_failure.log"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	t.Logf("%d lines in 3 files", total)
}
