package udf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// MaxFrame is the size of the largest frame that a Reader takes if it is not told otherwise. A snapshot
// is one frame.
const MaxFrame = 64 << 20

// readAhead is the size of a Reader's buffer. Frames up to that size are decoded where they are read.
const readAhead = 64 << 10

// keepFrame is the size of the largest buffer for larger frames that a Reader keeps.
const keepFrame = 1 << 20

// A Reader reads the responses of a function. Names and tag sets that come again are shared, so
// points of a known series cost no allocation. It is not safe for concurrent use.
type Reader struct {
	src    *bufio.Reader
	max    uint64
	large  []byte
	err    error
	within bool // a batch has begun
	names  point.Interner
	pairs  []pair // of the tag set that is being read
	recent [16]string
	named  int // names that the message has had so far
	texts  [512]string
	seed   maphash.Seed
}

// A pair is the key and the value of a tag, in the frame.
type pair struct{ key, value []byte }

// NewReader returns a Reader of r that refuses frames larger than limit; if that is 0, than [MaxFrame].
func NewReader(r io.Reader, limit int) *Reader {
	if limit <= 0 {
		limit = MaxFrame
	}
	return &Reader{src: bufio.NewReaderSize(r, readAhead), max: uint64(limit), seed: maphash.MakeSeed()}
}

// Read reads the next response into resp. At the end of the stream it returns io.EOF. An error stays.
func (r *Reader) Read(resp *Response) error {
	if r.err == nil {
		r.err = r.read(resp)
	}
	return r.err
}

// Buffered returns the number of bytes that are there already: 0 means that Read may wait.
func (r *Reader) Buffered() int { return r.src.Buffered() }

func (r *Reader) read(resp *Response) error {
	n, err := r.length()
	if err != nil {
		return err
	}
	if n > r.max {
		return fmt.Errorf("%w: %d bytes, want %d at the most", ErrOversized, n, r.max)
	}
	if n > readAhead {
		b, err := r.readLarge(int(n))
		if err != nil {
			return err
		}
		return r.decode(resp, b)
	}
	b, err := r.src.Peek(int(n))
	if err != nil {
		return inside(err, len(b), int(n))
	}
	if err := r.decode(resp, b); err != nil {
		return err
	}
	_, err = r.src.Discard(int(n))
	return err
}

// length reads the length of a frame.
func (r *Reader) length() (uint64, error) {
	var v uint64
	for i := range binary.MaxVarintLen32 {
		c, err := r.src.ReadByte()
		if err != nil {
			if i > 0 {
				err = inside(err, i, i+1)
			}
			return 0, err
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%w: the length of a frame has more than 32 bits", ErrMalformed)
}

// readLarge reads a frame that the buffer cannot hold. Its memory grows with what comes, not with what
// has been announced.
func (r *Reader) readLarge(n int) ([]byte, error) {
	b := r.large[:0]
	for len(b) < n {
		from := len(b)
		step := min(n-from, max(from, readAhead))
		b = append(b, make([]byte, step)...)
		if m, err := io.ReadFull(r.src, b[from:]); err != nil {
			return nil, inside(err, from+m, n)
		}
	}
	r.large = nil
	if cap(b) <= keepFrame {
		r.large = b
	}
	return b, nil
}

// inside returns the error of a stream that breaks off when a frame has got so many of its bytes.
func inside(err error, got, want int) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: got %d of %d bytes", ErrTruncated, got, want)
	}
	return err
}

// name returns b as a string that is shared. The names of a message are mostly those of the message
// before, in the same order.
func (r *Reader) name(b []byte) string {
	i := r.named
	if r.named++; i >= len(r.recent) {
		return r.names.Name(b)
	}
	if r.recent[i] != string(b) {
		r.recent[i] = r.names.Name(b)
	}
	return r.recent[i]
}

// text returns b as a string; of short ones those that came lately are shared.
func (r *Reader) text(b []byte) string {
	const short = 64
	if len(b) > short {
		return string(b)
	}
	s := &r.texts[maphash.Bytes(r.seed, b)%uint64(len(r.texts))]
	if *s != string(b) {
		*s = string(b)
	}
	return *s
}
