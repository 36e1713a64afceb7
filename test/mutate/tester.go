//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// An outcome is what has become of a mutant.
type outcome int

const (
	killed   outcome = iota
	late             // killed because its tests took too long
	survived         //
	invalid          // it does not compile
	outcomes
)

// limitFlag makes this program one that runs a test binary in little memory: a mutant may allocate for ever.
const limitFlag = "-in-little-memory"

const memory = 6 << 30 // address space; a race detector would need more

// limited replaces the process by the program.
func limited(program []string) error {
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: memory, Max: memory}); err != nil {
		return err
	}
	return syscall.Exec(program[0], program, os.Environ())
}

// A tester runs tests.
type tester struct {
	self, root string
	timeouts   map[string]time.Duration // of the packages
}

// newTester measures how long the tests of the packages concerned take without a fault; they must pass.
func newTester(ctx context.Context, all []*mutant) (*tester, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	t := &tester{self: self, root: root, timeouts: map[string]time.Duration{}}
	for _, m := range all {
		for _, name := range m.tests {
			if t.timeouts[name] != 0 {
				continue
			}
			t.timeouts[name] = 10 * time.Minute
			start := time.Now()
			if out, err := t.goTest(ctx, name, ""); err != nil {
				return nil, fmt.Errorf("the tests of %s fail without a fault: %w\n%s", name, err, out)
			}
			t.timeouts[name] = max(20*time.Second, 10*time.Since(start))
		}
	}
	return t, nil
}

// goTest runs the tests of a package, with some files replaced.
func (t *tester) goTest(ctx context.Context, name, overlay string) (string, error) {
	args := []string{"test", "-count=1", "-vet=off", "-failfast", "-short", "-timeout", t.timeouts[name].String(), "-exec", t.self + " " + limitFlag}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	// The timeout above is that of the tests; building them, and a binary that is deaf, get a minute more.
	ctx, cancel := context.WithTimeout(ctx, t.timeouts[name]+time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append(args, "./internal/"+name)...)
	cmd.Env = append(os.Environ(), "GOMEMLIMIT=2GiB")
	cmd.Dir = t.root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var (
	notBuilt = regexp.MustCompile(`(?m)^FAIL\t.*\[(build|setup) failed\]$`)
	tooLong  = regexp.MustCompile(`(?m)^panic: test timed out|^SIGQUIT`)
)

// test says what becomes of a mutant.
func (t *tester) test(ctx context.Context, m *mutant) (outcome, error) {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	mutated, overlay := filepath.Join(dir, "mutated.go"), filepath.Join(dir, "overlay.json")
	original := filepath.Join(t.root, m.file)
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{original: mutated}})
	if err != nil {
		return 0, err
	}
	if err := errors.Join(os.WriteFile(mutated, m.mutated(), 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return 0, err
	}
	for _, name := range m.tests {
		out, err := t.goTest(ctx, name, overlay)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case notBuilt.MatchString(out):
			return invalid, nil
		case tooLong.MatchString(out) || out == "":
			return late, nil
		default:
			return killed, nil
		}
	}
	return survived, nil
}
