package engine

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file puts the fields of points in order.

// Fields puts the fields of a measurement's points in order. Telegraf has them in another one in each metric, that of
// a Go map; so each name that has come is known by its place among the sorted ones, and a point costs no sorting.
type Fields struct {
	names []string // sorted
	table []uint16 // of places by hashes of the names, from 1; 0 is none
	shift uint8    // of hashes
	have  []uint64 // a bit for each place that the point under construction has
}

// MaxFields is how many fields a point may have, and how many names a measurement. With more, all are forgotten.
const MaxFields = 1 << 10

// Begin begins a point of no more than MaxFields fields, over the buffer of another one.
func (f *Fields) Begin(buf []point.Field) []point.Field {
	clear(f.have)
	return slices.Grow(buf[:0], len(f.names))[:len(f.names)]
}

// Set sets a field of the point under construction, and reports whether its name is known; else [Fields.Learn] it,
// and begin again.
func (f *Fields) Set(fields []point.Field, name string, v point.Value) bool {
	at := f.place(name)
	if at < 0 {
		return false
	}
	f.have[at>>6] |= 1 << (at & 63)
	fields[at] = point.Field{Key: f.names[at], Value: v}
	return true
}

// End returns the fields that have been set, sorted.
func (f *Fields) End(fields []point.Field) []point.Field {
	n := 0
	for _, w := range f.have {
		n += bits.OnesCount64(w)
	}
	if n == len(fields) {
		return fields
	}
	kept := fields[:0]
	for i, w := range f.have {
		for ; w != 0; w &= w - 1 {
			kept = append(kept, fields[64*i+bits.TrailingZeros64(w)])
		}
	}
	return kept
}

// Learn adds a name.
func (f *Fields) Learn(name string) {
	if len(f.names) == MaxFields {
		f.names = nil
	}
	at, _ := slices.BinarySearch(f.names, name)
	f.names = slices.Insert(f.names, at, string([]byte(name))) // which does not keep what name is a part of
	f.have = make([]uint64, (len(f.names)+63)/64)
	size := max(16, 1<<bits.Len(uint(2*len(f.names))))
	f.table, f.shift = make([]uint16, size), uint8(64-bits.TrailingZeros(uint(size)))
	for k, name := range f.names {
		i := int(hash(name) >> f.shift)
		for f.table[i%size] != 0 {
			i++
		}
		f.table[i%size] = uint16(k + 1)
	}
}

// place returns the place of a name, or -1.
func (f *Fields) place(name string) int {
	if len(f.table) == 0 {
		return -1
	}
	mask := uint64(len(f.table) - 1)
	for i := hash(name) >> f.shift; ; i++ {
		k := int(f.table[i&mask]) - 1
		if k < 0 || f.names[k] == name {
			return k
		}
	}
}

// hash returns a hash of a name, made of its ends.
func hash(name string) uint64 {
	b := unsafe.Slice(unsafe.StringData(name), len(name))
	var x uint64
	if len(b) >= 8 {
		x = binary.LittleEndian.Uint64(b) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(b[len(b)-8:]), 29)
	} else {
		for _, c := range b {
			x = x<<8 | uint64(c)
		}
	}
	return (x ^ uint64(len(b))) * 0x9e3779b97f4a7c15
}
