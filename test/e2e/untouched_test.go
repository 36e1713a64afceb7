//go:build unix

package e2e

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is collected passes on as it was, whatever the rules do with it.
func TestMetricsPassUntouched(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	var data strings.Builder
	n := 0
	add := func(line string) {
		n++
		data.WriteString(line + " " + strconv.Itoa(1511323440123456789+n) + "\n")
	}
	for i := range 200 {
		add(`m,host=a v=` + strconv.Itoa(i) + `i`)
		add(`cpu,cpu=cpu\ total,host=a\,b,db=x usage_idle=12.5,n=18i,u=18446744073709551615u,s="a \"b\" \\",b=true`)
		add(`weird,tick=alert,level=OK level="x",time=1i`)
		add(`m v=0.1,empty=""`)
		add(`m v=1i`)
	}
	data.WriteString("m v=-1 -1\n")
	n++
	f.write("in.influx", data.String())
	f.write("tick.d/all.tick", `stream
    |from().groupBy(*)
    |default().field('added', 1)
    |delete().field('v').tag('host')
    |alert().crit(lambda: TRUE).idField('id').levelTag('level').log('`+f.file("alerts.log")+`')
    |influxDBOut().database('x')
`)
	f.write("tick.d/window.tick", `stream
    |from().measurement('m').groupBy('host')
    |window().periodCount(5).everyCount(2)
    |mean('v')
    |httpOut('mean')
`)
	run := func(name, processor string) []byte {
		t.Helper()
		f.write(name+".conf", `
[agent]
  omit_hostname = true
  skip_processors_after_aggregators = true
  metric_batch_size = 100000
  metric_buffer_limit = 100000
[[inputs.file]]
  files = ["`+f.file("in.influx")+`"]
  data_format = "influx"
`+processor+`
[[outputs.file]]
  files = ["`+f.file(name+".out")+`"]
  influx_uint_support = true
  # copies of events
  namedrop = ["alert"]
`)
		out, err := exec.Command(agentBinary, "--once", "--config", f.file(name+".conf")).CombinedOutput()
		require.NoError(t, err, "%s", out)
		b, err := os.ReadFile(f.file(name + ".out"))
		require.NoError(t, err)
		return b
	}
	without := run("without", "")
	with := run("with", "[[processors.tick]]\n  scripts = [\""+f.file("tick.d")+"\"]\n[[outputs.alerter]]\n")
	require.Equal(t, string(without), string(with))
	require.Equal(t, n, strings.Count(string(with), "\n"))
	alerts, err := os.ReadFile(f.file("alerts.log"))
	require.NoError(t, err)
	require.Equal(t, n, strings.Count(string(alerts), "\n"))
	t.Logf("%d metrics untouched, %d alerts about them", n, strings.Count(string(alerts), "\n"))
}
