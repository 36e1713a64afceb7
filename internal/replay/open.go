package replay

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// Open returns the recording in r. Its kind is told by the name of file: .srpl is a recording of
// Kapacitor's, anything else line protocol (see [Lines]).
func Open(file string, r io.Reader, dbrp spec.DBRP) (Source, error) {
	if filepath.Ext(file) == ".srpl" {
		return newRecording(file, r)
	}
	return NewLines(file, r, dbrp)
}

// A recording reads Kapacitor's stream recordings: gzip; three lines for each point, the database,
// the retention policy and the point as line protocol with nanoseconds.
type recording struct {
	lines Lines
	in    *bufio.Reader
	line  int64
}

// maxLine bounds a line of a recording.
const maxLine = 16 << 20

func newRecording(file string, r io.Reader) (*recording, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("%s: want a gzip file: %w", file, err)
	}
	return &recording{lines: Lines{file: file}, in: bufio.NewReaderSize(z, 1<<16)}, nil
}

// Next returns the next point.
func (r *recording) Next() (Item, error) {
	db, err := r.readLine()
	if err != nil {
		return Item{}, err
	}
	rp, err := r.readLine()
	if err != nil {
		return Item{}, r.cut(err)
	}
	text, err := r.readLine()
	if err != nil {
		return Item{}, r.cut(err)
	}
	r.lines.dbrp = spec.DBRP{DB: db, RP: rp}
	r.lines.dec = lineprotocol.NewDecoderWithBytes([]byte(text))
	if !r.lines.dec.Next() {
		return Item{}, r.at(errors.New("want a point in line protocol"))
	}
	if err := r.lines.read(); err != nil {
		return Item{}, r.at(err)
	}
	return Item{Point: &r.lines.point}, nil
}

func (r *recording) readLine() (string, error) {
	var text []byte
	for {
		part, more, err := r.in.ReadLine()
		if err != nil {
			return "", err
		}
		if text = append(text, part...); len(text) > maxLine {
			return "", r.at(fmt.Errorf("line longer than %d bytes", maxLine))
		}
		if !more {
			r.line++
			return string(text), nil
		}
	}
}

// cut is the error for a recording that ends within a point.
func (r *recording) cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return r.at(err)
}

func (r *recording) at(err error) error {
	var de *lineprotocol.DecodeError
	if errors.As(err, &de) {
		return dataError(r.lines.file, r.line, de.Column, de.Err)
	}
	return dataError(r.lines.file, r.line, 1, err)
}
