//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The mutants of a line are those that the comment at its end tells, as the tree is walked.
func TestMutants(t *testing.T) {
	const text = `package p

import "fmt" //

const n = 3 // (3+1)

func f(a, b int, ok bool) (int, error) {
	x := make([]int, 1, 2) // make([]int, (1+1), 2)
	m := make(map[int]int, 7) //
	if ok { // if !(ok); delete the if
		x[0]++ // x[0]--; delete; x[(0+1)]
		return 0, nil // (0+1)
	}
	if a < b { // delete the if; a <= b; a >= b
		m[a] = b // delete
	}
	for i := range x { // delete the for
		if i == 2 && !ok { // if !(i == 2 && !ok); delete the if; ||; !=; (2+1); && ok
			continue // break
		}
		fmt.Println(a-b, -a) // delete; a+b; , a)
	}
	for a > 1 { // false; a >= 1; a <= 1; (1+1)
		a -= 1.5 // a += 1.5; delete; (1.5+1)
	}
	b = -1 // delete; = 1
	defer f(a, b, true) // delete; false
	return a + b, fmt.Errorf("x") // *new(int); *new(error); a - b
}

func g(x []string) bool { return len(x) > 0 } // !(len(x) > 0); >=; <=; (0+1)
`
	found, err := mutantsOf("p.go", []byte(text))
	require.NoError(t, err)
	byLine := map[int][]*mutant{}
	for _, m := range found {
		byLine[m.line] = append(byLine[m.line], m)
	}
	for i, line := range strings.Split(text, "\n") {
		_, want, ok := strings.Cut(line, "//")
		if !ok {
			require.Empty(t, byLine[i+1], line)
			continue
		}
		var wants []string
		if want = strings.TrimSpace(want); want != "" {
			wants = strings.Split(want, "; ")
		}
		require.Len(t, byLine[i+1], len(wants), "%s: %v", line, byLine[i+1])
		for j, m := range byLine[i+1] {
			mutated := strings.Split(string(m.mutated()), "\n")
			if strings.HasPrefix(wants[j], "delete") {
				require.Contains(t, m.String(), "deleted: ", line)
				continue
			}
			require.Contains(t, mutated[i], wants[j], line)
			require.NotEqual(t, line, mutated[i])
		}
	}
}

// What people read of a mutant fits on a line and has its place.
func TestMutantString(t *testing.T) {
	found, err := mutantsOf("a/b.go", []byte("package p\n\nvar long = f(1, `"+strings.Repeat("x\n", 100)+"`)\n"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.True(t, strings.HasPrefix(found[0].String(), "a/b.go:3: f(1, `x x x"), found[0])
	require.NotContains(t, found[0].String(), "\n")
	require.Less(t, len(found[0].String()), 250)
}
