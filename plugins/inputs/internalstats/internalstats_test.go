package internalstats

import (
	"math"
	"os"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/selfstat"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
)

func gather(t *testing.T, plugin *Internal) []telegraf.Metric {
	t.Helper()
	require.NoError(t, plugin.Init())
	var acc testutil.Accumulator
	require.NoError(t, plugin.Gather(&acc))
	return acc.GetTelegrafMetrics()
}

func named(all []telegraf.Metric, name string) []telegraf.Metric {
	var found []telegraf.Metric
	for _, m := range all {
		if m.Name() == name {
			found = append(found, m)
		}
	}
	return found
}

func TestInstances(t *testing.T) {
	for id, n := range map[string]int64{"1": 3, "2": 4} {
		tags := map[string]string{"_id": id, "input": "x"}
		selfstat.Register("merge_test", "events", tags).Incr(n)
		t.Cleanup(func() { selfstat.Unregister("merge_test", "events", tags) })
	}
	only := map[string]string{"_id": "2", "input": "x"}
	selfstat.Register("merge_test", "late", only).Incr(1)
	t.Cleanup(func() { selfstat.Unregister("merge_test", "late", only) })

	merged := named(gather(t, &Internal{}), "internal_merge_test")
	require.Len(t, merged, 1)
	require.Equal(t, map[string]any{"events": int64(7), "late": int64(1)}, merged[0].Fields())
	require.Equal(t, "x", merged[0].Tags()["input"])
	require.Contains(t, merged[0].Tags(), "version")
	require.NotContains(t, merged[0].Tags(), "_id")

	single := named(gather(t, &Internal{PerInstance: true}), "internal_merge_test")
	require.Len(t, single, 2)
	for _, m := range single {
		require.Contains(t, m.Tags(), "_id")
	}
}

func TestAgentHasGoVersion(t *testing.T) {
	stat := selfstat.Register("agent", "test_only", map[string]string{})
	t.Cleanup(stat.Unregister)
	agent := named(gather(t, &Internal{}), "internal_agent")
	require.Len(t, agent, 1)
	require.Regexp(t, `^\d+\.\d+`, agent[0].Tags()["go_version"])
}

func TestRuntimeStatisticsAreOptional(t *testing.T) {
	all := gather(t, &Internal{})
	require.Empty(t, named(all, "internal_memstats"))
	require.Empty(t, named(all, "internal_gostats"))

	all = gather(t, &Internal{CollectMemstats: true, CollectGostats: true})
	mem := named(all, "internal_memstats")
	require.Len(t, mem, 1)
	require.Len(t, mem[0].Fields(), 13)
	require.Positive(t, mem[0].Fields()["heap_alloc_bytes"])
	gostats := named(all, "internal_gostats")
	require.Len(t, gostats, 1)
	require.Contains(t, gostats[0].Fields(), "gc_heap_allocs_bytes")
	require.Contains(t, gostats[0].Tags(), "go_version")
}

func TestMedian(t *testing.T) {
	buckets := []float64{math.Inf(-1), 1, 2, 3}
	tests := []struct {
		counts []uint64
		want   float64
	}{
		{[]uint64{0, 0, 0}, 0},
		{[]uint64{0, 5, 0}, 1},
		{[]uint64{1, 1, 8}, 2},
		{[]uint64{1, 9, 1}, 1},
	}
	for _, tt := range tests {
		require.InDelta(t, tt.want, median(&metrics.Float64Histogram{Counts: tt.counts, Buckets: buckets}), 0)
	}
}

func TestRegisteredAsInternal(t *testing.T) {
	create, ok := inputs.Inputs["internal"]
	require.True(t, ok)
	require.Equal(t, &Internal{CollectMemstats: true}, create())
}

func TestReadmeShowsSampleConfig(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), "```toml @sample.conf\n"+sampleConfig+"```\n")
	require.True(t, strings.HasPrefix(string(readme), "# Internal Input Plugin\n"))
}
