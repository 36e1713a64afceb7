package node_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCombine(t *testing.T) {
	const from = "stream|from().measurement('m').groupBy('g')"
	const in = "m,s=l v=1 0s\nm,s=x v=2 0s\nm,s=y v=3 0s\nm,s=l v=4 1s"
	requireCases(t, []scriptCase{
		{"pairs", from + "|combine(lambda: \"s\" == 'l', lambda: TRUE).as('l', 'o')", in, "m,l.s=l,o.s=x l.v=1,o.v=2 0s\nm,l.s=l,o.s=y l.v=1,o.v=3 0s"},
		{"the order does not matter", from + "|combine(lambda: TRUE, lambda: \"s\" == 'l').as('o', 'l')", "m,s=x v=2 0s\nm,s=l v=1 0s\nm,s=l v=4 1s", "m,l.s=l,o.s=x l.v=1,o.v=2 0s"},
		{"delimiter and group tags", from + "|combine(lambda: \"v\" < 2, lambda: TRUE).as('z', 'a').delimiter('_')", "m,g=1,s=l v=1,w=5 0s\nm,g=1,s=x v=2 0s\nm,g=1 v=3 1s", "m,a_s=x,g=1,z_s=l a_v=2,z_v=1,z_w=5 0s"},
		{"tolerance", from + "|combine(lambda: TRUE, lambda: TRUE).as('x', 'y').tolerance(2s)", "m v=1 1s\nm v=2 2s\nm v=3 3s", "m x.v=1,y.v=2 2s"},
		{"too few points", from + "|combine(lambda: TRUE, lambda: TRUE, lambda: TRUE).as('x', 'y', 'z')", "m v=1 0s\nm v=2 0s\nm v=3 1s", ""},
		{"just one expression", from + "|combine(lambda: \"v\" > 1).as('x')", "m v=1 0s\nm v=2 0s\nm v=3 1s", "m x.v=2 0s"},
		{"batch", from + "|window().periodCount(4).everyCount(4)|combine(lambda: \"s\" == 'l', lambda: TRUE).as('l', 'o')", "m,s=l v=1 0s\nm,s=x v=2 0s\nm,s=l v=3 1s\nm,s=y v=4 1s", "m,l.s=l,o.s=x l.v=1,o.v=2 0s\nm,l.s=l,o.s=y l.v=3,o.v=4 1s"},
		{"stateful", from + "|combine(lambda: count() > 1, lambda: TRUE).as('x', 'y')", "m v=1 0s\nm v=2 0s\nm v=3 1s\nm v=4 1s\nm v=5 2s", "m x.v=2,y.v=1 0s\nm x.v=3,y.v=4 1s"},
		{"max", from + "|combine(lambda: TRUE, lambda: TRUE).as('x', 'y').max(1)", "m v=1 0s\nm v=2 0s\nm v=3 0s\nm v=4 0s\nm v=5 1s\nm v=6 2s", "failed refusing to perform combination as total combinations 6 exceeds max combinations 1"},
	})
}

// All combinations, in lexicographic order.
func TestCombineOrder(t *testing.T) {
	script := "stream|from().measurement('m')|combine(lambda: TRUE, lambda: TRUE, lambda: TRUE).as('a', 'b', 'c')|influxDBOut()"
	var in strings.Builder
	var want []string
	for i := range 6 {
		fmt.Fprintf(&in, "m v=%di 0s\n", i)
		for j := i + 1; j < 6; j++ {
			for k := j + 1; k < 6; k++ {
				want = append(want, fmt.Sprintf("m a.v=%di,b.v=%di,c.v=%di 0s", i, j, k))
			}
		}
	}
	in.WriteString("m v=9i 1s\n")
	require.Equal(t, want, play(t, script, in.String(), 4))
}

func TestCombineRejected(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"combine(lambda: TRUE)", "as is required: it names a prefix for each expression"},
		{"combine(lambda: TRUE, lambda: TRUE).as('x')", "as names 1 prefixes, want one for each of the 2 expressions"},
		{"combine(lambda: TRUE).as('')", "a prefix must not be empty"},
		{"combine(lambda: TRUE).as('x.y')", "it contains the delimiter"},
		{"combine(lambda: TRUE, lambda: TRUE).as('x', 'x')", "the prefix x stands there twice"},
		{"combine(lambda: TRUE).as('x').tolerance(-1s)", "tolerance must not be negative"},
	} {
		requireRejected(t, "stream|from().measurement('m')|"+c.script, c.want)
	}
}
