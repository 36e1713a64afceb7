//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A bench has what all tables need.
type bench struct {
	dir, bin string
	runs     int
	duration time.Duration
	files    map[string]string // of the data sets
}

var tables = map[string]func(*bench) error{
	"replay":    (*bench).replayTable,
	"rules":     (*bench).rulesTable,
	"groups":    (*bench).groupsTable,
	"tasks":     (*bench).tasksTable,
	"functions": (*bench).functionsTable,
	"week":      (*bench).weekTable,
	"fifty":     (*bench).fiftyTable,
	"many":      (*bench).manyTable,
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	table := flag.String("table", "replay,week,rules,groups,tasks,functions", "tables to print: replay, week, rules, groups, tasks, functions, fifty, many")
	bin := flag.String("bin", "bin/telegraf-tigk", "the agent")
	runs := flag.Int("runs", 3, "runs of which the quickest counts")
	duration := flag.Duration("duration", time.Minute, "how long the agents of the table fifty are watched")
	child := flag.String("measure", "", "for internal use: rule to measure in this process")
	data := flag.String("data", "", "for internal use: its data")
	flag.Parse()

	if *child != "" {
		all := slices.Concat(sixRules, kapacitorRules, []rule{manyGroups})
		i := slices.IndexFunc(all, func(r rule) bool { return r.name == *child && (r.data != "small") == (*table != "rules") })
		m, err := measure(&all[i], *data, *runs)
		return errors.Join(err, json.NewEncoder(os.Stdout).Encode(m))
	}

	b := &bench{runs: max(*runs, 1), duration: *duration, files: map[string]string{}}
	var err error
	if b.bin, err = filepath.Abs(*bin); err != nil {
		return err
	}
	if _, err := os.Stat(b.bin); err != nil {
		return fmt.Errorf("%w; make build makes it", err)
	}
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	fmt.Printf("%s, %s, %d runs\n", machine(), runtime.Version(), b.runs)
	for name := range strings.SplitSeq(*table, ",") {
		show := tables[name]
		if show == nil {
			return fmt.Errorf("unknown table %q", name)
		}
		fmt.Printf("\n<!-- go run ./test/bench -table %s -->\n\n", name)
		if err := show(b); err != nil {
			return err
		}
	}
	return nil
}

// machine describes the processor.
func machine() string {
	model := "unknown processor"
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if k, v, _ := strings.Cut(line, ":"); strings.TrimSpace(k) == "model name" {
			model = strings.TrimSpace(v)
			break
		}
	}
	kernel, _ := exec.Command("uname", "-sr").Output()
	return fmt.Sprintf("%d × %s, %s", runtime.NumCPU(), model, strings.TrimSpace(string(kernel)))
}

// file returns the file of a data set.
func (b *bench) file(name string) (string, error) {
	if path := b.files[name]; path != "" {
		return path, nil
	}
	path, err := dataSets[name].write(b.dir, name)
	b.files[name] = path
	return path, err
}

// A result is all that is measured of a rule.
type result struct {
	usage
	reading usage    // of a process that only reads the file
	memory  inMemory // with the points in memory
	points  float64
}

// engine is the CPU time of the process that is not due to reading the file.
func (r *result) engine() time.Duration { return r.cpu - r.reading.cpu }

func (b *bench) result(table string, r *rule) (x result, err error) {
	path, err := b.file(r.data)
	if err != nil {
		return x, err
	}
	x.points = float64(dataSets[r.data].points)
	if x.usage, x.reading, err = b.replayed(r.script, path); err != nil {
		return x, err
	}
	x.memory, err = b.measured(table, r.name, path)
	return x, err
}

func (b *bench) replayTable() error {
	fmt.Println("| rule | points/s | CPU s per 10⁶ points | of it reading | of it engine | peak memory | engine, points in memory | hand-written loop | ratio | bytes a group | allocations a point |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	for i := range sixRules {
		r := &sixRules[i]
		x, err := b.result("replay", r)
		if err != nil {
			return err
		}
		millions := x.points / 1e6
		m := &x.memory
		fmt.Printf("| %s | %.0f | %.2f | %.2f | %.2f | %d MB | %.0f ns | %.0f ns | %.1f | %d | %.3f |\n", r.name,
			x.points/x.wall.Seconds(), x.cpu.Seconds()/millions, x.reading.cpu.Seconds()/millions, x.engine().Seconds()/millions, x.peak>>20,
			float64(m.Engine.Nanoseconds())/x.points, float64(m.Loop.Nanoseconds())/x.points, m.Engine.Seconds()/m.Loop.Seconds(), m.Group, m.Allocs)
	}
	return nil
}

func (b *bench) rulesTable() error {
	fmt.Println("| rule | wanted, µs a point | process less reading | points in memory | reading | peak memory |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: | ---: |")
	for i := range kapacitorRules {
		r := &kapacitorRules[i]
		x, err := b.result("rules", r)
		if err != nil {
			return err
		}
		micros := func(d time.Duration) float64 { return d.Seconds() * 1e6 / x.points }
		fmt.Printf("| %s | %.2f | %.2f | %.2f | %.2f | %d MB |\n", r.name, r.limit, micros(x.engine()), micros(x.memory.Engine), micros(x.reading.cpu), x.peak>>20)
	}
	return nil
}

func (b *bench) groupsTable() error {
	x, err := b.result("groups", &manyGroups)
	if err != nil {
		return err
	}
	path := filepath.Join(b.dir, "one.lp")
	if err := os.WriteFile(path, []byte("m v=1 1\n"), 0o600); err != nil {
		return err
	}
	empty, err := b.replay(nothing, path)
	if err != nil {
		return err
	}
	fmt.Println("| | peak memory | of it its own | bytes a group | CPU s |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: |")
	fmt.Printf("| the process, without data | %d MB | %d MB | | %.2f |\n", empty.peak>>20, empty.own>>20, empty.cpu.Seconds())
	fmt.Printf("| reading the file: 100 000 tag sets | %d MB | %d MB | | %.2f |\n", x.reading.peak>>20, x.reading.own>>20, x.reading.cpu.Seconds())
	fmt.Printf("| %s (wanted: 80 MB) | %d MB | %d MB | %d | %.2f |\n", manyGroups.name, x.peak>>20, x.own>>20, x.memory.Group, x.cpu.Seconds())
	return nil
}
