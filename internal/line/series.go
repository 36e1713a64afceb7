package line

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file remembers what the lines before looked like.

// maxHeads, maxBytes and maxKeys bound what a decoder remembers. If it is more, all is forgotten.
const (
	maxHeads = 1 << 17
	maxBytes = 1 << 25 // in heads
	maxKeys  = 1 << 16 // of all measurements
)

// A decoder knows heads and the fields of measurements. The zero value knows none.
type decoder struct {
	heads        map[string]*head
	measurements map[string]*measurement
	bytes, keys  int
	last         *head // of the line before
	asked        int   // counts Rewants

	names point.Interner
	some  []point.Field   // of a point that does not have all fields that are known
	stamp [stampSize]byte // how the line that was skipped last ends
	at    int64           // its time
}

// A head is how a line begins, up to the fields.
type head struct {
	text string // the space at its end included
	of   *measurement
	tags []point.Tag
	next *head // that came behind it last time
}

// head returns the head of a line, nil if the line may have none.
func (d *decoder) head(line []byte) *head {
	h := d.last
	if h != nil {
		h = h.next
	}
	if h == nil || len(line) < len(h.text) || string(line[:len(h.text)]) != h.text {
		if h = d.find(line); h == nil {
			return nil
		}
		if d.last != nil {
			d.last.next = h
		}
	}
	d.last = h
	return h
}

func (d *decoder) find(line []byte) *head {
	n := 0
	for {
		i := bytes.IndexByte(line[n:], ' ')
		if i < 0 || n+i == 0 {
			return nil
		}
		if n += i + 1; line[n-2] != '\\' {
			break
		}
	}
	if h := d.heads[string(line[:n])]; h != nil {
		return h
	}
	return d.learn(line[:n])
}

// learn adds a head.
func (d *decoder) learn(b []byte) *head {
	if len(d.heads) >= maxHeads || d.bytes >= maxBytes || d.keys >= maxKeys {
		*d = decoder{asked: d.asked}
	}
	if d.heads == nil {
		d.heads, d.measurements = map[string]*head{}, map[string]*measurement{}
	}
	var p point.Point
	h := &head{text: string(b)}
	dec := lineprotocol.NewDecoderWithBytes(b)
	if !dec.Next() || d.decodeHead(dec, h.text, &p) != nil {
		return nil
	}
	h.tags = p.Tags
	if h.of = d.measurements[p.Name]; h.of == nil {
		h.of = &measurement{name: p.Name, asked: -1}
		d.measurements[p.Name] = h.of
	}
	d.heads[h.text] = h
	d.bytes += len(b)
	return h
}

// A measurement knows the names of its fields: those that its lines have had.
type measurement struct {
	name     string
	asked    int // compares with the decoder's
	unwanted bool

	slots []point.Field // of the names, sorted; the values are those of lines before
	have  []uint64      // a bit for each slot: whether the line has it
	table []uint16      // of slots by hashes of their names, from 1; 0 is none
	shift uint8         // of hashes
}

// maxSlots is the number of names that a measurement remembers.
const maxSlots = 1 << 10

const multiplier = 0x9e3779b97f4a7c15

// hash returns the hash of the name of n bytes at b. The eight bytes behind it must be there.
func hash(b []byte, n int) uint64 {
	x := binary.LittleEndian.Uint64(b)
	if n < 8 {
		return (x<<(64-8*n) ^ uint64(n)) * multiplier
	}
	return (x ^ bits.RotateLeft64(binary.LittleEndian.Uint64(b[n-8:]), 29) ^ uint64(n)) * multiplier
}

// slot returns the place of a field by its name of n bytes at b, or -1.
func (m *measurement) slot(b []byte, n int) int {
	if len(m.table) == 0 {
		return -1
	}
	mask := uint64(len(m.table) - 1)
	for i := hash(b, n) >> m.shift; ; i++ {
		k := int(m.table[i&mask]) - 1
		if k < 0 {
			return -1
		}
		if m.slots[k].Key == string(b[:n]) {
			return k
		}
	}
}

// learnField adds a name and reports whether it could. Slots move.
func (d *decoder) learnField(m *measurement, name []byte) bool {
	if d.keys >= maxKeys {
		*d = decoder{asked: d.asked}
		return false
	}
	if len(name) == 0 || len(m.slots) >= maxSlots || !utf8.Valid(name) {
		return false
	}
	for _, c := range name {
		if c <= ' ' || c == 0x7f || c == '\\' || c == ',' || c == '=' {
			return false
		}
	}
	d.keys++
	key := d.names.Name(name)
	at, _ := slices.BinarySearchFunc(m.slots, key, func(f point.Field, key string) int { return strings.Compare(f.Key, key) })
	m.slots = slices.Insert(m.slots, at, point.Field{Key: key})
	m.have = make([]uint64, (len(m.slots)+63)/64)
	size := max(16, 1<<bits.Len(uint(2*len(m.slots))))
	m.table, m.shift = make([]uint16, size), uint8(64-bits.TrailingZeros(uint(size)))
	for k := range m.slots {
		b := append([]byte(m.slots[k].Key), 0, 0, 0, 0, 0, 0, 0, 0)
		i := int(hash(b, len(b)-8) >> m.shift)
		for m.table[i%size] != 0 {
			i++
		}
		m.table[i%size] = uint16(k + 1)
	}
	return true
}

// present returns the fields of a line, whose values are in the slots that have says.
func (d *decoder) present(m *measurement) []point.Field {
	n := 0
	for _, w := range m.have {
		n += bits.OnesCount64(w)
	}
	if n == len(m.slots) {
		return m.slots
	}
	d.some = d.some[:0]
	for i, w := range m.have {
		for ; w != 0; w &= w - 1 {
			d.some = append(d.some, m.slots[64*i+bits.TrailingZeros64(w)])
		}
	}
	return d.some
}
