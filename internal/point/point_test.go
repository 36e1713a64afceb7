package point_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// TestGrid compares with Go's Truncate and Round, which count from year 1 as well.
func TestGrid(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	steps := []time.Duration{1, 2, 3, 999, time.Microsecond, 7 * time.Second, time.Minute, 24 * time.Hour, 168 * time.Hour, 1<<62 - 1}
	for range 20_000 {
		step := steps[r.IntN(len(steps))]
		if r.IntN(2) == 0 {
			step = time.Duration(1 + r.Int64N(int64(1000*time.Hour)))
		}
		at := r.Int64N(8e18) - 4e18
		g, want := point.NewGrid(step), time.Unix(0, at).UTC()
		if step < 1<<61 { // beyond that the multiples leave the range of int64
			require.Equal(t, want.Truncate(step).UnixNano(), g.Truncate(at), "%d %s", at, step)
			require.Equal(t, want.Round(step).UnixNano(), g.Round(at), "%d %s", at, step)
		}
	}
	for _, none := range []time.Duration{0, -time.Second} {
		require.EqualValues(t, 12345, point.NewGrid(none).Truncate(12345))
		require.EqualValues(t, 12345, point.NewGrid(none).Round(12345))
	}
}

func tagsOf(m map[string]string) []point.Tag {
	var tags []point.Tag
	for _, k := range slices.Sorted(maps.Keys(m)) {
		tags = append(tags, point.Tag{Key: k, Value: m[k]})
	}
	return tags
}

// TestTags changes random tag sets and compares with a map. The input must stay as it is.
func TestTags(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	word := func() string { return string(rune('a' + r.IntN(6))) }
	for range 5000 {
		m := map[string]string{}
		for range r.IntN(6) {
			m[word()] = word()
		}
		tags := tagsOf(m)
		was := slices.Clone(tags)
		k, v := word(), word()

		set := point.SetTag(tags, k, v)
		m[k] = v
		require.Equal(t, tagsOf(m), set)
		require.Equal(t, was, tags)
		got, ok := point.Lookup(set, k)
		require.True(t, ok)
		require.Equal(t, v, got)
	}
	one := []point.Tag{{Key: "a", Value: "1"}}
	require.Same(t, &one[0], &point.SetTag(one, "a", "1")[0], "nothing changes, nothing is copied")
}

// TestFields sets and sorts random fields and compares with a map.
func TestFields(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 5000 {
		m := map[string]int64{}
		var set, list []point.Field
		for range r.IntN(8) {
			k, v := string(rune('a'+r.IntN(6))), r.Int64()
			m[k] = v
			set = point.SetField(set, k, point.IntValue(v))
			list = append(list, point.Field{Key: k, Value: point.IntValue(v)})
		}
		var want []point.Field
		for _, k := range slices.Sorted(maps.Keys(m)) {
			want = append(want, point.Field{Key: k, Value: point.IntValue(m[k])})
		}
		require.Equal(t, want, set)
		require.Equal(t, want, point.SortFields(list))
	}
}

// TestClone wants copies that do not change with the original.
func TestClone(t *testing.T) {
	p := &point.Point{Name: "m", Fields: []point.Field{{Key: "v", Value: point.IntValue(1)}}}
	b := &point.Batch{Name: "m", Points: []point.Point{*p}}
	p2, b2 := p.Clone(), b.Clone()
	p.Fields[0].Value = point.IntValue(2)
	require.EqualValues(t, 1, p2.Field("v").Int())
	require.EqualValues(t, 1, b2.Points[0].Field("v").Int())
}

