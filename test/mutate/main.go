//go:build linux

// Mutate plants random faults into the pure core and tells which of them no test finds.
//
//	go run ./test/mutate -n 300 -seed 1
//
// A mutant is the core with one small change: a condition negated, a boundary moved by one, a statement
// deleted (sites.go). It is compiled by means of go's -overlay, so no file is touched, and counts as killed if
// a test of its package fails or takes ten times as long as usual. If all pass, the packages that test it from
// outside have a try: above all internal/ticktest, whose vectors are the tests of much of the core. Changes
// that do not compile do not count.
//
// A mutant that survives is printed with its place and the change. Some mutants do the same as the original
// (the capacity of a buffer, a shortcut that saves time), so not all can be killed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// core are the packages that are mutated, each with those that test it besides itself.
var core = []struct {
	name  string
	tests []string
}{
	{"syntax", []string{"task", "ticktest"}},
	{"point", []string{"lambda", "node", "ticktest"}},
	{"lambda", []string{"ticktest"}},
	{"agg", []string{"node", "ticktest"}},
	{"window", []string{"node", "ticktest"}},
	{"alert", []string{"node", "ticktest"}},
	{"spec", []string{"task", "ticktest"}},
	{"node", []string{"ticktest", "task"}},
	{"task", []string{"node", "ticktest"}},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == limitFlag {
		fmt.Fprintln(os.Stderr, "mutate:", limited(os.Args[2:]))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	n := flag.Int("n", 300, "number of mutants")
	seed := flag.Uint64("seed", 1, "of the choice")
	parallel := flag.Int("p", 1, "mutants tested at one time")
	only := flag.String("pkg", "", "packages to mutate, separated by commas, instead of all")
	match := flag.String("match", "", "mutate only what has this text in \"file:line: change\", and all of that")
	list := flag.Bool("list", false, "list the mutants and test none")
	aim := flag.Float64("aim", 95, "percentage that must be killed")
	flag.Parse()

	var all []*mutant
	for _, c := range core {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), c.name) {
			continue
		}
		found, err := findMutants("internal/" + c.name)
		if err != nil {
			return err
		}
		for _, m := range found {
			m.tests = append([]string{c.name}, c.tests...)
			if strings.Contains(m.String(), *match) {
				all = append(all, m)
			}
		}
	}
	if len(all) == 0 {
		return errors.New("there is nothing to mutate: run it in the root of the project, with names like agg")
	}
	if *match != "" {
		*n = len(all)
	} else {
		rand.New(rand.NewPCG(*seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	if *list {
		for _, m := range all[:min(*n, len(all))] {
			fmt.Println(m)
		}
		return nil
	}
	fmt.Fprintf(os.Stderr, "%d places to mutate; seed %d\n", len(all), *seed)
	t, err := newTester(ctx, all)
	if err != nil {
		return err
	}
	return t.testAll(ctx, all, *n, *parallel, *aim)
}

// testAll tests mutants until n have been killed or have survived.
func (t *tester) testAll(ctx context.Context, all []*mutant, n, parallel int, aim float64) error {
	var (
		mu     sync.Mutex
		next   int
		count  [outcomes]int
		start  = time.Now()
		failed error
		wg     sync.WaitGroup
	)
	done := func() int { return count[killed] + count[late] + count[survived] }
	take := func() *mutant {
		mu.Lock()
		defer mu.Unlock()
		if failed != nil || next == len(all) || next-count[invalid] >= n {
			return nil
		}
		next++
		return all[next-1]
	}
	for range max(1, parallel) {
		wg.Go(func() {
			for m := take(); m != nil; m = take() {
				got, err := t.test(ctx, m)
				mu.Lock()
				if err != nil {
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
				count[got]++
				if got == survived {
					fmt.Println(m)
				}
				fmt.Fprintf(os.Stderr, "\r%d of %d, %d survived, %s ", done(), n, count[survived], time.Since(start).Round(time.Second))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	fmt.Fprintln(os.Stderr)
	if failed != nil {
		return failed
	}
	rate := 100 * float64(count[killed]+count[late]) / float64(max(1, done()))
	fmt.Printf("%d of %d killed (%.1f %%), %d of them by a timeout; %d more did not compile\n", count[killed]+count[late], done(), rate, count[late], count[invalid])
	if rate < aim {
		return fmt.Errorf("less than %g %% were killed", aim)
	}
	return nil
}
