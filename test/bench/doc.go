//go:build linux

// Command bench measures the built agent from outside and prints the tables of docs/performance.md:
//
//	go run ./test/bench -table replay    # 1 000 000 points through six rules, beside hand-written loops
//	go run ./test/bench -table week      # a week of a host, 3.6 million points, through one rule and through many; plain and gzip
//	go run ./test/bench -table rules     # 200 000 points through the rules that Kapacitor was measured with
//	go run ./test/bench -table groups    # 100 000 groups of a windowed mean
//	go run ./test/bench -table tasks     # whole rules, many tasks, several processors
//	go run ./test/bench -table functions # operators and functions of lambdas, aggregates
//	go run ./test/bench -table fifty     # fifty rules on this host's metrics, beside the bare agent; takes a minute
//	go run ./test/bench -table many      # 100, 1 000 and 8 000 rules in the agent, 8 000 metrics a second; takes minutes
//
// Children do the work, since the peak memory of a process counts that of the one which started it.
// CPU times are those of the quickest of several runs, so that what else the machine does shows less.
package main
