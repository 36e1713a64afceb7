package udf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file reads responses. As in every protobuf library what is unknown, or of another wire type
// than expected, is skipped; of what comes twice the last wins.

// decode reads the message in b into resp.
func (r *Reader) decode(resp *Response, b []byte) error {
	resp.reset()
	for m := (message{b: b}); ; {
		if !m.next() {
			if m.bad {
				return fmt.Errorf("%w: response", ErrMalformed)
			}
			break
		}
		k := Kind(m.tag >> 3)
		if m.tag&7 != delimited || m.tag>>3 > uint64(EndReply) || kindNames[k] == "" {
			continue
		}
		if k != resp.Kind {
			resp.reset()
			resp.Kind = k
		}
		if !r.content(resp, m.data) {
			return fmt.Errorf("%w: %s", ErrMalformed, k)
		}
	}
	switch resp.Kind {
	case 0:
		return ErrEmpty
	case BeginReply:
		if resp.Size < 0 {
			return fmt.Errorf("%w: %d", ErrNegativeSize, resp.Size)
		}
		r.within = true
	case EndReply:
		if !r.within {
			return ErrNoBegin
		}
		r.within = false
	}
	return nil
}

// content reads what resp.Kind says that b is.
func (r *Reader) content(resp *Response, b []byte) bool {
	m := message{b: b}
	switch resp.Kind {
	case InfoReply:
		return info(&resp.Info, m)
	case InitReply, RestoreReply:
		for m.next() {
			switch m.tag {
			case 1<<3 | varint:
				resp.Success = m.num != 0
			case 2<<3 | delimited:
				resp.Error = string(m.data)
			}
		}
	case KeepaliveReply:
		for m.next() {
			if m.tag == 1<<3|varint {
				resp.Time = int64(m.num)
			}
		}
	case SnapshotReply:
		for m.next() {
			if m.tag == 1<<3|delimited {
				resp.Snapshot = append(resp.Snapshot[:0], m.data...)
			}
		}
	case ErrorReply:
		for m.next() {
			if m.tag == 1<<3|delimited {
				resp.Error = string(m.data)
			}
		}
	case BeginReply:
		for m.next() {
			switch m.tag {
			case 4<<3 | varint:
				resp.Size = int64(m.num)
			case 5<<3 | varint:
				resp.ByName = m.num != 0
			}
		}
	case PointReply:
		return r.point(resp, m)
	case EndReply:
		return r.end(resp, m)
	}
	return !m.bad
}

func info(x *Info, m message) bool {
	for m.next() {
		switch m.tag {
		case 1<<3 | varint, 2<<3 | varint:
			if m.num > uint64(Batch) {
				return false
			}
			if m.tag == 1<<3|varint {
				x.Wants = Edge(m.num)
			} else {
				x.Provides = Edge(m.num)
			}
		case 3<<3 | delimited:
			name, types, ok := option(message{b: m.data})
			if !ok {
				return false
			}
			if x.Options == nil {
				x.Options = make(map[string][]ValueType)
			}
			x.Options[name] = types
		}
	}
	return !m.bad
}

// option reads an entry of the options in an info.
func option(m message) (name string, types []ValueType, ok bool) {
	for m.next() {
		switch m.tag {
		case 1<<3 | delimited:
			name = string(m.data)
		case 2<<3 | delimited:
			if types, ok = optionTypes(message{b: m.data}); !ok {
				return "", nil, false
			}
		}
	}
	return name, types, !m.bad
}

func optionTypes(m message) (types []ValueType, ok bool) {
	for m.next() {
		switch m.tag {
		case 1<<3 | varint:
			if m.num >= valueTypes {
				return nil, false
			}
			types = append(types, ValueType(m.num))
		case 1<<3 | delimited: // packed
			for p := (message{b: m.data}); len(p.b) > 0; {
				v := p.uvarint()
				if p.bad || v >= valueTypes {
					return nil, false
				}
				types = append(types, ValueType(v))
			}
		}
	}
	return types, !m.bad
}

func (r *Reader) point(resp *Response, m message) bool {
	p := &resp.Point
	r.pairs, r.named = r.pairs[:0], 0
	for m.next() {
		switch m.tag {
		case 1<<3 | varint:
			p.Time = int64(m.num)
		case 2<<3 | delimited:
			p.Name = r.name(m.data)
		case 3<<3 | delimited:
			p.DB = r.name(m.data)
		case 4<<3 | delimited:
			p.RP = r.name(m.data)
		case 6<<3 | delimited:
			resp.Dims = append(resp.Dims, r.name(m.data))
		case 7<<3 | delimited:
			if !r.pair(m.data) {
				return false
			}
		case 8<<3 | delimited, 9<<3 | delimited, 10<<3 | delimited, 12<<3 | delimited:
			if !r.field(p, m.tag>>3, m.data) {
				return false
			}
		case 11<<3 | varint:
			resp.ByName = m.num != 0
		}
	}
	p.Tags = r.tags()
	p.Fields = merge(p.Fields)
	return !m.bad
}

