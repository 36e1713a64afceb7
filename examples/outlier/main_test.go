package main

import (
	"bufio"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

func TestFences(t *testing.T) {
	for _, c := range []struct {
		values    []float64
		low, high float64
	}{
		{nil, 0, 0},
		{[]float64{5}, 5, 5},
		{[]float64{1, 3}, -1, 5},
		{[]float64{9, 1, 5}, -7, 17},                    // halves {1} and {9}
		{[]float64{4, 2, 1, 3}, -0.5, 5.5},              // quartiles 1.5 and 3.5
		{[]float64{7, 1, 2, 6, 3, 5, 4}, -2, 10},        // 2 and 6
		{[]float64{1, 1, 1, 1, 1, 1, 100, 1}, 1, 1},     // all that differs is an outlier
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8}, -1.5, 10.5}, // 2.5 and 6.5
	} {
		low, high := fences(c.values, 1)
		require.Equal(t, []float64{c.low, c.high}, []float64{low, high}, "%v", c.values)
	}
}

func TestInit(t *testing.T) {
	field := &agent.Option{Name: "field", Values: []*agent.OptionValue{{Value: &agent.OptionValue_StringValue{StringValue: "v"}}}}
	scale := func(v float64) *agent.Option {
		return &agent.Option{Name: "scale", Values: []*agent.OptionValue{{Value: &agent.OptionValue_DoubleValue{DoubleValue: v}}}}
	}
	for _, c := range []struct {
		options []*agent.Option
		err     string
	}{
		{[]*agent.Option{field}, ""},
		{[]*agent.Option{scale(3), field}, ""},
		{nil, "must set field"},
		{[]*agent.Option{field, scale(-1)}, "scale must not be negative, got -1"},
	} {
		r, err := new(outlier).Init(&agent.InitRequest{Options: c.options})
		require.NoError(t, err)
		require.Equal(t, c.err, r.Error)
		require.Equal(t, c.err == "", r.Success)
	}
}

// TestBatches sends batches through the function and reads what remains of them.
func TestBatches(t *testing.T) {
	ours, theirs := net.Pipe()
	a := agent.New(theirs, theirs)
	a.Handler = &outlier{agent: a, field: "v", scale: 1}
	require.NoError(t, a.Start())
	in := bufio.NewReader(ours)
	var buf []byte
	read := func() *agent.Response {
		got := new(agent.Response)
		require.NoError(t, agent.ReadMessage(&buf, in, got))
		return got
	}
	for _, c := range []struct{ values, want []float64 }{
		{nil, nil},
		{[]float64{1, 2, 3, 2, 50, 2, 1, -50}, []float64{50, -50}},
		{[]float64{7, 7}, nil},
	} {
		go func() {
			for _, r := range requests(c.values) {
				_ = agent.WriteMessage(r, ours)
			}
		}()
		begin := read().GetBegin()
		require.Equal(t, "m", begin.Name)
		require.Equal(t, int64(len(c.want)), begin.Size)
		for _, want := range c.want {
			v, ok := value(read().GetPoint(), "v")
			require.True(t, ok)
			require.Equal(t, want, v)
		}
		end := read().GetEnd()
		require.Equal(t, int64(9), end.Tmax)
		require.Equal(t, map[string]string{"host": "a"}, end.Tags)
	}
	require.NoError(t, ours.Close())
	require.NoError(t, a.Wait())
}

// requests returns the messages of a batch, in which every third value is an integer and one point
// lacks the field.
func requests(values []float64) []*agent.Request {
	tags := map[string]string{"host": "a"}
	out := []*agent.Request{{Message: &agent.Request_Begin{Begin: &agent.BeginBatch{Name: "m", Tags: tags, Size: int64(len(values))}}}}
	for i, v := range values {
		p := &agent.Point{Time: int64(i), FieldsDouble: map[string]float64{"v": v}}
		if i%3 == 0 {
			p = &agent.Point{Time: int64(i), FieldsInt: map[string]int64{"v": int64(v)}}
		}
		out = append(out, &agent.Request{Message: &agent.Request_Point{Point: p}})
	}
	out = append(out, &agent.Request{Message: &agent.Request_Point{Point: &agent.Point{FieldsDouble: map[string]float64{"w": 1000}}}})
	return append(out, &agent.Request{Message: &agent.Request_End{End: &agent.EndBatch{Name: "m", Tags: tags, Tmax: 9}}})
}
