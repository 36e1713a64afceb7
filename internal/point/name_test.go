package point_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

func TestName(t *testing.T) {
	n := point.NewName("cpu")
	for range 2 { // the name moves to the clone in between
		require.True(t, n.Is(strings.Clone("cpu")))
		require.False(t, n.Is("mem"))
		require.False(t, n.Is("cp"))
		require.False(t, n.Is(""))
	}
	require.Equal(t, "cpu", n.String())
	empty := point.NewName("")
	require.True(t, empty.Is(""))
	require.False(t, empty.Is("cpu"))
}

// TestFieldName compares finding and setting fields in points of changing fields with the plain way.
func TestFieldName(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	keys := []string{"", "a", "aa", "ab", "b", "usage", "usage_idle", "z"}
	for _, key := range keys {
		f := point.NewFieldName(key)
		for i := range 2000 {
			var fields []point.Field
			for _, k := range keys {
				if rnd.IntN(3) > 0 {
					fields = append(fields, point.Field{Key: strings.Clone(k), Value: point.IntValue(int64(i))})
				}
			}
			p := point.Point{Fields: fields}
			if v := f.Of(fields); v == nil {
				require.Equal(t, point.Missing, p.Field(key).Kind)
			} else {
				require.Equal(t, p.Field(key), *v)
			}
			want := point.SetField(append([]point.Field(nil), fields...), key, point.BoolValue(true))
			require.Equal(t, want, f.Set(nil, fields, point.BoolValue(true)))
		}
	}
}
