package agent

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// Points are nearly all that is sent. This file reads and writes them without the reflection of the
// protobuf library, several times as fast (BenchmarkMirror). What is not an ordinary point is left to
// the library, so there is one place that says what is right.

// Field numbers of Request, Response and Point, with their wire types in the lower three bits: 0 for a
// varint, 1 for eight bytes, 2 for a length and as many bytes.
const (
	tagPoint           = 17<<3 | 2
	tagTime            = 1 << 3
	tagName            = 2<<3 | 2
	tagDatabase        = 3<<3 | 2
	tagRetentionPolicy = 4<<3 | 2
	tagGroup           = 5<<3 | 2
	tagDimensions      = 6<<3 | 2
	tagTags            = 7<<3 | 2
	tagFieldsDouble    = 8<<3 | 2
	tagFieldsInt       = 9<<3 | 2
	tagFieldsString    = 10<<3 | 2
	tagByName          = 11 << 3
	tagFieldsBool      = 12<<3 | 2

	// Those of an entry of a map.
	tagKey    = 1<<3 | 2
	tagText   = 2<<3 | 2
	tagVarint = 2 << 3
	tagDouble = 2<<3 | 1
)

// pointRequest is a Request that holds a Point, in one piece.
type pointRequest struct {
	request Request
	oneof   Request_Point
	point   Point
}

// unmarshalPoint decodes a message that is a Request with an ordinary point and returns nil for any
// other, right or wrong.
func unmarshalPoint(b []byte) *Request {
	r := reader{b: b}
	if r.varint() != tagPoint {
		return nil
	}
	if n := r.varint(); r.bad || n != uint64(len(r.b)) {
		return nil
	}
	m := new(pointRequest)
	// All strings of the point share one.
	r.s = string(r.b)
	if !utf8.ValidString(r.s) {
		// There may be numbers in it that look like text that is not valid; each text is checked then.
		r.strict = true
	}
	if !r.point(&m.point) {
		return nil
	}
	m.oneof.Point = &m.point
	m.request.Message = &m.oneof
	return &m.request
}

// reader takes a message apart. What it finds wrong makes it bad and empty.
type reader struct {
	b      []byte // what is left
	s      string // all that was there; it ends where b ends
	strict bool
	bad    bool
}

func (r *reader) fail() {
	r.bad, r.b = true, nil
}

func (r *reader) varint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		v := uint64(r.b[0])
		r.b = r.b[1:]
		return v
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) double() float64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	return v
}

func (r *reader) text() string {
	n := r.varint()
	if n > uint64(len(r.b)) {
		r.fail()
		return ""
	}
	at := len(r.s) - len(r.b)
	s := r.s[at : at+int(n)]
	if r.strict && !utf8.ValidString(s) {
		r.fail()
		return ""
	}
	r.b = r.b[n:]
	return s
}

// entry reads the length of a map's entry and its key, and expects a value with the tag. It returns
// what must be left when the value is read.
func (r *reader) entry(value uint64) (key string, left int) {
	n := r.varint()
	if n > uint64(len(r.b)) {
		r.fail()
		return "", 0
	}
	left = len(r.b) - int(n)
	if r.varint() != tagKey {
		r.fail()
	}
	key = r.text()
	if r.varint() != value {
		r.fail()
	}
	return key, left
}

// put puts a value into a map of a point.
func put[V any](r *reader, m *map[string]V, key string, v V, left int) {
	if r.bad || len(r.b) != left {
		r.fail()
		return
	}
	if *m == nil {
		*m = make(map[string]V)
	}
	(*m)[key] = v
}