func TestGroups(t *testing.T) {
	var gs point.Groups
	tags := func(kv ...string) []point.Tag {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return tagsOf(m)
	}
	none := gs.Get("m", tags("a", "1"), nil, false)
	require.Empty(t, none.ID)
	require.Zero(t, gs.Len())

	a := gs.Get("m", tags("a", "1", "z", "2"), []string{"z", "a"}, false)
	require.Equal(t, "z=2,a=1", a.ID)
	require.Equal(t, tags("a", "1", "z", "2"), a.Tags)
	require.Same(t, a, gs.Get("n", tags("a", "1", "b", "x", "z", "2"), []string{"z", "a"}, false))
	require.NotSame(t, a, gs.Get("m", tags("a", "1", "z", "2"), []string{"a", "z"}, false))

	byName := gs.Get("m", tags("a", "1"), []string{"a"}, true)
	require.Equal(t, "m\na=1", byName.ID)
	require.NotSame(t, byName, gs.Get("n", tags("a", "1"), []string{"a"}, true))

	// A tag that is missing and one that is empty are the same; a value that looks like two tags is not.
	require.Same(t, gs.Get("m", nil, []string{"x"}, false), gs.Get("m", tags("x", ""), []string{"x"}, false))
	require.NotSame(t, gs.Get("m", tags("a", "1,b=2"), []string{"a", "b"}, false), gs.Get("m", tags("a", "1", "b", "2,b="), []string{"a", "b"}, false))

	// An index is free again when the last node has released its group.
	n := gs.Len()
	gs.Hold(a)
	gs.Hold(a)
	gs.Release(a)
	require.Equal(t, n, gs.Len())
	gs.Release(a)
	require.Equal(t, n-1, gs.Len())
	again := gs.Get("m", tags("a", "1", "z", "2"), []string{"z", "a"}, false)
	require.NotSame(t, a, again)
	require.Equal(t, a.Index, again.Index)
}

func TestGroupsLimit(t *testing.T) {
	gs := point.Groups{Max: 2}
	get := func(v string) *point.Group {
		return gs.Get("m", []point.Tag{{Key: "h", Value: v}}, []string{"h"}, false)
	}
	require.False(t, get("a").Refused)
	require.False(t, get("b").Refused)
	require.True(t, get("c").Refused)
	require.False(t, get("a").Refused)
	require.False(t, gs.Get("m", nil, nil, false).Refused, "the group of all points does not count")

	gs.Now = 10
	get("b")
	require.Len(t, gs.Idle(10), 1)
	require.Equal(t, "h=a", gs.Idle(10)[0].ID)
	gs.Forget(gs.Idle(10)[0])
	require.False(t, get("d").Refused)
}

// TestInterner wants equal tag sets, in whatever order they come, sorted, and known ones shared.
func TestInterner(t *testing.T) {
	var in point.Interner
	build := func(kv ...string) []point.Tag {
		for i := 0; i < len(kv); i += 2 {
			in.Tag(kv[i], kv[i+1])
		}
		return in.Tags()
	}
	first := build("b", "2", "a", "1")
	require.Equal(t, []point.Tag{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}, first)
	require.Same(t, &first[0], &build("b", "2", "a", "1")[0])
	require.Equal(t, first, build("a", "1", "b", "2"))
	require.Equal(t, []point.Tag{{Key: "a", Value: "3"}}, build("a", "1", "a", "3"), "the last one wins")
	require.Empty(t, build())
	require.Equal(t, []point.Tag{{Key: "a", Value: ""}, {Key: "b", Value: strings.Repeat("x", 300)}}, build("a", "", "b", strings.Repeat("x", 300)))
	require.NotEqual(t, build("a", "b=c"), build("a", "b", "c", ""))

	in.TagBytes([]byte("b"), []byte("2"))
	in.TagBytes([]byte("a"), []byte("1"))
	require.Same(t, &first[0], &in.Tags()[0])

	require.Zero(t, testing.AllocsPerRun(100, func() {
		in.Tag("b", "2")
		in.Tag("a", "1")
		in.Tags()
	}))
	for i := range 1 << 18 { // more than it keeps
		require.Equal(t, fmt.Sprint(i), build("k", fmt.Sprint(i))[0].Value)
	}
}
