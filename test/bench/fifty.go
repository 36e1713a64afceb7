//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// This file measures what fifty rules cost the agent of a host.

const agentConf = `
[agent]
  interval = "10s"
  flush_interval = "10s"
  omit_hostname = false
[[inputs.cpu]]
  percpu = true
  totalcpu = true
[[inputs.mem]]
[[inputs.swap]]
[[inputs.system]]
[[inputs.processes]]
[[inputs.kernel]]
[[inputs.disk]]
[[inputs.diskio]]
[[inputs.net]]
[[outputs.discard]]
`

// hostRules are five kinds of rules; each is there ten times, with other thresholds. None goes off.
var hostRules = []string{
	`stream|from().measurement('cpu').where(lambda: "cpu" == 'cpu-total').groupBy('host')|window().period(5m).every(10s)|mean('usage_idle')|alert().crit(lambda: "mean" < -%d.0).stateChangesOnly()`,
	`stream|from().measurement('mem').groupBy('host')|alert().warn(lambda: "used_percent" > 10%d.0).crit(lambda: "used_percent" > 200.0).stateChangesOnly()`,
	`stream|from().measurement('disk').groupBy('host', 'path')|alert().crit(lambda: "used_percent" > 10%d.0).stateChangesOnly()`,
	`stream|from().measurement('net').groupBy('host', 'interface')|derivative('bytes_recv').unit(1s).nonNegative().as('rate')|alert().crit(lambda: "rate" > 1%d000000000.0).stateChangesOnly()`,
	`stream|from().measurement('system').groupBy('host')|stateDuration(lambda: "load1" > 4.0).unit(1m)|alert().crit(lambda: "state_duration" > 10%d.0).stateChangesOnly()`,
}

func (b *bench) fiftyTable() error {
	rules := filepath.Join(b.dir, "tick.d")
	if err := os.MkdirAll(rules, 0o750); err != nil {
		return err
	}
	for i, r := range hostRules {
		for k := range 10 {
			if err := os.WriteFile(filepath.Join(rules, fmt.Sprintf("rule%d%d.tick", i, k)), fmt.Appendf(nil, r, k), 0o600); err != nil {
				return err
			}
		}
	}
	withRules := agentConf + "[[processors.tick]]\n  scripts = [\"" + rules + "\"]\n"
	// Both run at once: what the machine does besides concerns both.
	bare, err := b.agent("bare.conf", agentConf)
	if err != nil {
		return err
	}
	defer bare.stop()
	ours, err := b.agent("rules.conf", withRules)
	if err != nil {
		return err
	}
	defer ours.stop()
	const warm = 25 * time.Second // two collections
	time.Sleep(warm)
	bareCPU, oursCPU := bare.cpu(), ours.cpu()
	time.Sleep(b.duration)
	bareCPU, oursCPU = bare.cpu()-bareCPU, ours.cpu()-oursCPU
	percent := func(d time.Duration) float64 { return 100 * d.Seconds() / b.duration.Seconds() }
	fmt.Println("| | CPU, % of a core | resident memory | peak |")
	fmt.Println("| --- | ---: | ---: | ---: |")
	fmt.Printf("| bare agent | %.3f | %.1f MB | %.1f MB |\n", percent(bareCPU), bare.memory("VmRSS"), bare.memory("VmHWM"))
	fmt.Printf("| with fifty rules | %.3f | %.1f MB | %.1f MB |\n", percent(oursCPU), ours.memory("VmRSS"), ours.memory("VmHWM"))
	fmt.Printf("| difference (wanted: 0.05, 8 MB) | %.3f | %.1f MB | %.1f MB |\n", percent(oursCPU-bareCPU),
		ours.memory("VmRSS")-bare.memory("VmRSS"), ours.memory("VmHWM")-bare.memory("VmHWM"))
	return nil
}

// An agent is a running one.
type agent struct{ *exec.Cmd }

func (b *bench) agent(name, conf string) (*agent, error) {
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		return nil, err
	}
	c := exec.Command(b.bin, "--config", path)
	log, err := os.Create(path + ".log")
	if err != nil {
		return nil, err
	}
	c.Stdout, c.Stderr = log, log
	return &agent{c}, c.Start()
}

func (a *agent) stop() {
	_ = a.Process.Signal(syscall.SIGTERM)
	_ = a.Wait()
}

// cpu returns the CPU time of all threads to the nanosecond.
func (a *agent) cpu() (sum time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", a.Process.Pid))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		ran, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseInt(ran, 10, 64)
		sum += time.Duration(n)
	}
	return sum
}

// memory returns a line of the process's status in megabytes.
func (a *agent) memory(key string) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.Process.Pid))
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, key+":"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(v)[0], 64)
			return kb / 1024
		}
	}
	return 0
}
