package alerter

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

type sink struct{ n atomic.Int64 }

func (s *sink) Send(context.Context, *alert.Event, spec.Declarer) error { s.n.Add(1); return nil }
func (s *sink) Close() error                                            { return nil }

// BenchmarkWrite measures an alert event from Write to its handler.
func BenchmarkWrite(b *testing.B) {
	a, err := load("")
	require.NoError(b, err)
	a.Log = testutil.Logger{Quiet: true}
	a.SpoolMaxEvents = 1 << 30
	a.SpoolMaxSize = 1 << 40
	require.NoError(b, a.Init())
	require.NoError(b, a.Connect())
	s := &sink{}
	k := handler.Lookup("tcp")
	a.outlets[k] = &outlet{kind: k, sender: s}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m := event("a-"+strconv.Itoa(i), "CRITICAL", "OK", `[{"kind":"tcp","options":{"address":"x:1"}}]`)
		if err := a.Write([]telegraf.Metric{m}); err != nil {
			b.Fatal(err)
		}
	}
	for s.n.Load() < int64(b.N) {
		time.Sleep(time.Millisecond)
	}
	require.NoError(b, a.Close())
}
