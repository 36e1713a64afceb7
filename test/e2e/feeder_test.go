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
	ms    int64 // time of the last point
	level [500]int
	sent  atomic.Int64
}

// feederRule returns a rule for the points, with the handlers post, email and log.
func feederRule(url, log string) string {
	rule := `stream
    |from().measurement('load').groupBy('id')
    |alert()
        .id('{{ index .Tags "id" }}')
        .info(lambda: "level" == 1).warn(lambda: "level" == 2).crit(lambda: "level" == 3)
        .message('` + receiptText + `').details('')
        .stateChangesOnly()
        .post('` + url + `')
        .email()
`
	if log != "" {
		rule += "        .log('" + log + "')\n"
	}
	return rule
}

func (f *feeder) id(i int) string { return fmt.Sprintf("a%03d", i) }

// line returns the next point of an alert.
func (f *feeder) line(i, level int) string {
	f.ms++
	f.level[i] = level
	f.sent.Add(1)
	return fmt.Sprintf("load,id=%s level=%di %d\n", f.id(i), level, f.ms*1e6)
}

// start sends points until it is told to stop, but not many more than are delivered: alerts that a
// newer state supersedes would make room in the end.
func (f *feeder) start(delivered func() int) (stop func()) {
	var running sync.WaitGroup
	end := make(chan struct{})
	running.Go(func() {
		var conn net.Conn
		defer func() {
			if conn != nil {
				_ = conn.Close()
			}
		}()
		before, sent := delivered(), 0
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
			if sent-(delivered()-before) > 3000 {
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
	f.s.send(strings.TrimSuffix(lines.String(), "\n"))
	return last
}
