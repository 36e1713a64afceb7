package tick

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/selfstat"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// TestAlertMetrics wants copies of events as the setting says, and events to go to the receiver whatever
// that is.
func TestAlertMetrics(t *testing.T) {
	for setting, want := range map[string][]string{"": {"alert"}, "true": {"alert"}, "false": {}, `"full"`: {"alert", "whole"}, "'full'": {"alert", "whole"}} {
		conf := filepath.Join(t.TempDir(), "telegraf.conf")
		text := "[[processors.tick]]\n"
		if setting != "" {
			text += "alert_metrics = " + setting + "\n"
		}
		write(t, conf, text+"[[processors.tick.task]]\nname = 'cpu'\nscript = \""+strings.ReplaceAll(alertScript, `"`, `\"`)+".email('a@example.com').log('/x')\"\n")
		p := load(t, conf)
		r := receive(t, p)
		acc := start(t, p)
		require.NoError(t, p.Add(cpu(5), acc))
		p.Stop()
		got := []string{}
		for _, m := range copiesOf(acc) {
			got = append(got, m.Name())
			if v, ok := m.GetField("alert_event"); ok {
				got = append(got, "whole")
				require.Contains(t, v, "a@example.com")
				require.NotContains(t, v, "/x", "a file here is nothing to another agent")
			}
			_, tracked := m.(telegraf.TrackingMetric)
			require.False(t, tracked)
		}
		require.Equal(t, want, got, setting)
		require.Len(t, r.events, 1)
		require.Equal(t, []string{"email", "log"}, []string{r.events[0].Handlers[0].Kind, r.events[0].Handlers[1].Kind})
	}
	for _, bad := range []string{`"some"`, "1", `"true"`} {
		var a AlertMetrics
		require.EqualError(t, a.UnmarshalTOML([]byte(bad)), `alert_metrics: want true, false or "full", got `+bad)
	}
}

// TestAlertMetricsNobodyTakes has an alert delivered while the metric of one before it is held up, and ever
// more of them dropped.
func TestAlertMetricsNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, log := plugin("cpu", alertScript)
		p.Statistics = selfstat.NewCollector(map[string]string{"processor": "tick", "alias": t.Name()})
		r := receive(t, p)
		s := &stuck{release: make(chan struct{})}
		require.NoError(t, p.Init())
		require.NoError(t, p.Start(s))
		const n = maxCopies + 100
		for range n {
			require.NoError(t, p.Add(cpu(5), &testutil.NopAccumulator{}))
		}
		synctest.Wait()
		require.Len(t, r.events, n)
		close(s.release)
		p.Stop()
		require.Equal(t, maxCopies+1, s.n, "one is in the hands of the agent")
		dropped := 0
		for _, m := range log.Messages() {
			if strings.HasPrefix(m.Text, "Metrics of alerts are dropped") {
				dropped++
			}
		}
		require.Equal(t, 1, dropped)
	})
}

// A stuck accumulator takes nothing until it is released.
type stuck struct {
	telegraf.Accumulator
	release chan struct{}
	n       int
}

func (s *stuck) AddMetric(telegraf.Metric) {
	<-s.release
	s.n++
}

// TestInfluxDBOutAsMetrics has points of influxDBOut leave as metrics, with the tags that name where they
// go, and with a tag tick of their own.
func TestInfluxDBOutAsMetrics(t *testing.T) {
	p, _ := plugin("x", `stream|from().measurement('m')|influxDBOut().database('d').retentionPolicy('r')`)
	p.InfluxDBOut, p.DatabaseTag = "metrics", "db"
	r := receive(t, p)
	acc := start(t, p)
	m := metric.New("m", map[string]string{"db": "telegraf", "tick": "tock"}, map[string]any{"v": 1.5}, time.Unix(7, 0))
	require.NoError(t, p.Add(m, acc))
	p.Stop()
	require.Empty(t, r.written())
	testutil.RequireMetricsEqual(t, []telegraf.Metric{m, metric.New("m",
		map[string]string{"db": "d", "tick": "tock"}, map[string]any{"v": 1.5}, time.Unix(7, 0))}, acc.GetTelegrafMetrics(), testutil.SortMetrics())
}

// TestTestOfConfiguration shows what a script decides, and delivers nothing.
func TestTestOfConfiguration(t *testing.T) {
	p, log := plugin("cpu", alertScript)
	p.Bus = nil
	acc := start(t, p)
	require.NoError(t, p.Add(cpu(5), acc))
	p.Stop()
	require.Len(t, copiesOf(acc), 1)
	require.Equal(t, alert.Critical.String(), copiesOf(acc)[0].Tags()["alert_level"])
	require.Empty(t, log.Errors())
}
