//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// This file makes tables of the benchmarks beside the code.

// functionsTable shows the cost of the operators and functions of lambdas and of the aggregates.
func (b *bench) functionsTable() error {
	return b.goTest("^Benchmark(Bool|Functions|Sliding)$", "./internal/lambda", "./internal/agg")
}

// tasksTable shows the cost of a point in whole rules, and what many tasks and several processors do.
func (b *bench) tasksTable() error {
	return b.goTest("^Benchmark(Rule|Tick|Add|Tasks|Start1000|Parallel|Awake)$", "./internal/task", "./internal/engine", "./plugins/processors/tick")
}

// goTest runs benchmarks and prints the quickest run of each.
func (b *bench) goTest(pattern string, packages ...string) error {
	args := slices.Concat([]string{"test", "-run", "^$", "-bench", pattern, "-benchmem", "-benchtime", "200ms", "-count", strconv.Itoa(b.runs)}, packages)
	c := exec.Command("go", args...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return err
	}
	var names []string
	best, allocs := map[string]float64{}, map[string]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 4 || f[3] != "ns/op" {
			continue
		}
		name := strings.TrimPrefix(f[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i]
		}
		ns, _ := strconv.ParseFloat(f[2], 64)
		if old, ok := best[name]; !ok {
			names = append(names, name)
			best[name] = ns
		} else {
			best[name] = min(old, ns)
		}
		allocs[name] = f[len(f)-2]
	}
	fmt.Println("| benchmark | ns | allocations |\n| --- | ---: | ---: |")
	for _, name := range names {
		fmt.Printf("| %s | %s | %s |\n", name, strconv.FormatFloat(best[name], 'f', precision(best[name]), 64), allocs[name])
	}
	return nil
}

// precision returns the decimals that a number of nanoseconds is worth.
func precision(ns float64) int {
	if ns < 100 {
		return 1
	}
	return 0
}
