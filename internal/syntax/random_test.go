package syntax

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Random sequences of tokens bring together neighbours that no one would write.
func TestFormatRandom(t *testing.T) {
	tokens := strings.Fields(`a b f( a.b f() a|f() a( |f( ( ( ) ) ) , , - ! * + / == =~ AND OR 5 1.5 10s 'x' 'it\'s'
		'''y''' "r" /re/ /a\/b/ TRUE [ ] ['a', var var c= dbrp "d"."e" = lambda: (lambda: f(lambda:`)
	tokens = append(tokens, "'p\nq'", "var l = ['x',*]")
	gaps := []string{"", " ", " ", " ", " ", " ", " ", "\n", "\n\n", " // c\n", "\n// d\n// e\n\n", "// f\n/ g\n"}
	random := rand.New(rand.NewPCG(1, 2))
	parsed := 0
	for range 40_000 {
		var b strings.Builder
		for range 1 + random.IntN(10) {
			b.WriteString(tokens[random.IntN(len(tokens))])
			b.WriteString(gaps[random.IntN(len(gaps))])
		}
		src := b.String()
		if open := strings.Count(src, "(") - strings.Count(src, ")"); open > 0 {
			src += strings.Repeat(")", open)
		}
		if _, err := Parse("", src); err != nil {
			continue
		}
		parsed++
		checkFormat(t, src)
	}
	require.Greater(t, parsed, 2000)
}
