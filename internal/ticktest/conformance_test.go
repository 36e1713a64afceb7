package ticktest_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

const vectors = "../../testdata/conformance"

// vectorCount is how many vectors there are. A test that skips one fails.
const vectorCount = 453

// TestConformance runs what Kapacitor was recorded to do, from start to end, and again with the
// task saved and restored in the middle.
func TestConformance(t *testing.T) {
	files, err := ticktest.Vectors(vectors)
	require.NoError(t, err)
	ran := 0
	for _, file := range files {
		v, err := ticktest.LoadVector(file)
		require.NoError(t, err)
		if v == nil {
			require.True(t, strings.HasPrefix(filepath.Base(file), "fmt-"), "%s has no script", file)
			ran++ // internal/syntax runs it
			continue
		}
		ran++
		t.Run(v.Name, func(t *testing.T) {
			got, err := v.Replay()
			require.NoError(t, err)
			require.Empty(t, v.Compare(got))

			lines := bytes.Count(v.Data, []byte("\n"))
			for _, n := range []int{1, lines / 3, lines / 2, lines - 1} {
				if n < 1 {
					continue
				}
				got, _, err := v.ReplaySaved(n)
				require.NoError(t, err)
				require.Empty(t, v.Compare(got), "saved after item %d", n)
			}
		})
	}
	require.Equal(t, vectorCount, ran)
}

// TestPrograms loads one parsed program again and again: loading changes nothing in it.
func TestPrograms(t *testing.T) {
	files, err := ticktest.Vectors(vectors)
	require.NoError(t, err)
	for _, file := range files {
		v, err := ticktest.LoadVector(file)
		require.NoError(t, err)
		if v == nil || strings.HasPrefix(v.Name, "reject-") {
			continue
		}
		prog, err := syntax.Parse("", v.Script)
		require.NoError(t, err, v.Name)
		text := syntax.Format(prog)
		cfg := task.Config{Name: v.Name, Script: "no script", Program: prog}
		_, err = task.Check(cfg)
		require.NoError(t, err, v.Name)
		first, err := task.Load(cfg)
		require.NoError(t, err, v.Name)
		require.NoError(t, first.Start(0))
		second, err := task.Load(cfg)
		require.NoError(t, err, v.Name)
		require.True(t, second.Continues(first), v.Name)
		require.Equal(t, text, syntax.Format(prog), v.Name)
	}
}
