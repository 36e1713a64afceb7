package ticktest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

// TestExamples runs the scripts that users copy over the input in their header.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.tick")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			want, got, err := ticktest.RunHeader(string(text))
			require.NoError(t, err)
			require.NotEmpty(t, want)
			require.Equal(t, want, got)

			prog, err := syntax.Parse(file, string(text))
			require.NoError(t, err)
			require.Equal(t, syntax.Format(prog), string(text), "run tick fmt -w")
		})
	}
}
