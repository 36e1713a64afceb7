//go:build unix

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var levelNames = []string{"OK", "INFO", "WARNING", "CRITICAL"}

// A feeder sends points of 500 alerts, each at another level than the one before.
type feeder struct {
	s     *setup
	conn  net.Conn // of the points that were sent last: the agent reads several side by side
	ms    int64    // time of the last point
	level [500]int
	sent  atomic.Int64
}

// feederRule returns a rule for the points. A line that is cut off when the agent stops may still be
// one, with another time.
func feederRule(handlers string) string {
	return `stream
    |from().measurement('load').groupBy('id').where(lambda: unixNano("time") == "at")
    |alert()
        .id('{{ index .Tags "id" }}')
        .info(lambda: "level" == 1).warn(lambda: "level" == 2).crit(lambda: "level" == 3)
        .message('` + receiptText + `').details('')
        .stateChangesOnly()
        ` + handlers + "\n"
}

func (f *feeder) id(i int) string { return fmt.Sprintf("a%03d", i) }

// line returns the next point of an alert.
func (f *feeder) line(i, level int) string {
	f.ms++
	f.level[i] = level
	f.sent.Add(1)
	return fmt.Sprintf("load,id=%s level=%di,at=%di %[3]d\n", f.id(i), level, f.ms*1e6)
}

// round returns n points of one alert after the other, each one level higher than the one before, or
// OK if that was CRITICAL.
func (f *feeder) round(n int) string {
	var points strings.Builder
	for i := range n {
		alert := i % len(f.level)
		points.WriteString(f.line(alert, (f.level[alert]+1)%4))
	}
	return points.String()
}

// start sends points until it is told to stop, except while hold, which gets their number, is true.
func (f *feeder) start(hold func(sent int) bool) (stop func()) {
	var running sync.WaitGroup
	end := make(chan struct{})
	running.Go(func() {
		conn := f.conn
		defer func() { f.conn = conn }()
		sent := 0
		pause := time.NewTicker(5 * time.Millisecond)
		defer pause.Stop()
		for {
			select {
			case <-end:
				return
			case <-pause.C:
			}
			if conn == nil {
				var err error
				if conn, err = net.Dial("unix", f.s.file("in.sock")); err != nil {
					conn = nil
					continue
				}
			}
			if hold(sent) {
				continue
			}
			var b strings.Builder
			for range 20 {
				i := rand.N(len(f.level))
				b.WriteString(f.line(i, (f.level[i]+1+rand.N(3))%4))
				sent++
			}
			if _, err := conn.Write([]byte(b.String())); err != nil {
				_ = conn.Close()
				conn = nil
			}
		}
	})
	return func() { close(end); running.Wait() }
}

// finish sends a last point of each alert, and returns their levels.
func (f *feeder) finish() map[string]string {
	var lines strings.Builder
	last := map[string]string{}
	for i := range f.level {
		level := rand.N(4)
		lines.WriteString(f.line(i, level))
		last[f.id(i)] = levelNames[level]
	}
	if f.conn != nil {
		_, err := f.conn.Write([]byte(lines.String()))
		_ = f.conn.Close()
		if err == nil {
			return last
		}
	}
	f.s.send(strings.TrimSuffix(lines.String(), "\n"))
	return last
}
