package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// TestMain makes the test binary double as the agent, and as a user-defined
// function: it is installed in PATH under their names, so nothing is built twice.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"telegraf-tigk": main, "mirror": mirror})
}

// TestScripts runs the command line, one script per behaviour.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		Cmds:          tickScriptCommands(),
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TELEGRAF_VERSION", hostVersion)
			return nil
		},
	})
}

func TestHostVersionIsKnown(t *testing.T) {
	require.Regexp(t, `^\d+\.\d+\.\d+$`, hostVersion)
}
