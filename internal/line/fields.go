package line

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"unicode/utf8"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file takes the fields and the time of a line apart.

// A result says what has come of reading a line.
type result uint8

const (
	done result = iota
	odd         // to be read by the library
)

// fields reads what stands behind the head h of a line, which is b from i to e; there b has a '\n' and goes on for
// slack bytes.
func (d *decoder) fields(h *head, b []byte, i, e int, p *point.Point) result {
	m := h.of
	start := i
again:
	i = start
	clear(m.have)
	for {
		n := toEquals(b, i, e)
		if n < 0 {
			return odd
		}
		k := m.slot(b[i:], n)
		if k < 0 {
			if !d.learnField(m, b[i:i+n]) {
				return odd
			}
			goto again
		}
		m.have[k>>6] |= 1 << (k & 63)
		i += n + 1
		v := &m.slots[k].Value
		var r result
		switch c := b[i]; {
		case c-'0' <= 9 || c == '-' || c == '.':
			i, r = number(b, i, v)
		case c == '"':
			i, r = text(b, i+1, e, v)
		default:
			i, r = boolean(b, i, v)
		}
		if r != done {
			return r
		}
		if b[i] != ',' {
			break
		}
		i++
	}
	if b[i] != ' ' {
		return odd
	}
	for b[i] == ' ' {
		i++
	}
	t, n := digits(b, i)
	i += n
	for b[i] == ' ' {
		i++
	}
	if b[i] == '\r' {
		i++
	}
	if i != e || n == 0 || n > mostDigits || t > math.MaxInt64 {
		return odd
	}
	p.Name, p.Tags, p.Fields, p.Time = m.name, h.tags, d.present(m), int64(t)
	return done
}

// toEquals returns how many bytes there are from i to the next '='. If there is none before e, it may be the one
// behind that, or -1.
func toEquals(b []byte, i, e int) int {
	for at := i; at < e; at += 8 {
		x := binary.LittleEndian.Uint64(b[at:]) ^ 0x3d3d3d3d3d3d3d3d
		if x = (x - 0x0101010101010101) &^ x & 0x8080808080808080; x != 0 {
			return at - i + bits.TrailingZeros64(x)>>3
		}
	}
	return -1
}

// pow10 are the powers of ten that fit.
var pow10 = [mostDigits + 1]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// eight returns the number of the decimal digits that b begins with, of the first eight bytes, and the
// number that they are.
func eight(b []byte) (v uint64, n int) {
	x := binary.LittleEndian.Uint64(b) ^ 0x3030303030303030
	// The high bit of each byte that is no digit.
	if no := ((x & 0x7f7f7f7f7f7f7f7f) + 0x7676767676767676 | x) & 0x8080808080808080; no != 0 {
		n = bits.TrailingZeros64(no) >> 3
		x <<= 64 - 8*n // zeros before the digits
	} else {
		n = 8
	}
	// Pairs of digits, of pairs, and of these.
	x = (x*10 + x>>8) & 0x00ff00ff00ff00ff
	x = (x*100 + x>>16) & 0x0000ffff0000ffff
	x = (x*10000 + x>>32) & 0x00000000ffffffff
	return x, n
}

// digits returns the number that decimal digits at b[i:] are, and how many there are. More than 19 may be
// too much for the number.
func digits(b []byte, i int) (v uint64, n int) {
	for {
		x, k := eight(b[i+n:])
		v = v*pow10[k] + x
		if n += k; k < 8 {
			return v, n
		}
	}
}

// number reads a number into v and returns the index behind it.
func number(b []byte, i int, v *point.Value) (int, result) {
	from := i
	neg := b[i] == '-'
	if neg {
		i++
	}
	x, n := digits(b, i)
	i += n
	c := b[i]
	if c == 'i' || c == 'u' {
		if n == 0 || n > 18 || c == 'u' && neg {
			return unusual(b, from, v)
		}
		if neg {
			x = -x
		}
		*v = point.IntValue(int64(x))
		return i + 1, done
	}
	fraction := 0
	if c == '.' {
		var y uint64
		y, fraction = digits(b, i+1)
		i += 1 + fraction
		c = b[i]
		if n+fraction <= mostDigits {
			x = x*pow10[fraction] + y
		}
	}
	if n == 0 || n+fraction > mostDigits || !ends(c) {
		return unusual(b, from, v)
	}
	f := quotient(x, fraction)
	if neg {
		f = -f
	}
	*v = point.FloatValue(f)
	return i, done
}

