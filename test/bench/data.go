//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file makes and reads the data.

// begin is the time of the first points; each host has one a second.
const begin = 1_704_067_200

// write makes the file of a data set. It is the same every time.
func (d dataSet) write(dir, name string) (string, error) {
	path := filepath.Join(dir, name+".lp")
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	var b []byte
	for i := range d.points {
		n, measurement := i, "cpu"
		if d.pairs {
			n = i / 2
			if i%2 == 1 {
				measurement = "mem"
			}
		}
		usage := float64(n*7919%10007) / 100.07
		b = fmt.Appendf(b[:0], "%s,host=host%05d,region=eu idle=", measurement, n%d.hosts)
		b = strconv.AppendFloat(b, 100-usage, 'f', 3, 64)
		b = append(b, ",system="...)
		b = strconv.AppendFloat(b, usage/3, 'f', 3, 64)
		b = append(b, ",usage="...)
		b = strconv.AppendFloat(b, usage, 'f', 3, 64)
		b = fmt.Appendf(b, " %d000000000\n", begin+n/d.hosts)
		_, _ = w.Write(b) // Flush has the error
	}
	return path, errors.Join(w.Flush(), f.Close())
}

// points are the points of a data set in memory.
type points []point.Point

// read parses a file.
func read(path string) (points, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := replay.NewLines(path, f, spec.DBRP{DB: "telegraf", RP: "autogen"})
	if err != nil {
		return nil, err
	}
	var ps points
	var fields []point.Field
	for {
		it, err := src.Next()
		if errors.Is(err, io.EOF) {
			return ps, nil
		}
		if err != nil {
			return nil, err
		}
		if cap(fields)-len(fields) < len(it.Point.Fields) {
			fields = make([]point.Field, 0, 1<<16)
		}
		from := len(fields)
		fields = append(fields, it.Point.Fields...)
		p := *it.Point
		p.Fields = fields[from:len(fields):len(fields)]
		ps = append(ps, p)
	}
}
