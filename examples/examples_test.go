// Package examples_test runs the user-defined functions of the examples.
package examples_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/udf/python/pythontest"
)

// TestPython runs the tests beside the functions in Python.
func TestPython(t *testing.T) {
	for folder, test := range map[string]string{"moving_average": "test_moving_average.py", "printer": "test_ttest.py"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			cmd := pythontest.Command(t, test)
			cmd.Dir = folder
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Regexp(t, `Ran \d+ tests`, string(out))
		})
	}
}
