package udf

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// TestRequests compares requests with their bytes.
func TestRequests(t *testing.T) {
	g := &point.Group{ID: "h=a", Dims: []string{"h"}, Tags: []point.Tag{{Key: "h", Value: "a"}}}
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"info", AppendInfo(nil), `02 0a 00`},
		{"snapshot", AppendSnapshot(nil), `02 22 00`},
		{"keepalive", AppendKeepalive(nil, 300), `05 1a 03 08 ac 02`},
		{"restore", AppendRestore(nil, []byte("state")), `09 2a 07 0a 05 "state"`},
		{"restore nothing", AppendRestore(nil, nil), `02 2a 00`},
		{"init", AppendInit(nil, &Init{
			Task: "t", Node: "mirror2",
			Options: []Option{{Name: "mix", Values: []point.Value{
				point.BoolValue(true), point.BoolValue(false), point.IntValue(1), point.FloatValue(2.5), point.StringValue("x"), point.DurationValue(10 * time.Second),
			}}},
		}), `[12 [` +
			`0a [0a [ "mix" ]` +
			`12 [10 01]` +
			`12 [10 00]` +
			`12 [08 01 18 01]` +
			`12 [08 02 21 00 00 00 00 00 00 04 40]` +
			`12 [08 03 2a [ "x" ]]` +
			`12 [08 04 30 80 c8 af a0 25]]` +
			`12 [ "t" ] 1a [ "mirror2" ]]]`},
		{"point", AppendPoint(nil, &point.Point{
			Name: "m", DB: "db", RP: "rp", Time: 1, Group: g, Tags: []point.Tag{{Key: "h", Value: "a"}, {Key: "i", Value: ""}},
			Fields: []point.Field{
				{Key: "b", Value: point.BoolValue(true)},
				{Key: "d", Value: point.FloatValue(1)},
				{Key: "gone", Value: point.NullValue()},
				{Key: "i", Value: point.IntValue(-1)},
				{Key: "s", Value: point.StringValue("é")},
				{Key: "t", Value: point.TimeValue(9)},
			},
		}), `[8a 01 [` +
			`08 01 12 [ "m" ] 1a [ "db" ] 22 [ "rp" ] 2a [ "h=a" ] 32 [ "h" ]` +
			`3a [0a [ "h" ] 12 [ "a" ]]` +
			`3a [0a [ "i" ] 12 []]` +
			`42 [0a [ "d" ] 11 00 00 00 00 00 00 f0 3f]` +
			`4a [0a [ "i" ] 10 ff ff ff ff ff ff ff ff ff 01]` +
			`52 [0a [ "s" ] 12 [c3 a9]]` +
			`62 [0a [ "b" ] 10 01]]]`},
		{"point by name", AppendPoint(nil, &point.Point{Name: "m", Group: &point.Group{ID: "m", ByName: true}}), `0b 8a 01 08 12 01 "m" 2a 01 "m" 58 01`},
		{"point of nothing", AppendPoint(nil, &point.Point{}), `03 8a 01 00`},
		{"not UTF-8", AppendPoint(nil, &point.Point{Name: "\xff"}), `08 8a 01 05 12 03 ef bf bd`},
		{"batch", AppendBatch(nil, &point.Batch{Name: "m", TMax: 2, Group: g, Points: []point.Point{
			{Time: 1, Tags: g.Tags, Fields: []point.Field{{Key: "v", Value: point.IntValue(3)}}},
		}}), `[82 01 [0a [ "m" ] 12 [ "h=a" ] 1a [0a [ "h" ] 12 [ "a" ]] 20 01]]` +
			`[8a 01 [08 01 2a [ "h=a" ] 3a [0a [ "h" ] 12 [ "a" ]] 4a [0a [ "v" ] 10 03]]]` +
			`[92 01 [0a [ "m" ] 12 [ "h=a" ] 18 02 22 [0a [ "h" ] 12 [ "a" ]]]]`},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, raw(t, c.want), c.got) })
	}
}

// TestAppendBehind checks that what is in the buffer already stays.
func TestAppendBehind(t *testing.T) {
	p := &point.Point{Name: "m", Tags: []point.Tag{{Key: "k", Value: strings.Repeat("v", 300)}}}
	one := AppendPoint(nil, p)
	require.Equal(t, append(append([]byte("before"), one...), one...), AppendPoint(AppendPoint([]byte("before"), p), p))
}

func TestUnfit(t *testing.T) {
	ok := point.Field{Key: "a", Value: point.NullValue()}
	require.Equal(t, -1, Unfit([]point.Field{ok}))
	require.Equal(t, 1, Unfit([]point.Field{ok, {Key: "b", Value: point.DurationValue(1)}}))
	require.Equal(t, 1, Unfit([]point.Field{ok, {Key: "b", Value: point.TimeValue(1)}}))
}

func TestEncodeAllocates(t *testing.T) {
	p, b := samplePoint(), make([]byte, 0, 4096)
	x := &point.Batch{Name: "m", Group: p.Group, Points: []point.Point{*p, *p}}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		b = AppendPoint(b[:0], p)
		b = AppendBatch(b[:0], x)
		b = AppendKeepalive(b[:0], 1)
	}))
}

func samplePoint() *point.Point {
	tags := []point.Tag{{Key: "cpu", Value: "cpu-total"}, {Key: "dc", Value: "eu-west-1"}, {Key: "host", Value: "web-0042.example.com"}}
	return &point.Point{
		Name: "cpu", DB: "telegraf", RP: "autogen", Time: 1_700_000_000_000_000_000, Tags: tags,
		Group: &point.Group{ID: "host=web-0042.example.com", Dims: []string{"host"}, Tags: tags[2:]},
		Fields: []point.Field{
			{Key: "n", Value: point.IntValue(17)},
			{Key: "state", Value: point.StringValue("running")},
			{Key: "up", Value: point.BoolValue(true)},
			{Key: "usage_idle", Value: point.FloatValue(97.25)},
			{Key: "usage_system", Value: point.FloatValue(1.5)},
			{Key: "usage_user", Value: point.FloatValue(1.25)},
		},
	}
}

func BenchmarkAppendPoint(b *testing.B) {
	p := samplePoint()
	buf := AppendPoint(nil, p)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendPoint(buf[:0], p)
	}
}

func BenchmarkAppendBatch(b *testing.B) {
	p := samplePoint()
	x := &point.Batch{Name: p.Name, Group: p.Group}
	for range 100 {
		x.Points = append(x.Points, *p)
	}
	buf := AppendBatch(nil, x)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendBatch(buf[:0], x)
	}
}
