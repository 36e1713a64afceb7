package engine

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// echo is the cheapest function: behind the begin of a conversation a request is its own response.
func echo(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	n, err := in.ReadByte() // the length: the first request is short
	if err != nil {
		return
	}
	first := make([]byte, n)
	if _, err := io.ReadFull(in, first); err != nil {
		return
	}
	reply := []byte{4, 2<<3 | 2, 2, 1 << 3, 1} // init: success
	if first[0] == 1<<3|2 {
		reply = []byte{2, 1<<3 | 2, 0} // info: stream to stream
	}
	if _, err := c.Write(reply); err == nil {
		_, _ = io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{in}, make([]byte, 64<<10))
	}
}

// BenchmarkUDF measures what a metric costs that goes to a function and comes back.
func BenchmarkUDF(b *testing.B) {
	path := filepath.Join(b.TempDir(), "udf.sock")
	l, err := net.Listen("unix", path)
	require.NoError(b, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go echo(c)
		}
	}()
	c := udf.DefaultConfig()
	c.Name, c.Socket = "echo", path
	f := udf.New(&c, nil)
	require.NoError(b, f.Await(b.Context()))
	require.NoError(b, udf.Functions.Add(f))
	defer udf.Functions.Remove(f)
	p := newRig("x", `stream|from().measurement('cpu')@echo()`)
	p.conf.Block = true
	p.start(b)
	m := hostPoint("cpu")
	for f.Stats().Connected == 0 {
		time.Sleep(time.Millisecond)
	}
	r := p.index.Load().runners[0]
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		for i%1024 == 0 && r.box.length() > 5000 { // a task that stands drops
			time.Sleep(100 * time.Microsecond)
		}
		p.Add(m)
	}
	for f.Stats().Out < int64(b.N) {
		time.Sleep(100 * time.Microsecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "points/s")
	p.Stop()
}
