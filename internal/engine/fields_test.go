package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// TestFields wants the fields of points in random order, of names that come and go, to be as SetField makes them.
func TestFields(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var names []string
	for i := range MaxFields + 200 {
		names = append(names, []string{"", "v", "usage_", "a_long_name_that_differs_in_the_middle_"}[i%4]+fmt.Sprint(i*i)+[]string{"", "_in_all_of_them"}[i%2])
	}
	var f Fields
	var buf []point.Field
	for i := range 3000 {
		var want []point.Field
		type field struct {
			name string
			v    point.Value
		}
		var in []field
		upTo := 1 + i*len(names)/3000
		for range r.IntN(12) {
			x := field{names[r.IntN(upTo)], point.IntValue(r.Int64())}
			in = append(in, x)
			want = point.SetField(want, x.name, x.v)
		}
	again:
		fields := f.Begin(buf)
		for _, x := range in {
			if !f.Set(fields, x.name, x.v) {
				f.Learn(x.name)
				goto again
			}
		}
		fields = f.End(fields)
		require.Equal(t, want, append([]point.Field(nil), fields...))
		require.LessOrEqual(t, len(f.names), MaxFields)
		buf = fields
	}
}
