package replay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/telegraf-tigk/telegraf-tigk/internal/line"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// Lines reads line protocol with nanosecond times, in the order of the file, compressed with gzip
// or not. Two comments mean something: "# dbrp: db.rp" sets the database and retention policy of
// the lines that follow, "# advance: 5s" moves the clock on.
type Lines struct {
	file  string
	in    *line.Reader
	dbrp  spec.DBRP
	want  Wanted
	point point.Point
}

// NewLines returns a reader of r; file is its name in errors. Points belong to dbrp until a
// comment says otherwise.
func NewLines(file string, r io.Reader, dbrp spec.DBRP) (*Lines, error) {
	in := bufio.NewReaderSize(r, 4<<10)
	l := &Lines{file: file, dbrp: dbrp}
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		l.in = line.NewReader(z)
	} else {
		l.in = line.NewReader(in)
	}
	l.in.Directive = isDirective
	return l, nil
}

// Want has points left out that nobody wants.
func (l *Lines) Want(want Wanted) {
	l.want = want
	l.in.Want = func(measurement string) bool { return want(l.dbrp, measurement) }
	l.in.Rewant()
}

// Next returns the next point or step of the clock.
func (l *Lines) Next() (Item, error) {
	for {
		kind, err := l.in.Next(&l.point)
		if err != nil {
			return Item{}, l.locate(err)
		}
		if kind != line.Directive {
			return l.item(kind), nil
		}
		d, err := l.obey(l.in.Text())
		if err != nil {
			return Item{}, dataError(l.file, l.in.Number()-1, 1, err)
		}
		if d != 0 {
			return Item{Advance: d}, nil
		}
	}
}

// item returns the point that has been read.
func (l *Lines) item(kind line.Kind) Item {
	if kind == line.Skipped {
		return Item{Time: l.point.Time}
	}
	l.point.DB, l.point.RP = l.dbrp.DB, l.dbrp.RP
	return Item{Point: &l.point, Time: l.point.Time}
}

// locate adds the file to an error of the reader.
func (l *Lines) locate(err error) error {
	var e *line.Error
	if errors.As(err, &e) {
		return dataError(l.file, e.Line, e.Column, e.Err)
	}
	if err == io.EOF { //nolint:errorlint // the end, not that of something else
		return err
	}
	return dataError(l.file, l.in.Number(), 1, err)
}

// isDirective reports whether a comment means something.
func isDirective(comment []byte) bool {
	w := bytes.TrimLeft(comment[1:], " \t")
	return bytes.HasPrefix(w, []byte("dbrp:")) || bytes.HasPrefix(w, []byte("advance:"))
}

// obey carries out a comment that means something.
func (l *Lines) obey(text string) (time.Duration, error) {
	word, arg, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(text, "#")), ":")
	arg = strings.TrimSpace(arg)
	if word == "dbrp" {
		d, err := ParseDBRP(arg)
		l.dbrp = d
		l.in.Rewant()
		return 0, err
	}
	d, err := syntax.ParseDuration(arg)
	if err == nil && d < 0 {
		err = errors.New("the clock does not go back")
	}
	return d, err
}

// ParseDBRP parses db.rp; each part may stand in double quotes.
func ParseDBRP(s string) (spec.DBRP, error) {
	parts := make([]string, 0, 2)
	for rest := s; rest != "" && len(parts) < 3; {
		var part string
		if strings.HasPrefix(rest, `"`) {
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				break
			}
			part, rest = rest[1:end+1], strings.TrimPrefix(rest[end+2:], ".")
		} else {
			part, rest, _ = strings.Cut(rest, ".")
		}
		parts = append(parts, part)
	}
	if len(parts) != 2 || parts[0] == "" || parts[1] == "" {
		return spec.DBRP{}, fmt.Errorf("dbrp %q: want database.retentionpolicy, telegraf.autogen for example", s)
	}
	return spec.DBRP{DB: parts[0], RP: parts[1]}, nil
}