func (r *Reader) end(resp *Response, m message) bool {
	r.pairs, r.named = r.pairs[:0], 0
	for m.next() {
		switch m.tag {
		case 1<<3 | delimited:
			resp.Name = r.name(m.data)
		case 3<<3 | varint:
			resp.TMax = int64(m.num)
		case 4<<3 | delimited:
			if !r.pair(m.data) {
				return false
			}
		}
	}
	resp.Tags = r.tags()
	return !m.bad
}

// pair reads one tag.
func (r *Reader) pair(b []byte) bool {
	var x pair
	m := message{b: b}
	for m.next() {
		switch m.tag {
		case 1<<3 | delimited:
			x.key = m.data
		case 2<<3 | delimited:
			x.value = m.data
		}
	}
	r.pairs = append(r.pairs, x)
	return !m.bad
}

// tags returns the tag set that has been read. The tags come in any order, in Go another one each
// time, so they are sorted before it is looked up.
func (r *Reader) tags() []point.Tag {
	for i := 1; i < len(r.pairs); i++ {
		if bytes.Compare(r.pairs[i-1].key, r.pairs[i].key) > 0 {
			slices.SortStableFunc(r.pairs, func(x, y pair) int { return bytes.Compare(x.key, y.key) })
			break
		}
	}
	for i := range r.pairs {
		r.names.TagBytes(r.pairs[i].key, r.pairs[i].value)
	}
	return r.names.Tags()
}

// field reads one field, of the type that the number of its map says.
func (r *Reader) field(p *point.Point, num uint64, b []byte) bool {
	f := point.Field{Value: point.Value{Kind: [...]point.Kind{8: point.Float, 9: point.Int, 10: point.String, 12: point.Bool}[num]}}
	m := message{b: b}
	for m.next() {
		switch m.tag {
		case 1<<3 | delimited:
			f.Key = r.name(m.data)
		case 2<<3 | varint:
			switch f.Value.Kind {
			case point.Int:
				f.Value.Num = m.num
			case point.Bool:
				f.Value = point.BoolValue(m.num != 0)
			}
		case 2<<3 | fixed64:
			if f.Value.Kind == point.Float {
				f.Value.Num = m.num
			}
		case 2<<3 | delimited:
			if f.Value.Kind == point.String {
				f.Value.Text = r.text(m.data)
			}
		}
	}
	p.Fields = append(p.Fields, f)
	return !m.bad
}

// precedence says which field of a name counts if there are several: the highest.
var precedence = [...]int{point.String: 0, point.Int: 1, point.Float: 2, point.Bool: 3}

// merge sorts fields by key; of equal keys the type with the highest precedence stays, and of equal
// types the last.
func merge(fields []point.Field) []point.Field {
	sorted := true
	for i := 1; i < len(fields) && sorted; i++ {
		sorted = fields[i-1].Key < fields[i].Key
	}
	if sorted {
		return fields
	}
	slices.SortStableFunc(fields, func(a, b point.Field) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		return precedence[a.Value.Kind] - precedence[b.Value.Kind]
	})
	return point.SortFields(fields)
}

// A message walks over the fields of an encoded message.
type message struct {
	b    []byte
	tag  uint64 // number of the field << 3 | wire type
	num  uint64 // its value, if it is a number
	data []byte // its value, if it is bytes
	bad  bool
}

// maxNesting bounds how deep groups, an old wire type that nobody knows, may be nested.
const maxNesting = 100

// next moves on to the next field. At the end, and where the message is malformed, it returns false.
func (m *message) next() bool {
	if m.bad || len(m.b) == 0 {
		return false
	}
	m.field(0)
	return !m.bad
}

func (m *message) field(depth int) {
	m.tag = m.uvarint()
	if n := m.tag >> 3; n == 0 || n > 1<<29-1 {
		m.bad = true
		return
	}
	switch m.tag & 7 {
	case varint:
		m.num = m.uvarint()
	case fixed64:
		if b := m.take(8); b != nil {
			m.num = binary.LittleEndian.Uint64(b)
		}
	case fixed32:
		if b := m.take(4); b != nil {
			m.num = uint64(binary.LittleEndian.Uint32(b))
		}
	case delimited:
		m.data = m.take(m.uvarint())
	case group:
		m.group(m.tag, depth)
	default:
		m.bad = true
	}
}

// group skips the fields of a group up to its end.
func (m *message) group(tag uint64, depth int) {
	for depth < maxNesting && !m.bad {
		before := m.b
		if m.uvarint() == tag-group+groupEnd {
			m.tag = tag
			return
		}
		m.b = before
		m.field(depth + 1)
	}
	m.bad = true
}

func (m *message) take(n uint64) []byte {
	if m.bad || n > uint64(len(m.b)) {
		m.bad = true
		return nil
	}
	b := m.b[:n]
	m.b = m.b[n:]
	return b
}

func (m *message) uvarint() uint64 {
	if len(m.b) > 0 && m.b[0] < 0x80 {
		v := m.b[0]
		m.b = m.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(m.b)
	if n <= 0 {
		m.bad = true
		return 0
	}
	m.b = m.b[n:]
	return v
}
