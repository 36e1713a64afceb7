package udf

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file writes requests. As in proto3 what has its zero value is left out, but for the keys and
// values of maps and the values of options.

// The wire types of proto3 that are in use.
const (
	varint    = 0
	fixed64   = 1
	delimited = 2
	group     = 3
	groupEnd  = 4
	fixed32   = 5
)

// AppendInfo appends a request for the function's info.
func AppendInfo(b []byte) []byte { return finish(start(b), len(b), InfoReply) }

// AppendInit appends a request to begin with the options of x.
func AppendInit(b []byte, x *Init) []byte {
	from := len(b)
	b = start(b)
	for _, o := range x.Options {
		b = appendMessage(b, 1, appendOption(nil, o))
	}
	b = appendText(b, 2, x.Task)
	b = appendText(b, 3, x.Node)
	return finish(b, from, InitReply)
}

func appendOption(b []byte, o Option) []byte {
	b = appendText(b, 1, o.Name)
	for _, v := range o.Values {
		b = appendMessage(b, 2, appendOptionValue(nil, v))
	}
	return b
}

func appendOptionValue(b []byte, v point.Value) []byte {
	t := typeOf(v)
	if t != 0 {
		b = append(b, 1<<3|varint, byte(t))
	}
	switch t {
	case Bool, Int:
		b = append(b, byte(2+t)<<3|varint)
		return binary.AppendUvarint(b, v.Num)
	case Double:
		return binary.LittleEndian.AppendUint64(append(b, 4<<3|fixed64), v.Num)
	case String:
		return appendBytes(append(b, 5<<3|delimited), valid(v.Text))
	default:
		return binary.AppendUvarint(append(b, 6<<3|varint), v.Num)
	}
}

// AppendKeepalive appends a keepalive of the time t, in nanoseconds since the Unix epoch.
func AppendKeepalive(b []byte, t int64) []byte {
	return finish(appendInt(start(b), 1, t), len(b), KeepaliveReply)
}

// AppendSnapshot appends a request for a snapshot.
func AppendSnapshot(b []byte) []byte { return finish(start(b), len(b), SnapshotReply) }

// AppendRestore appends a request to go on from a snapshot.
func AppendRestore(b, snapshot []byte) []byte {
	from := len(b)
	b = start(b)
	if len(snapshot) > 0 {
		b = append(b, 1<<3|delimited)
		b = binary.AppendUvarint(b, uint64(len(snapshot)))
		b = append(b, snapshot...)
	}
	return finish(b, from, RestoreReply)
}

// Unfit returns the place of the first field of a type that the protocol does not have, or -1. A field
// that is present without a value is not sent, and does no harm.
func Unfit(fields []point.Field) int {
	for i := range fields {
		switch fields[i].Value.Kind {
		case point.Float, point.Int, point.String, point.Bool, point.Null:
		default:
			return i
		}
	}
	return -1
}

// AppendPoint appends a point of a stream. Fields that are [Unfit] are left out.
func AppendPoint(b []byte, p *point.Point) []byte {
	from := len(b)
	b = appendInt(start(b), 1, p.Time)
	b = appendText(b, 2, p.Name)
	b = appendText(b, 3, p.DB)
	b = appendText(b, 4, p.RP)
	byName := false
	if g := p.Group; g != nil {
		b = appendText(b, 5, g.ID)
		for _, d := range g.Dims {
			b = appendBytes(append(b, 6<<3|delimited), valid(d))
		}
		byName = g.ByName
	}
	b = appendTags(b, 7, p.Tags)
	return finish(appendFields(b, p.Fields, byName), from, PointReply)
}

// AppendBatch appends a batch: its begin, its points and its end. Fields that are [Unfit] are left out.
func AppendBatch(b []byte, x *point.Batch) []byte {
	g := x.Group
	if g == nil {
		g = &point.Group{}
	}
	from := len(b)
	b = appendText(start(b), 1, x.Name)
	b = appendText(b, 2, g.ID)
	b = appendTags(b, 3, g.Tags)
	b = appendInt(b, 4, int64(len(x.Points)))
	b = finish(appendTrue(b, 5, g.ByName), from, BeginReply)
	for i := range x.Points {
		p := &x.Points[i]
		from = len(b)
		b = appendInt(start(b), 1, p.Time)
		b = appendText(b, 5, g.ID)
		b = appendTags(b, 7, p.Tags)
		b = finish(appendFields(b, p.Fields, false), from, PointReply)
	}
	from = len(b)
	b = appendText(start(b), 1, x.Name)
	b = appendText(b, 2, g.ID)
	b = appendInt(b, 3, x.TMax)
	b = appendTags(b, 4, g.Tags)
	return finish(b, from, EndReply)
}

