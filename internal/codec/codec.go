// Package codec writes values one behind the other and reads them again: numbers as varints, text behind
// its length. There are no names and no version; those who keep what it writes see to that.
package codec

import (
	"encoding/binary"
	"errors"
)

// An Encoder appends to B.
type Encoder struct{ B []byte }

// Byte appends a byte.
func (e *Encoder) Byte(v byte) { e.B = append(e.B, v) }

// Bool appends a truth value.
func (e *Encoder) Bool(v bool) {
	if v {
		e.Byte(1)
	} else {
		e.Byte(0)
	}
}

// Uint appends a number.
func (e *Encoder) Uint(n uint64) { e.B = binary.AppendUvarint(e.B, n) }

// Int appends a number.
func (e *Encoder) Int(n int64) { e.B = binary.AppendVarint(e.B, n) }

// Text appends text.
func (e *Encoder) Text(s string) { e.Uint(uint64(len(s))); e.B = append(e.B, s...) }

// Bytes appends bytes.
func (e *Encoder) Bytes(s []byte) { e.Uint(uint64(len(s))); e.B = append(e.B, s...) }

// ErrBad is what the error for bytes that no Encoder wrote is.
var ErrBad = errors.New("bad record")

// A Decoder reads what an Encoder wrote, from B. After the first mistake it returns zeros; ask Err
// once.
type Decoder struct {
	B   []byte
	bad bool
}

// Fail makes Err return an error: what was read is nothing that the caller knows.
func (d *Decoder) Fail() { d.B, d.bad = nil, true }

// Err returns an error unless all of B has been read without a mistake.
func (d *Decoder) Err() error {
	if d.bad || len(d.B) > 0 {
		return ErrBad
	}
	return nil
}

// Byte reads a byte.
func (d *Decoder) Byte() byte {
	if len(d.B) == 0 {
		d.Fail()
		return 0
	}
	v := d.B[0]
	d.B = d.B[1:]
	return v
}

// Bool reads a truth value.
func (d *Decoder) Bool() bool { return d.Byte() == 1 }

// Uint reads a number.
func (d *Decoder) Uint() uint64 {
	v, n := binary.Uvarint(d.B)
	if n <= 0 {
		d.Fail()
		return 0
	}
	d.B = d.B[n:]
	return v
}

// Int reads a number.
func (d *Decoder) Int() int64 {
	v, n := binary.Varint(d.B)
	if n <= 0 {
		d.Fail()
		return 0
	}
	d.B = d.B[n:]
	return v
}

// Count reads the number of things that take at least a byte each.
func (d *Decoder) Count() int {
	n := d.Uint()
	if n > uint64(len(d.B)) {
		d.Fail()
		return 0
	}
	return int(n)
}

// Bytes returns a copy, or nil if there are none.
func (d *Decoder) Bytes() []byte {
	n := d.Count()
	if n == 0 {
		return nil
	}
	v := append([]byte(nil), d.B[:n]...)
	d.B = d.B[n:]
	return v
}

// Text reads text.
func (d *Decoder) Text() string {
	n := d.Count()
	v := string(d.B[:n])
	d.B = d.B[n:]
	return v
}
