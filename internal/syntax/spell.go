package syntax

import "strings"

// This file guesses what a misspelt name should be.

// DidYouMean returns "; did you mean window?" for the known name that is most like name, "" if none is
// near. The mark, of a node "|" for example, stands before the known name; a quote also behind it.
func DidYouMean(name, mark string, known []string) string {
	n := Nearest(name, known)
	switch {
	case n == "":
		return ""
	case mark == "'":
		n += mark
	}
	return "; did you mean " + mark + n + "?"
}

// Nearest returns the known name that is most like name, or "" if none is near. Case does not count. Of equally near names it returns the first in alphabetical order, so
// that the order of known does not matter.
func Nearest(name string, known []string) string {
	const longest = 64
	if name == "" || len(name) > longest {
		return ""
	}
	lower := []rune(strings.ToLower(name))
	best, bestDistance := "", (len(lower)+2)/3+1
	for _, k := range known {
		if len(k) > longest {
			continue
		}
		d := editDistance(lower, []rune(strings.ToLower(k)))
		if d < bestDistance || d == bestDistance && best != "" && k < best {
			best, bestDistance = k, d
		}
	}
	return best
}

// editDistance returns how many letters must be inserted, deleted, replaced or swapped with their
// neighbour to make b of a.
func editDistance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
