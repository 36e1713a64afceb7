package agent

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

// ordinary are messages that unmarshalPoint must take itself.
func ordinary() []*Point {
	r := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		out := make([]rune, r.IntN(5))
		for i := range out {
			out[i] = []rune("abö世\x00")[r.IntN(5)]
		}
		if r.IntN(20) == 0 {
			return string(make([]byte, r.IntN(300)))
		}
		return string(out)
	}
	points := []*Point{{}, {Time: -1}, {ByName: true, Dimensions: []string{"", "a"}}}
	for range 3000 {
		p := &Point{
			Time: r.Int64() >> r.IntN(64) * int64(1-2*r.IntN(2)), Name: text(), Database: text(), RetentionPolicy: text(), Group: text(),
			ByName: r.IntN(2) == 0,
			Tags:   map[string]string{}, FieldsDouble: map[string]float64{}, FieldsInt: map[string]int64{}, FieldsString: map[string]string{}, FieldsBool: map[string]bool{},
		}
		for range r.IntN(4) {
			p.Dimensions = append(p.Dimensions, text())
			p.Tags[text()] = text()
			p.FieldsDouble[text()] = []float64{0, math.Copysign(0, -1), 1.5, math.NaN(), math.Inf(1), -1e300}[r.IntN(6)]
			p.FieldsInt[text()] = r.Int64() >> r.IntN(64) * int64(1-2*r.IntN(2))
			p.FieldsString[text()] = text()
			p.FieldsBool[text()] = r.IntN(2) == 0
		}
		points = append(points, p)
	}
	return points
}

// TestPointTwin compares our own reading and writing of points with the library's.
func TestPointTwin(t *testing.T) {
	for _, p := range ordinary() {
		b, err := proto.Marshal(&Request{Message: &Request_Point{Point: p}})
		require.NoError(t, err)
		got := unmarshalPoint(b)
		require.NotNil(t, got, "%v", p)
		require.True(t, proto.Equal(p, got.GetPoint()), "want %v, got %v", p, got.GetPoint())

		b, ok := appendPoint([]byte("before"), p)
		require.True(t, ok)
		require.Equal(t, "before", string(b[:6]))
		size, n := binary.Uvarint(b[6:])
		require.Len(t, b[6+n:], int(size))
		back := new(Response)
		require.NoError(t, proto.Unmarshal(b[6+n:], back))
		require.True(t, proto.Equal(p, back.GetPoint()), "want %v, got %v", p, back.GetPoint())
	}
}

// TestNotOrdinary leaves to the library what only it knows to judge.
func TestNotOrdinary(t *testing.T) {
	for name, b := range map[string]string{
		"empty":                 "",
		"other message":         "\x0a\x00",
		"two points":            "\x8a\x01\x00\x8a\x01\x00",
		"point and more":        "\x8a\x01\x00\x0a\x00",
		"shorter than said":     "\x8a\x01\x02\x08",
		"unknown field":         "\x8a\x01\x02\x68\x01",
		"other wire type":       "\x8a\x01\x02\x10\x01",
		"not text":              "\x8a\x01\x03\x12\x01\xff",
		"entry without value":   "\x8a\x01\x05\x3a\x03\x0a\x01a",
		"entry without key":     "\x8a\x01\x05\x3a\x03\x12\x01a",
		"entry in other order":  "\x8a\x01\x08\x3a\x06\x12\x01v\x0a\x01k",
		"entry with more":       "\x8a\x01\x0a\x3a\x08\x0a\x01k\x12\x01v\x18\x01",
		"entry that is too big": "\x8a\x01\x08\x3a\x09\x0a\x01k\x12\x01v",
		"number without end":    "\x8a\x01\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		require.Nil(t, unmarshalPoint([]byte(b)), name)
	}
	withUnknown := new(Point)
	require.NoError(t, proto.Unmarshal([]byte("\x68\x01"), withUnknown))
	for name, p := range map[string]*Point{
		"nil":           nil,
		"unknown field": withUnknown,
		"not text":      {Name: "\xff"},
		"key not text":  {FieldsBool: map[string]bool{"\xff": true}},
	} {
		_, ok := appendPoint(nil, p)
		require.False(t, ok, name)
	}
}

// FuzzPoint has our reading agree with the library's wherever it gives a result.
func FuzzPoint(f *testing.F) {
	for _, p := range ordinary()[:50] {
		b, err := proto.Marshal(&Request{Message: &Request_Point{Point: p}})
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := unmarshalPoint(b)
		if got == nil {
			return
		}
		want := new(Request)
		require.NoError(t, proto.Unmarshal(b, want))
		require.True(t, proto.Equal(want, got), "want %v, got %v", want, got)
		out, ok := appendPoint(nil, got.GetPoint())
		require.True(t, ok)
		_, n := binary.Uvarint(out)
		back := new(Response)
		require.NoError(t, proto.Unmarshal(out[n:], back))
		require.True(t, proto.Equal(want.GetPoint(), back.GetPoint()))
	})
}
