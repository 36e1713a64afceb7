package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// Lines reads line protocol with nanosecond times, in the order of the file, compressed with gzip
// or not. Two comments mean something: "# dbrp: db.rp" sets the database and retention policy of
// the lines that follow, "# advance: 5s" moves the clock on.
type Lines struct {
	file   string
	in     *bufio.Reader
	seg    segment
	dec    *lineprotocol.Decoder
	dbrp   spec.DBRP
	intern point.Interner
	point  point.Point
}

// NewLines returns a reader of r; file is its name in errors. Points belong to dbrp until a
// comment says otherwise.
func NewLines(file string, r io.Reader, dbrp spec.DBRP) (*Lines, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		in = bufio.NewReaderSize(z, 1<<16)
	}
	l := &Lines{file: file, in: in, dbrp: dbrp}
	l.seg = segment{in: in, line: 1, fresh: true}
	l.dec = lineprotocol.NewDecoder(&l.seg)
	return l, nil
}

// Next returns the next point or step of the clock.
func (l *Lines) Next() (Item, error) {
	for {
		if l.dec.Next() {
			if err := l.read(); err != nil {
				return Item{}, l.locate(err)
			}
			return Item{Point: &l.point}, nil
		}
		if err := l.dec.Err(); err != nil {
			return Item{}, l.locate(err)
		}
		text, line := l.seg.directive, l.seg.line-1
		if text == "" {
			return Item{}, io.EOF
		}
		l.seg.directive, l.seg.first = "", l.seg.line-1
		l.dec = lineprotocol.NewDecoder(&l.seg)
		d, err := l.obey(text)
		if err != nil {
			return Item{}, dataError(l.file, line, 1, err)
		}
		if d != 0 {
			return Item{Advance: d}, nil
		}
	}
}

// obey carries out a comment that means something.
func (l *Lines) obey(text string) (time.Duration, error) {
	word, arg, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(text, "#")), ":")
	arg = strings.TrimSpace(arg)
	if word == "dbrp" {
		d, err := ParseDBRP(arg)
		l.dbrp = d
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

// read decodes one point.
func (l *Lines) read() error {
	name, err := l.dec.Measurement()
	if err != nil {
		return err
	}
	p := &l.point
	p.Name, p.DB, p.RP = l.intern.Name(name), l.dbrp.DB, l.dbrp.RP
	for {
		k, v, err := l.dec.NextTag()
		if err != nil {
			return err
		}
		if k == nil {
			break
		}
		l.intern.TagBytes(k, v)
	}
	p.Tags = l.intern.Tags()
	p.Fields = p.Fields[:0]
	for {
		k, v, err := l.dec.NextField()
		if err != nil {
			return err
		}
		if k == nil {
			break
		}
		p.Fields = append(p.Fields, point.Field{Key: l.intern.Name(k), Value: value(v)})
	}
	p.Fields = point.SortFields(p.Fields)
	t, err := l.dec.Time(lineprotocol.Nanosecond, time.Time{})
	if err != nil {
		return err
	}
	if t.IsZero() {
		return errors.New("the line has no time; want nanoseconds since 1970 at its end")
	}
	p.Time = t.UnixNano()
	return nil
}

func value(v lineprotocol.Value) point.Value {
	switch v.Kind() {
	case lineprotocol.Int:
		return point.IntValue(v.IntV())
	case lineprotocol.Uint:
		return point.IntValue(int64(min(v.UintV(), math.MaxInt64)))
	case lineprotocol.Float:
		return point.FloatValue(v.FloatV())
	case lineprotocol.Bool:
		return point.BoolValue(v.BoolV())
	case lineprotocol.String:
		return point.StringValue(v.StringV())
	}
	return point.Value{}
}

// locate adds file and line to an error of the decoder, which counts from the segment's start.
func (l *Lines) locate(err error) error {
	var de *lineprotocol.DecodeError
	if errors.As(err, &de) {
		return dataError(l.file, l.seg.first+de.Line, de.Column, de.Err)
	}
	return dataError(l.file, l.seg.last(), 1, err)
}

// A segment reads up to the next comment that means something, and then reports the end.
type segment struct {
	in        *bufio.Reader
	first     int64  // lines before the segment
	line      int64  // line that is read next
	fresh     bool   // at the start of a line
	directive string // the comment
}

func (s *segment) Read(b []byte) (int, error) {
	if s.directive != "" {
		return 0, io.EOF
	}
	if s.fresh && s.takeDirective() {
		return 0, io.EOF
	}
	if _, err := s.in.Peek(1); err != nil {
		return 0, err
	}
	chunk, _ := s.in.Peek(min(s.in.Buffered(), len(b)))
	end := bytes.IndexByte(chunk, '\n') + 1
	s.fresh = end > 0
	if s.fresh {
		chunk = chunk[:end]
		s.line++
	}
	n := copy(b, chunk)
	_, _ = s.in.Discard(n)
	return n, nil
}

// last returns the line that was read last. The decoder is given one line at a time, since of a
// point that lacks a time, say, it does not tell the line.
func (s *segment) last() int64 {
	if s.fresh {
		return s.line - 1
	}
	return s.line
}

// takeDirective takes the line that comes next if it is a comment that means something.
func (s *segment) takeDirective() bool {
	head, _ := s.in.Peek(32)
	if len(head) == 0 || head[0] != '#' {
		return false
	}
	w := bytes.TrimLeft(head[1:], " \t")
	if !bytes.HasPrefix(w, []byte("dbrp:")) && !bytes.HasPrefix(w, []byte("advance:")) {
		return false
	}
	text, _ := s.in.ReadString('\n')
	s.line++
	s.directive = text
	return true
}
