// Package internalstats implements inputs.internal: the agent's statistics
// about itself. Telegraf's plugin of this name lies in a folder "internal",
// which other modules may not import (and neither could our own main, hence
// this folder's name). This one stands in for it, with the same options and
// metrics, in builds that do not take all of Telegraf's inputs.
package internalstats

import (
	_ "embed"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/selfstat"
)

//go:embed sample.conf
var sampleConfig string

const hostModule = "github.com/influxdata/telegraf"

// Internal is the plugin.
type Internal struct {
	CollectMemstats bool `toml:"collect_memstats"`
	CollectGostats  bool `toml:"collect_gostats"`
	PerInstance     bool `toml:"per_instance"`

	version, goVersion string
}

// SampleConfig returns the documented default configuration.
func (*Internal) SampleConfig() string { return sampleConfig }

// Init looks up the versions that tag the metrics.
func (i *Internal) Init() error {
	i.goVersion = strings.TrimPrefix(runtime.Version(), "go")
	i.version = "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == hostModule {
				i.version = strings.TrimPrefix(m.Version, "v")
			}
		}
	}
	return nil
}

// Gather reads the counters of all plugins and, if asked to, of the runtime.
func (i *Internal) Gather(acc telegraf.Accumulator) error {
	stats := selfstat.Metrics()
	if !i.PerInstance {
		stats = merge(stats)
	}
	for _, m := range stats {
		m.AddTag("version", i.version)
		if m.Name() == "internal_agent" {
			m.AddTag("go_version", i.goVersion)
		}
		acc.AddMetric(m)
	}
	if i.CollectMemstats {
		acc.AddFields("internal_memstats", memstats(), nil)
	}
	if i.CollectGostats {
		acc.AddFields("internal_gostats", gostats(), map[string]string{"go_version": i.goVersion})
	}
	return nil
}

// merge adds up what differs only in the instance of the plugin. Plugins
// register integers only, so nothing else is met here.
func merge(stats []telegraf.Metric) []telegraf.Metric {
	var merged []telegraf.Metric
	index := make(map[uint64]telegraf.Metric, len(stats))
	for _, m := range stats {
		m.RemoveTag("_id")
		sum, ok := index[m.HashID()]
		if !ok {
			index[m.HashID()] = m
			merged = append(merged, m)
			continue
		}
		for _, f := range m.FieldList() {
			n, _ := f.Value.(int64)
			if before, ok := sum.GetField(f.Key); ok {
				b, _ := before.(int64)
				n += b
			}
			sum.AddField(f.Key, n)
		}
	}
	return merged
}

func memstats() map[string]any {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return map[string]any{
		"alloc_bytes":         m.Alloc,
		"total_alloc_bytes":   m.TotalAlloc,
		"sys_bytes":           m.Sys,
		"pointer_lookups":     m.Lookups,
		"mallocs":             m.Mallocs,
		"frees":               m.Frees,
		"num_gc":              m.NumGC,
		"heap_alloc_bytes":    m.HeapAlloc,
		"heap_sys_bytes":      m.HeapSys,
		"heap_idle_bytes":     m.HeapIdle,
		"heap_in_use_bytes":   m.HeapInuse,
		"heap_released_bytes": m.HeapReleased,
		"heap_objects":        m.HeapObjects,
	}
}

// gostats reads everything that the runtime offers; a histogram is reduced to
// its median.
func gostats() map[string]any {
	all := metrics.All()
	samples := make([]metrics.Sample, len(all))
	for i := range all {
		samples[i].Name = all[i].Name
	}
	metrics.Read(samples)

	fields := make(map[string]any, len(samples))
	for _, s := range samples {
		switch name := fieldName(s.Name); s.Value.Kind() {
		case metrics.KindUint64:
			fields[name] = s.Value.Uint64()
		case metrics.KindFloat64:
			fields[name] = s.Value.Float64()
		case metrics.KindFloat64Histogram:
			fields[name] = median(s.Value.Float64Histogram())
		}
	}
	return fields
}

var separators = strings.NewReplacer("/", "_", ":", "_", "-", "_")

// fieldName turns /gc/heap/allocs:bytes into gc_heap_allocs_bytes.
func fieldName(metric string) string {
	return separators.Replace(strings.TrimPrefix(metric, "/"))
}

// median is the lower bound of the bucket that holds the median, 0 without
// observations.
func median(h *metrics.Float64Histogram) float64 {
	var total, seen uint64
	for _, n := range h.Counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	for i, n := range h.Counts {
		if seen += n; 2*seen >= total {
			return h.Buckets[i]
		}
	}
	return 0
}

func init() {
	inputs.Add("internal", func() telegraf.Input {
		return &Internal{CollectMemstats: true}
	})
}