// head is the room for what precedes a message in a frame: the frame's length, the tag of the message
// and its length.
const head = 2*binary.MaxVarintLen32 + 2

// start leaves room for the head.
func start(b []byte) []byte { return append(b, make([]byte, head)...) }

// finish writes the head of the frame that begins at from and moves the message up to it.
func finish(b []byte, from int, k Kind) []byte {
	body := b[from+head:]
	var inner, outer [head]byte
	in := binary.AppendUvarint(inner[:0], uint64(k)<<3|delimited)
	in = binary.AppendUvarint(in, uint64(len(body)))
	out := binary.AppendUvarint(outer[:0], uint64(len(in)+len(body)))
	to := from + copy(b[from:], out)
	to += copy(b[to:], in)
	to += copy(b[to:], body)
	return b[:to]
}

func appendMessage(b []byte, num byte, body []byte) []byte {
	b = binary.AppendUvarint(append(b, num<<3|delimited), uint64(len(body)))
	return append(b, body...)
}

func appendInt(b []byte, num byte, v int64) []byte {
	if v == 0 {
		return b
	}
	return binary.AppendUvarint(append(b, num<<3|varint), uint64(v))
}

func appendTrue(b []byte, num byte, v bool) []byte {
	if !v {
		return b
	}
	return append(b, num<<3|varint, 1)
}

func appendText(b []byte, num byte, s string) []byte {
	if s == "" {
		return b
	}
	return appendBytes(append(b, num<<3|delimited), valid(s))
}

func appendBytes(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// valid returns s with what is not UTF-8 replaced: protobuf libraries refuse the whole message for it.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

func appendTags(b []byte, num byte, tags []point.Tag) []byte {
	for i := range tags {
		k, v := valid(tags[i].Key), valid(tags[i].Value)
		b = appendKey(b, num, k, 1+size(uint64(len(v)))+len(v))
		b = appendBytes(append(b, 2<<3|delimited), v)
	}
	return b
}

// appendFields appends the fields, type by type in the order of the numbers, byName in between.
func appendFields(b []byte, fields []point.Field, byName bool) []byte {
	var have [point.Null + 1]bool
	for i := range fields {
		have[fields[i].Value.Kind] = true
	}
	if have[point.Float] {
		for i := range fields {
			if v := fields[i].Value; v.Kind == point.Float {
				b = appendKey(b, 8, valid(fields[i].Key), 9)
				b = binary.LittleEndian.AppendUint64(append(b, 2<<3|fixed64), v.Num)
			}
		}
	}
	if have[point.Int] {
		for i := range fields {
			if v := fields[i].Value; v.Kind == point.Int {
				b = appendKey(b, 9, valid(fields[i].Key), 1+size(v.Num))
				b = binary.AppendUvarint(append(b, 2<<3|varint), v.Num)
			}
		}
	}
	if have[point.String] {
		for i := range fields {
			if v := fields[i].Value; v.Kind == point.String {
				s := valid(v.Text)
				b = appendKey(b, 10, valid(fields[i].Key), 1+size(uint64(len(s)))+len(s))
				b = appendBytes(append(b, 2<<3|delimited), s)
			}
		}
	}
	b = appendTrue(b, 11, byName)
	if have[point.Bool] {
		for i := range fields {
			if v := fields[i].Value; v.Kind == point.Bool {
				b = appendKey(b, 12, valid(fields[i].Key), 2)
				b = append(b, 2<<3|varint, byte(v.Num))
			}
		}
	}
	return b
}

// appendKey appends the begin of a map's entry: its tag, its length and its key. rest is the length of
// the value with its tag.
func appendKey(b []byte, num byte, key string, rest int) []byte {
	n := 1 + size(uint64(len(key))) + len(key) + rest
	b = binary.AppendUvarint(append(b, num<<3|delimited), uint64(n))
	return appendBytes(append(b, 1<<3|delimited), key)
}

// size returns the length of v as a varint.
func size(v uint64) int {
	n := 1
	for v > math.MaxInt8 {
		v >>= 7
		n++
	}
	return n
}
