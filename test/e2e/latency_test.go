//go:build unix

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkAlertLatency is the time from a point's being written to the agent to its alert's being
// posted to a receiver, with and without a disk on both sides of the bus. The flush interval of 10 s must
// not show. The design wants a 99th percentile below 20 ms.
func BenchmarkAlertLatency(b *testing.B) {
	b.Run("memory", func(b *testing.B) { alertLatency(b, false) })
	b.Run("durable", func(b *testing.B) { alertLatency(b, true) })
}

func alertLatency(b *testing.B, durable bool) {
	hook := startHook(b, nil)
	s := newSetup(b)
	tick, alerter := "", ""
	if durable {
		tick, alerter = "  state_directory = \""+s.file("tick")+"\"\n", "  state_directory = \""+s.file("alerter")+"\"\n"
	}
	s.write("telegraf.conf", `
[agent]
  interval = "10s"
  flush_interval = "10s"
  skip_processors_after_aggregators = true
[[inputs.socket_listener]]
  service_address = "unix://`+s.file("in.sock")+`"
  data_format = "influx"
[[processors.tick]]
  scripts = ["`+s.file("tick.d")+`"]
`+tick+`
[[outputs.alerter]]
`+alerter+`
[[outputs.discard]]
`)
	s.script("latency", `stream
    |from().measurement('m').groupBy('host')
    |alert().crit(lambda: "v" > 0).stateChangesOnly().post('`+hook.URL+`')
`)
	start(b, s.path, "--config", s.file("telegraf.conf"))
	conn := s.dial()
	defer conn.Close()
	var times []time.Duration
	n := 0
	one := func() {
		n++
		begin := time.Now()
		_, err := fmt.Fprintf(conn, "m,host=a v=%di %d\n", n%2, n)
		require.NoError(b, err)
		for {
			select {
			case <-hook.arrived:
				times = append(times, time.Since(begin))
			case <-time.After(patience):
				b.Fatal("no alert")
			}
			if _, answered := hook.counts(); answered == n {
				return
			}
		}
	}
	one() // connects
	times = times[:0]
	for b.Loop() {
		one()
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2])/1e6, "p50-ms")
	b.ReportMetric(float64(times[len(times)*99/100])/1e6, "p99-ms")
}