// mostDigits is how many digits a uint64 always has room for.
const mostDigits = 19

// quotient returns x / 10^n, rounded to the nearest float64. n is at most mostDigits.
func quotient(x uint64, n int) float64 {
	if x < 1<<53 {
		return float64(x) / float64(pow10[n]) // both are exact
	}
	// Both are shifted so that their first bit is set. The quotient has 63 or 64 bits then, and what is left
	// over decides a tie.
	zeros := bits.LeadingZeros64(x)
	x <<= zeros
	d := pow10[n]
	shift := bits.LeadingZeros64(d)
	q, rest := bits.Div64(x>>1, x<<63, d<<shift)
	exp := shift - zeros - 63 // of q
	if q < 1<<63 {
		q <<= 1
		exp--
	}
	if rest != 0 {
		q |= 1
	}
	// To nearest, and to even.
	m := q >> 11
	if half := q & (1<<11 - 1); half > 1<<10 || half == 1<<10 && m&1 == 1 {
		m++ // 1<<53 is as good
	}
	return float64(m) * math.Float64frombits(uint64(1023+exp+11)<<52)
}

// ends reports whether c can stand behind a value.
func ends(c byte) bool { return c == ',' || c == ' ' }

// unusual reads a number the library's way.
func unusual(b []byte, i int, v *point.Value) (int, result) {
	n := bytes.IndexAny(b[i:], ", \r\n")
	kind := lineprotocol.Float
	end := n
	switch b[i+n-1] {
	case 'i':
		kind, end = lineprotocol.Int, n-1
	case 'u':
		kind, end = lineprotocol.Uint, n-1
	}
	x, err := lineprotocol.NewValueFromBytes(kind, b[i:i+end])
	if err != nil {
		return i, odd
	}
	*v = value(x)
	return i + n, done
}

// boolean reads a boolean into v and returns the index behind it.
func boolean(b []byte, i int, v *point.Value) (int, result) {
	n := 0
	for n < 6 && !ends(b[i+n]) {
		n++
	}
	switch string(b[i : i+n]) {
	case "t", "T", "true", "True", "TRUE":
		*v = point.BoolValue(true)
	case "f", "F", "false", "False", "FALSE":
		*v = point.BoolValue(false)
	default:
		return i, odd
	}
	return i + n, done
}

// text reads a string, whose first quote is before i, into v and returns the index behind the last one.
// One that goes on in the next line is left to the library.
func text(b []byte, i, e int, v *point.Value) (int, result) {
	var own []byte
	from, quote := i, i-1
	for {
		if quote < i {
			k := bytes.IndexByte(b[i:e], '"')
			if k < 0 {
				return i, odd
			}
			quote = i + k
		}
		k := bytes.IndexByte(b[i:quote], '\\')
		if k < 0 {
			break
		}
		i += k + 1
		if c := unescape[b[i]]; c != 0 { // else the backslash stands for itself
			own = append(own, b[from:i-1]...)
			own = append(own, c)
			i++
			from = i
		}
	}
	s := b[from:quote]
	if own != nil {
		own = append(own, s...)
		s = own
	}
	if v.Kind != point.String || v.Text != string(s) { // mostly it is what it was
		if !utf8.Valid(s) {
			return i, odd
		}
		*v = point.StringValue(string(s))
	}
	return quote + 1, done
}

// unescape has the bytes that \ and another one stand for in a string.
var unescape = [256]byte{'\\': '\\', '"': '"', 'n': '\n', 'r': '\r', 't': '\t'}

// stampSize is the length of a space and a time between the years 2001 and 2286.
const stampSize = 20

// time returns the time at the end of a line, which is b from i to e without the head. It does not look at the
// fields, and reports false if they may be unusual.
func (d *decoder) time(b []byte, i, e int) (int64, bool) {
	if b[e-1] == '\r' {
		e--
	}
	at := e - stampSize
	if at <= i || b[at] != ' ' || bytes.IndexByte(b[i:at], '"') >= 0 {
		return 0, false
	}
	if string(b[at:e]) != string(d.stamp[:]) {
		t, n := digits(b, at+1)
		if n != stampSize-1 || t > math.MaxInt64 {
			return 0, false
		}
		copy(d.stamp[:], b[at:e])
		d.at = int64(t)
	}
	return d.at, true
}
