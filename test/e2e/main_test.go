//go:build unix

// Package e2e tests the agent as users run it: the binary as make builds it, with its own process,
// configuration and sockets, against real receivers. What is wrong with the parts is found by their
// own tests; this package finds what is wrong between them.
//
// No test sleeps for a fixed time. Each waits for what must happen, for a bounded time, and the cases
// run side by side.
//
// E2E_BINARY names a binary to be tested instead of a new one, E2E_KILLS how often TestKill kills it.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

var (
	agentBinary string
	root        string // of the repository
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	_, file, _, _ := runtime.Caller(0)
	root = filepath.Dir(filepath.Dir(filepath.Dir(file)))
	if !filepath.IsAbs(root) { // -trimpath
		wd, err := os.Getwd()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		root = filepath.Dir(filepath.Dir(wd))
	}
	if agentBinary = os.Getenv("E2E_BINARY"); agentBinary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "telegraf-tigk-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	agentBinary = filepath.Join(dir, "telegraf-tigk")
	if err := build(agentBinary); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build makes the binary with the flags of the Makefile, so that both share what is compiled.
func build(out string) error {
	version, err := command("go", "list", "-m", "-f", "{{.Version}}", "github.com/influxdata/telegraf")
	if err != nil {
		return err
	}
	ldflags := "-s -w -X github.com/influxdata/telegraf/internal.Version=" + strings.TrimPrefix(strings.TrimSpace(version), "v")
	begin := time.Now()
	if _, err := command("go", "build", "-trimpath", "-ldflags", ldflags, "-o", out, "./cmd/telegraf-tigk"); err != nil {
		return err
	}
	fmt.Printf("built the agent in %.1fs\n", time.Since(begin).Seconds())
	return nil
}

func command(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return string(out), nil
}
