//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"
)

// This file measures the agent with many rules.

const (
	manyMeasurements = 50
	manyHosts        = 20
	manyRate         = 8000                  // metrics a second
	manyEvery        = 20 * time.Millisecond // they come in so many parts
)

const manyConf = `
[agent]
  interval = "10s"
  flush_interval = "10s"
  metric_buffer_limit = 200000
  logfile = %q
[[inputs.socket_listener]]
  service_address = "unix://%s"
  data_format = "influx"
[[outputs.discard]]
`

// manyTable shows what the agent takes with rules on 50 measurements of 20 hosts, of which 8000 metrics come a
// second: each metric is wanted by a fiftieth of the rules.
func (b *bench) manyTable() error {
	fmt.Println("| rules | metrics/s | CPU, % of a core | of it for the rules | µs an evaluation | anonymous memory | kB a rule | s to the first evaluation |")
	fmt.Println("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	var bare many
	for _, rules := range []int{0, 100, 1000, 8000} {
		m, err := b.many(rules)
		if err != nil {
			return err
		}
		if rules == 0 {
			bare = m
			fmt.Printf("| 0 | %.0f | %.1f | | | %.0f MB | | %.2f |\n", m.rate, m.cpu, m.memory, m.first.Seconds())
			continue
		}
		own := m.cpu - bare.cpu*m.rate/bare.rate
		fmt.Printf("| %d | %.0f | %.1f | %.1f | %.3f | %.0f MB | %.1f | %.2f |\n", rules, m.rate, m.cpu, own,
			own*1e4/(m.rate*float64(rules)/manyMeasurements), m.memory, (m.memory-bare.memory)*1024/float64(rules), m.first.Seconds())
	}
	return nil
}

type many struct {
	cpu    float64 // percent of a core
	rate   float64 // metrics a second that it took
	memory float64 // MB
	first  time.Duration
}

// many runs the agent with so many rules.
func (b *bench) many(rules int) (m many, err error) {
	dir := filepath.Join(b.dir, fmt.Sprint("many", rules))
	scripts, socket, log := filepath.Join(dir, "tick.d"), filepath.Join(dir, "in.sock"), filepath.Join(dir, "log")
	if err := os.MkdirAll(scripts, 0o750); err != nil {
		return m, err
	}
	for i := range rules {
		script := fmt.Sprintf("stream\n    |from()\n        .measurement('m%d')\n        .groupBy('host')\n    |alert()\n        .id('rule%d {{ index .Tags \"host\" }}')\n"+
			"        .warn(lambda: \"value\" > %d.0)\n        .crit(lambda: \"value\" > %d.5)\n        .stateChangesOnly()\n", i%manyMeasurements, i, 1000+i, 1100+i)
		if i == 0 {
			script += "stream|from().measurement('m0').where(lambda: count() == 1)|log().prefix('first')\n"
		}
		if err := os.WriteFile(filepath.Join(scripts, fmt.Sprintf("rule%d.tick", i)), []byte(script), 0o600); err != nil {
			return m, err
		}
	}
	conf := fmt.Sprintf(manyConf, log, socket)
	seen := []byte("first")
	if rules > 0 {
		conf += fmt.Sprintf("[[processors.tick]]\n  scripts = [%q]\n", scripts)
	} else {
		seen = []byte("Listening on")
	}
	start := time.Now()
	a, err := b.agent(fmt.Sprintf("many%d.conf", rules), conf)
	if err != nil {
		return m, err
	}
	defer a.stop()
	feeding, end := context.WithCancel(context.Background())
	fed := make(chan error, 1)
	var taken atomic.Int64
	go func() { fed <- feed(feeding, socket, &taken) }()
	for {
		text, _ := os.ReadFile(log)
		if bytes.Contains(text, seen) {
			m.first = time.Since(start)
			break
		}
		select {
		case err := <-fed:
			end()
			return m, fmt.Errorf("the agent takes no metrics: %w", err)
		case <-time.After(2 * time.Millisecond):
		}
	}
	time.Sleep(b.duration / 2)
	cpu, begin, n := a.cpu(), time.Now(), taken.Load()
	time.Sleep(b.duration)
	m.cpu = 100 * (a.cpu() - cpu).Seconds() / time.Since(begin).Seconds()
	m.rate = float64(taken.Load()-n) / time.Since(begin).Seconds()
	m.memory = a.memory("RssAnon")
	end()
	return m, <-fed
}

// feed writes metrics to a socket, which may not be there yet, until the end.
func feed(end context.Context, socket string, taken *atomic.Int64) error {
	var c net.Conn
	for deadline := time.Now().Add(time.Minute); ; {
		var err error
		if c, err = net.Dial("unix", socket); err == nil {
			break
		}
		if time.Now().After(deadline) {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
	defer c.Close()
	defer context.AfterFunc(end, func() { _ = c.Close() })()
	tick := time.NewTicker(manyEvery)
	defer tick.Stop()
	begin, n := time.Now(), 0
	var buf []byte
	for {
		buf = buf[:0]
		now := time.Now()
		due := int(now.Sub(begin).Seconds() * manyRate)
		if most := n + manyRate/10; due > most { // it does not keep up
			due, begin = most, now.Add(-time.Duration(most)*time.Second/manyRate)
		}
		for ; n < due; n++ {
			series := n * 7 % (manyMeasurements * manyHosts)
			buf = fmt.Appendf(buf, "m%d,host=host%d,region=eu value=%d.25,other=%di,state=\"ok\" ", series%manyMeasurements, series/manyMeasurements, n%900, n)
			buf = append(strconv.AppendInt(buf, now.UnixNano(), 10), '\n')
		}
		if _, err := c.Write(buf); err != nil && end.Err() == nil {
			return err
		}
		taken.Store(int64(n))
		select {
		case <-end.Done():
			return nil
		case <-tick.C:
		}
	}
}
