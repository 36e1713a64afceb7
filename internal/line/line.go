// Package line reads InfluxDB's line protocol.
//
// Recordings are long and dull: the same series over and over, with fields of the same names. So a [Reader]
// remembers what it has seen: a line's head, which is the measurement and the tags, is compared with the one
// that came behind the line before last time, and a field's name is looked up in a small table of the
// measurement's. Digits are read eight at a time. A line of a measurement that nobody wants is not taken apart.
//
// What is unusual, names with escapes for example, and all that may be wrong is left to the decoder of
// github.com/influxdata/line-protocol, which so decides what an error is and where. A test reads the same
// text both ways.
package line

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// Max is the length of the longest line, all lines of a point counted if it has strings with line ends.
const Max = 16 << 20

const (
	bufSize = 256 << 10 // of a Reader's buffer at first
	slack   = 16        // bytes behind what has been read that may be looked at
)

// A Kind says what [Reader.Next] has read.
type Kind uint8

// The kinds.
const (
	Point     Kind = iota // a point
	Skipped               // points that nobody wants; there is only the time of one
	Directive             // a comment that means something
)

// A Reader reads points, in the order of the text.
type Reader struct {
	// Want reports whether points of a measurement are wanted; nil wants all. Of a line that is not, only
	// the head, the end, and the time are looked at. Its answers are remembered until Rewant.
	Want func(measurement string) bool
	// Directive reports whether a line that begins with # means something, so that Next returns it.
	Directive func(comment []byte) bool

	in     io.Reader
	buf    []byte // from r to w there is what is to be read, and behind it a '\n' and more
	r, w   int
	err    error // of in
	number int64 // of the line at r
	text   string

	decoder
	latest int64 // time of a point
	begun  bool  // there was one
}

// NewReader returns a reader of in.
func NewReader(in io.Reader) *Reader { return newReader(in, bufSize) }

func newReader(in io.Reader, size int) *Reader {
	return &Reader{in: in, buf: make([]byte, size+slack), number: 1}
}

// An Error tells what is wrong with a line.
type Error struct {
	Line   int64 // from 1
	Column int   // in bytes, from 1
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %v", e.Line, e.Column, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

var (
	errLong    = fmt.Errorf("line longer than %d bytes", Max)
	errNoTime  = errors.New("the line has no time; want nanoseconds since 1970 at its end")
	errNoPoint = errors.New("want a point in line protocol")
)

// Text returns the directive that Next has returned.
func (r *Reader) Text() string { return r.text }

// Number returns the number of the line that is read next.
func (r *Reader) Number() int64 { return r.number }

// Rewant has Want asked again.
func (r *Reader) Rewant() { r.asked++ }

// Line returns the next line, whatever it is, until the next call.
func (r *Reader) Line() ([]byte, error) {
	n, err := r.line()
	if err != nil {
		return nil, err
	}
	b := r.buf[r.r : r.r+n]
	r.consume(n)
	return bytes.TrimSuffix(b, []byte{'\r'}), nil
}

// Next reads on. It fills p with name, tags, fields, and time of a point, or with the time alone of one that
// is skipped, which is only told if no other point was as late. What p holds is valid until the next call,
// but tags may be kept. At the end the error is io.EOF, after an *Error nothing more can be read.
func (r *Reader) Next(p *point.Point) (Kind, error) {
	for {
		n, err := r.line()
		if err != nil {
			return 0, err
		}
		if c := r.buf[r.r]; c == '#' || c == ' ' || c == '\n' || c == '\r' {
			if blank, directive := r.blank(n); directive {
				return Directive, nil
			} else if blank {
				continue
			}
		}
		kind, err := r.read(n, p)
		if kind == Skipped && r.begun && p.Time <= r.latest {
			continue
		}
		if err == nil && (!r.begun || p.Time > r.latest) {
			r.latest, r.begun = p.Time, true
		}
		return kind, err
	}
}

// Point is Next for a text without comments and empty lines, and tells of each point that is skipped.
func (r *Reader) Point(p *point.Point) (Kind, error) {
	n, err := r.line()
	if err != nil {
		return 0, err
	}
	if blank, _ := r.blank(n); blank {
		return 0, &Error{r.number - 1, 1, errNoPoint}
	}
	return r.read(n, p)
}

// read reads the point in the line at r.r, which has n bytes.
func (r *Reader) read(n int, p *point.Point) (Kind, error) {
	h := r.head(r.buf[r.r : r.r+n])
	if h == nil {
		return Point, r.byLibrary(p)
	}
	if !r.wants(h.of) {
		if t, ok := r.time(r.buf[r.r:], len(h.text), n); ok {
			r.consume(n)
			p.Time = t
			return Skipped, nil
		}
	}
	if r.fields(h, r.buf[r.r:], len(h.text), n, p) != done {
		return Point, r.byLibrary(p)
	}
	r.consume(n)
	return Point, nil
}

func (r *Reader) wants(m *measurement) bool {
	if m.asked != r.asked {
		m.asked = r.asked
		m.unwanted = r.Want != nil && !r.Want(m.name)
	}
	return !m.unwanted
}

// blank consumes the first line, of n bytes, if there is no point in it, and reports whether it is a directive.
// An invalid comment is left to the library.
func (r *Reader) blank(n int) (blank, directive bool) {
	all := r.buf[r.r : r.r+n]
	if all = bytes.TrimSuffix(all, []byte{'\r'}); len(all) > 0 && all[0] == '#' && r.Directive != nil && r.Directive(all) {
		r.text = string(all)
		r.consume(n)
		return true, true
	}
	text := bytes.TrimLeft(all, " ")
	if len(text) > 0 && (text[0] != '#' || bytes.ContainsFunc(text, control)) {
		return false, false
	}
	r.consume(n)
	return true, false
}

func control(c rune) bool { return c < ' ' || c == 0x7f }

// line returns the length of the line at r.r, without its end. If there is none the error is that of the input.
func (r *Reader) line() (int, error) {
	for seen := 0; ; {
		if i := bytes.IndexByte(r.buf[r.r+seen:r.w], '\n'); i >= 0 {
			return seen + i, nil
		}
		n := r.w - r.r
		seen = n
		switch {
		case n >= Max:
			return 0, &Error{r.number, 1, errLong}
		case r.err == nil:
			r.fill()
		case errors.Is(r.err, io.EOF) && n > 0:
			return n, nil
		default:
			return 0, r.err
		}
	}
}

// consume goes on behind the line at r.r, of n bytes.
func (r *Reader) consume(n int) {
	r.r = min(r.r+n+1, r.w)
	r.number++
}

// fill reads more. What is to be read may move.
func (r *Reader) fill() {
	n := r.w - r.r
	if size := len(r.buf) - slack; size-n < size/4 {
		b := make([]byte, 2*size+slack)
		copy(b, r.buf[r.r:r.w])
		r.buf = b
	} else {
		copy(r.buf, r.buf[r.r:r.w])
	}
	r.r, r.w = 0, n
	for tries := 0; r.w == n && r.err == nil; tries++ {
		var k int
		k, r.err = r.in.Read(r.buf[n : len(r.buf)-slack])
		r.w += k
		if tries == 100 && r.err == nil {
			r.err = io.ErrNoProgress
		}
	}
	r.buf[r.w] = '\n'
}
