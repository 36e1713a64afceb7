package point_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

var t0 = time.Date(2024, 1, 1, 0, 0, 1, 500_000_000, time.UTC).UnixNano()

func TestAppendPointRow(t *testing.T) {
	p := &point.Point{
		Name: "m", Time: t0, Tags: []point.Tag{{Key: "app", Value: "<q>"}, {Key: "h", Value: "a"}},
		Fields: []point.Field{
			{Key: "b", Value: point.BoolValue(true)},
			{Key: "d", Value: point.DurationValue(time.Second)},
			{Key: "f", Value: point.FloatValue(18.4)},
			{Key: "i", Value: point.IntValue(-3)},
			{Key: "n", Value: point.NullValue()},
			{Key: "s", Value: point.StringValue("té\"x\"")},
		},
	}
	got, err := point.AppendPointRow(nil, p)
	require.NoError(t, err)
	require.Equal(t, `{"name":"m","tags":{"app":"\u003cq\u003e","h":"a"},"columns":["time","b","d","f","i","n","s"],`+
		`"values":[["2024-01-01T00:00:01.5Z",true,1000000000,18.4,-3,null,"té\"x\""]]}`, string(got))

	for _, f := range []float64{math.NaN(), math.Inf(1)} {
		p = &point.Point{Time: t0, Fields: []point.Field{{Key: "x", Value: point.FloatValue(f)}}}
		got, err = point.AppendPointRow(nil, p)
		require.ErrorContains(t, err, "field x: ")
		require.Equal(t, `{"columns":["time","x"],"values":[["2024-01-01T00:00:01.5Z",null]]}`, string(got), "complete all the same")
	}
}

func TestAppendBatchRow(t *testing.T) {
	var groups point.Groups
	tags := []point.Tag{{Key: "h", Value: "a"}, {Key: "q", Value: "z"}}
	b := &point.Batch{Name: "m", Group: groups.Get("m", tags, []string{"h"}, false)}
	got, err := point.AppendBatchRow(nil, b)
	require.NoError(t, err)
	require.Equal(t, `{"name":"m","tags":{"h":"a"}}`, string(got))

	field := func(k string, i int64) point.Field { return point.Field{Key: k, Value: point.IntValue(i)} }
	b.Points = []point.Point{
		{Time: t0, Tags: tags, Fields: []point.Field{field("a", 1), field("v", 5)}},
		{Time: t0, Tags: tags[:1], Fields: []point.Field{field("b", 9), field("v", 6)}},
		{Time: t0, Tags: tags[:1], Fields: []point.Field{field("a", 2), field("q", 7)}},
	}
	got, err = point.AppendBatchRow(nil, b)
	require.NoError(t, err)
	const ts = `"2024-01-01T00:00:01.5Z"`
	require.Equal(t, `{"name":"m","tags":{"h":"a"},"columns":["time","a","q","v"],"values":[[`+
		ts+`,1,"z",5],[`+ts+`,null,null,6],[`+ts+`,2,7,null]]}`, string(got))
}

func TestAppendSeries(t *testing.T) {
	require.Equal(t, `{"series":null}`, string(point.AppendSeries(nil)))
	require.Equal(t, `{"series":[{},{}]}`, string(point.AppendSeries(nil, []byte("{}"), []byte("{}"))))
}

// The encoders agree with encoding/json.
func FuzzAppendJSON(f *testing.F) {
	f.Add("plain", 1.0)
	f.Add("<a href=\"x\">&amp;\b\f\n\r\t\x00\x1f\x7f\\\u2028\u2029\xff\xc3(é", 1e-7)
	for _, x := range []float64{0, math.Copysign(0, -1), 1e21, 1e20, 1e-6, 9.9e-7, 1e-10, 1e100, -1e-9, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		f.Add("", x)
	}
	f.Fuzz(func(t *testing.T, s string, x float64) {
		want, err := json.Marshal(s)
		require.NoError(t, err)
		require.Equal(t, string(want), string(point.AppendJSONString(nil, s)))
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return
		}
		want, err = json.Marshal(x)
		require.NoError(t, err)
		got, ok := point.AppendJSONValue(nil, point.FloatValue(x))
		require.True(t, ok)
		require.Equal(t, string(want), string(got))
	})
}

func TestAppendLine(t *testing.T) {
	tag := func(k, v string) point.Tag { return point.Tag{Key: k, Value: v} }
	field := func(k string, v point.Value) point.Field { return point.Field{Key: k, Value: v} }
	for _, c := range []struct {
		name string
		p    point.Point
		want string
	}{
		{"escapes", point.Point{
			Name: "ty pe,s", Tags: []point.Tag{tag("a b", "c=d,e"), tag("z", "")}, Time: 7,
			Fields: []point.Field{
				field("b", point.BoolValue(true)), field("big", point.FloatValue(1.2345678901234568e+20)),
				field("i", point.IntValue(-5)), field("inf", point.FloatValue(math.Inf(1))), field("nan", point.FloatValue(math.NaN())),
				field("s", point.StringValue("line \"q\" \\\nend")), field("tiny", point.FloatValue(1e-9)), field("two i", point.IntValue(-10)),
			},
		}, `ty\ pe\,s,a\ b=c\=d\,e b=true,big=123456789012345680000,i=-5i,inf=+Inf,nan=NaN,s="line \"q\" \\` + "\n" + `end",tiny=0.000000001,two\ i=-10i 7`},
		{"duration", point.Point{Name: "m", Fields: []point.Field{field("d", point.DurationValue(90*time.Second))}, Time: -1}, `m d="1m30s" -1`},
		{"null", point.Point{Name: "m", Fields: []point.Field{field("a", point.NullValue()), field("b", point.IntValue(1))}}, `m b=1i 0`},
		{"no second line", point.Point{Name: "m\nx\\", Tags: []point.Tag{tag("t", "a\r\nb\\\\")}, Fields: []point.Field{field("b", point.IntValue(1))}}, `m\nx,t=a\r\nb b=1i 0`},
		{"= in the name", point.Point{Name: "a=b", Fields: []point.Field{field("b=c", point.IntValue(1))}}, `a=b b\=c=1i 0`},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, string(point.AppendLine(nil, &c.p))) })
	}
}
