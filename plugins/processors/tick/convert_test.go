package tick

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/engine"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

func toMetric(p *point.Point) telegraf.Metric {
	tags := map[string]string{"database": p.DB, "retention_policy": p.RP}
	for _, t := range p.Tags {
		tags[t.Key] = t.Value
	}
	fields := map[string]any{}
	for _, f := range p.Fields {
		fields[f.Key] = f.Value.Any()
	}
	return metric.New(p.Name, tags, fields, time.Unix(0, p.Time))
}

// TestConvertVectors has the data of all vectors come as metrics: the points are those that line protocol
// makes, which the tests of the engine run.
func TestConvertVectors(t *testing.T) {
	files, err := ticktest.Vectors("../../../testdata/conformance")
	require.NoError(t, err)
	c := converter{dbTag: "database", rpTag: "retention_policy"}
	routes := map[string]*engine.Route{}
	var to point.Point
	points := 0
	for _, file := range files {
		v, err := ticktest.LoadVector(file)
		require.NoError(t, err)
		if v == nil {
			continue
		}
		src, err := replay.NewLines(v.Name+".lp", bytes.NewReader(v.Data), spec.DBRP{DB: "telegraf", RP: "autogen"})
		require.NoError(t, err)
		for {
			it, err := src.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			p := it.Point
			if p == nil {
				continue
			}
			points++
			r := routes[p.Name]
			if r == nil {
				r = &engine.Route{Name: p.Name}
				routes[p.Name] = r
			}
			m := toMetric(p)
			db, rp := c.dbrp(m)
			require.True(t, c.point(m, r, db, rp, &to))
			require.Equal(t, string(point.AppendLine(nil, p)), string(point.AppendLine(nil, &to)), v.Name)
			require.Equal(t, []string{p.DB, p.RP}, []string{to.DB, to.RP})
		}
	}
	require.Greater(t, points, 1000)
}

// TestConvertManyFields has metrics with more fields than a measurement's names are remembered.
func TestConvertManyFields(t *testing.T) {
	var c converter
	r := &engine.Route{Name: "m"}
	var to point.Point
	for _, n := range []int{engine.MaxFields, engine.MaxFields + 1, 3 * engine.MaxFields, 2} {
		want := &point.Point{Name: "m"}
		for i := range n {
			want.Fields = append(want.Fields, point.Field{Key: fmt.Sprintf("%d_%05d", n, i), Value: point.IntValue(int64(i))})
		}
		require.True(t, c.point(toMetric(want), r, "", "", &to))
		require.Equal(t, want.Fields, append([]point.Field(nil), to.Fields...))
	}
}