func (r *reader) point(p *Point) bool {
	for len(r.b) > 0 {
		switch r.varint() {
		case tagTime:
			p.Time = int64(r.varint())
		case tagName:
			p.Name = r.text()
		case tagDatabase:
			p.Database = r.text()
		case tagRetentionPolicy:
			p.RetentionPolicy = r.text()
		case tagGroup:
			p.Group = r.text()
		case tagDimensions:
			p.Dimensions = append(p.Dimensions, r.text())
		case tagTags:
			k, left := r.entry(tagText)
			put(r, &p.Tags, k, r.text(), left)
		case tagFieldsDouble:
			k, left := r.entry(tagDouble)
			put(r, &p.FieldsDouble, k, r.double(), left)
		case tagFieldsInt:
			k, left := r.entry(tagVarint)
			put(r, &p.FieldsInt, k, int64(r.varint()), left)
		case tagFieldsString:
			k, left := r.entry(tagText)
			put(r, &p.FieldsString, k, r.text(), left)
		case tagByName:
			p.ByName = r.varint() != 0
		case tagFieldsBool:
			k, left := r.entry(tagVarint)
			put(r, &p.FieldsBool, k, r.varint() != 0, left)
		default:
			return false
		}
	}
	return !r.bad
}

// pointHead is the room for what stands before a point: the length of the message, the tag and the
// length of the point.
const pointHead = 5 + 2 + 5

// appendPoint appends a Response that is a point, with its length in front. It reports false, and
// appends nothing of use, if the point is not an ordinary one.
func appendPoint(b []byte, p *Point) ([]byte, bool) {
	if p == nil || len(p.unknownFields) > 0 {
		return b, false
	}
	w := writer{b: append(b, make([]byte, pointHead)...), ok: true}
	start := len(w.b)
	if p.Time != 0 {
		w.varint(tagTime, uint64(p.Time))
	}
	w.nonEmpty(tagName, p.Name)
	w.nonEmpty(tagDatabase, p.Database)
	w.nonEmpty(tagRetentionPolicy, p.RetentionPolicy)
	w.nonEmpty(tagGroup, p.Group)
	for _, d := range p.Dimensions {
		w.text(tagDimensions, d)
	}
	for k, v := range p.Tags {
		w.key(tagTags, k, 1+textSize(v))
		w.text(tagText, v)
	}
	for k, v := range p.FieldsDouble {
		w.key(tagFieldsDouble, k, 1+8)
		w.b = append(w.b, tagDouble)
		w.b = binary.LittleEndian.AppendUint64(w.b, math.Float64bits(v))
	}
	for k, v := range p.FieldsInt {
		w.key(tagFieldsInt, k, 1+varintSize(uint64(v)))
		w.varint(tagVarint, uint64(v))
	}
	for k, v := range p.FieldsString {
		w.key(tagFieldsString, k, 1+textSize(v))
		w.text(tagText, v)
	}
	if p.ByName {
		w.varint(tagByName, 1)
	}
	for k, v := range p.FieldsBool {
		w.key(tagFieldsBool, k, 1+1)
		if v {
			w.b = append(w.b, tagVarint, 1)
		} else {
			w.b = append(w.b, tagVarint, 0)
		}
	}
	size := len(w.b) - start
	if !w.ok || size > MaxMessage-pointHead {
		return b, false
	}
	// The head goes where it belongs, and the point moves up to it.
	head := binary.AppendUvarint(b, uint64(2+varintSize(uint64(size))+size))
	head = binary.AppendUvarint(head, tagPoint)
	head = binary.AppendUvarint(head, uint64(size))
	return append(head, w.b[start:]...), true
}

// writer puts a message together. It is not ok when a text is not valid.
type writer struct {
	b  []byte
	ok bool
}

func (w *writer) varint(tag byte, v uint64) {
	w.b = binary.AppendUvarint(append(w.b, tag), v)
}

func (w *writer) text(tag byte, s string) {
	w.ok = w.ok && utf8.ValidString(s)
	w.b = binary.AppendUvarint(append(w.b, tag), uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) nonEmpty(tag byte, s string) {
	if s != "" {
		w.text(tag, s)
	}
}

// key begins an entry of a map, whose value takes size bytes with its tag.
func (w *writer) key(tag byte, key string, size int) {
	w.varint(tag, uint64(1+textSize(key)+size))
	w.text(tagKey, key)
}

// textSize returns how many bytes a text takes with its length.
func textSize(s string) int { return varintSize(uint64(len(s))) + len(s) }

// varintSize returns how many bytes a varint takes.
func varintSize(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
