package udf

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// raw returns bytes written as hexadecimal numbers, words in quotes, and brackets: [ … ] is the length of
// what is inside and then the inside.
func raw(t testing.TB, text string) []byte {
	t.Helper()
	var stack [][]byte
	var out []byte
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		switch text[0] {
		case '[':
			stack, out, text = append(stack, out), nil, text[1:]
		case ']':
			outer := stack[len(stack)-1]
			out, stack, text = append(outer, framed(out)...), stack[:len(stack)-1], text[1:]
		case '"':
			word, rest, _ := strings.Cut(text[1:], `"`)
			out, text = append(out, word...), rest
		default:
			b, err := hex.DecodeString(text[:2])
			require.NoError(t, err)
			out, text = append(out, b...), text[2:]
		}
	}
	require.Empty(t, stack)
	return out
}

// framed puts the length in front.
func framed(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }

func fields(kv ...any) []point.Field {
	var out []point.Field
	for i := 0; i < len(kv); i += 2 {
		f := point.Field{Key: kv[i].(string)}
		switch v := kv[i+1].(type) {
		case float64:
			f.Value = point.FloatValue(v)
		case int:
			f.Value = point.IntValue(int64(v))
		case string:
			f.Value = point.StringValue(v)
		case bool:
			f.Value = point.BoolValue(v)
		}
		out = append(out, f)
	}
	return out
}

func TestResponses(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     Response
	}{
		{"info", `0a [08 01 10 01 1a [0a [ "field" ] 12 [0a []]] 1a [0a [] 12 [0a []]]]`, Response{
			Kind: InfoReply,
			Info: Info{Wants: Batch, Provides: Batch, Options: map[string][]ValueType{"field": nil, "": nil}},
		}},
		{"packed types", `0a [1a [0a [ "f" ] 12 [0a [03 02 04 00]]]]`, Response{
			Kind: InfoReply,
			Info: Info{Options: map[string][]ValueType{"f": {String, Double, Duration, Bool}}},
		}},
		{"single types", `0a [1a [0a [ "f" ] 12 [08 03 08 01]]]`, Response{
			Kind: InfoReply,
			Info: Info{Options: map[string][]ValueType{"f": {String, Int}}},
		}},
		{"info of nothing", `0a 00`, Response{Kind: InfoReply}},
		{"init", `12 02 08 01`, Response{Kind: InitReply, Success: true}},
		{"init refused", `12 06 12 04 "nope"`, Response{Kind: InitReply, Error: "nope"}},
		{"keepalive", `1a 03 08 ac 02`, Response{Kind: KeepaliveReply, Time: 300}},
		{"snapshot", `22 07 0a 05 "state"`, Response{Kind: SnapshotReply, Snapshot: []byte("state")}},
		{"restore", `2a 02 08 01`, Response{Kind: RestoreReply, Success: true}},
		{"error", `32 06 0a 04 "oops"`, Response{Kind: ErrorReply, Error: "oops"}},
		{"begin", `82 01 [0a [ "m" ] 12 [] 1a [0a []] 20 07 28 01]`, Response{Kind: BeginReply, Size: 7, ByName: true}},
		{
			"point", `8a 01 [08 01 12 [ "m" ] 1a [ "db" ] 22 [ "rp" ] 2a [ "x=y" ] 32 [ "i" ] 32 [ "h" ]` +
				`3a [0a [ "i" ] 12 [ "b" ]] 3a [0a [ "h" ] 12 [ "a" ]]` +
				`62 [0a [ "b" ] 10 01] 42 [0a [ "d" ] 11 00 00 00 00 00 00 f0 3f] 52 [0a [ "s" ] 12 [ "x" ]] 4a [0a [ "i" ] 10 03] 58 01]`,
			Response{Kind: PointReply, ByName: true, Dims: []string{"i", "h"}, Point: point.Point{
				Name: "m", DB: "db", RP: "rp", Time: 1, Tags: []point.Tag{{Key: "h", Value: "a"}, {Key: "i", Value: "b"}},
				Fields: fields("b", true, "d", 1.0, "i", 3, "s", "x"),
			}},
		},
		{"end", `92 01 [0a [ "m" ] 12 [] 18 05 22 [0a [ "h" ] 12 [ "a" ]]]`, Response{Kind: EndReply, Name: "m", TMax: 5, Tags: []point.Tag{{Key: "h", Value: "a"}}}},
		{"negative time", `8a 01 [08 ff ff ff ff ff ff ff ff ff 01]`, Response{Kind: PointReply, Point: point.Point{Time: -1}}},
		{"empty entries", `8a 01 [3a [] 42 [] 4a [] 52 [] 62 []]`, Response{Kind: PointReply, Point: point.Point{
			Tags: []point.Tag{{}}, Fields: fields("", false),
		}}},
		{
			"boolean wins over float over int over string",
			`8a 01 [62 [0a [ "a" ] 10 01] 42 [0a [ "a" ] 11 00 00 00 00 00 00 f0 3f] 42 [0a [ "b" ] 11 00 00 00 00 00 00 f0 3f] 4a [0a [ "b" ] 10 02]` +
				`4a [0a [ "c" ] 10 03] 52 [0a [ "c" ] 12 [ "x" ]] 4a [0a [ "a" ] 10 02]]`,
			Response{Kind: PointReply, Point: point.Point{Fields: fields("a", true, "b", 1.0, "c", 3)}},
		},
		{"last of equals", `8a 01 [4a [0a [ "a" ] 10 01] 4a [0a [ "a" ] 10 02] 3a [0a [ "h" ] 12 [ "a" ]] 3a [0a [ "h" ] 12 [ "b" ]]]`, Response{
			Kind:  PointReply,
			Point: point.Point{Tags: []point.Tag{{Key: "h", Value: "b"}}, Fields: fields("a", 2)},
		}},
		{
			"unknown fields of all wire types",
			`a8 01 07 8a 01 [a0 01 01 a1 01 01 02 03 04 05 06 07 08 aa 01 [ "x" ] ad 01 01 02 03 04 08 05 b3 01 08 01 bb 01 bc 01 b4 01]`,
			Response{Kind: PointReply, Point: point.Point{Time: 5}},
		},
		{"known field of another type", `8a 01 [0a [ "x" ] 08 05]`, Response{Kind: PointReply, Point: point.Point{Time: 5}}},
		{"the last member counts", `32 [0a [ "oops" ]] 1a [08 07]`, Response{Kind: KeepaliveReply, Time: 7}},
		{"a member in two parts", `12 [08 01] 12 [12 [ "nope" ]]`, Response{Kind: InitReply, Success: true, Error: "nope"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewReader(iotest.OneByteReader(bytes.NewReader(raw(t, "["+c.in+"]"))), 0)
			r.within = c.want.Kind == EndReply
			var got Response
			require.NoError(t, r.Read(&got))
			if len(got.Dims) == 0 {
				got.Dims = nil
			}
			if len(got.Snapshot) == 0 {
				got.Snapshot = nil
			}
			if len(got.Point.Fields) == 0 {
				got.Point.Fields = nil
			}
			require.Equal(t, c.want, got)
			require.ErrorIs(t, r.Read(&got), io.EOF)
		})
	}
}

func TestBadFrames(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     error
		text     string
	}{
		{"nothing", ``, io.EOF, "EOF"},
		{"empty frame", `00`, ErrEmpty, "message without a known content"},
		{"unknown content", `03 9a 01 00`, ErrEmpty, "message without a known content"},
		{"only length", `05`, ErrTruncated, "stream ends inside a frame: got 0 of 5 bytes"},
		{"half a length", `85`, ErrTruncated, "stream ends inside a frame: got 1 of 2 bytes"},
		{"half a frame", `05 0a 03`, ErrTruncated, "stream ends inside a frame: got 2 of 5 bytes"},
		{"large", `81 08`, ErrOversized, "frame is too large: 1025 bytes, want 1024 at the most"},
		{"very large", `ff ff ff ff 0f`, ErrOversized, "frame is too large: 4294967295 bytes, want 1024 at the most"},
		{"length of more than 32 bits", `ff ff ff ff ff 01`, ErrMalformed, "malformed message: the length of a frame has more than 32 bits"},
		{"number zero", `02 00 00`, ErrMalformed, "malformed message: response"},
		{"wire type 6", `02 0e 00`, ErrMalformed, "malformed message: response"},
		{"content longer than the frame", `02 0a 05`, ErrMalformed, "malformed message: response"},
		{"half a varint", `04 1a 02 08 80`, ErrMalformed, "malformed message: keepalive"},
		{"half a double", `07 8a 01 04 42 02 11 01`, ErrMalformed, "malformed message: point"},
		{"edge of no kind", `04 0a 02 08 02`, ErrMalformed, "malformed message: info"},
		{"type of no kind", `0b 0a 09 1a 07 0a 01 "f" 12 02 08 05`, ErrMalformed, "malformed message: info"},
		{"open group", `03 f3 01 08`, ErrMalformed, "malformed message: response"},
		{"negative size", `0e 82 01 0b 20 ff ff ff ff ff ff ff ff ff 01`, ErrNegativeSize, "begin of a batch has a negative size: -1"},
		{"end without begin", `03 92 01 00`, ErrNoBegin, "end of a batch without a begin"},
		{"second end", `03 82 01 00 03 92 01 00 03 92 01 00`, ErrNoBegin, "end of a batch without a begin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewReader(bytes.NewReader(raw(t, c.in)), 1024)
			var resp Response
			var err error
			for err == nil {
				err = r.Read(&resp)
			}
			require.ErrorIs(t, err, c.want)
			require.EqualError(t, err, c.text)
			require.Equal(t, err, r.Read(&resp), "an error stays")
		})
	}
}

// TestLargeFrames checks frames around the size of the buffer, and that an announced length alone
// allocates little.
func TestLargeFrames(t *testing.T) {
	var stream []byte
	var sizes []int
	for _, n := range []int{0, 1, 127, 128, readAhead - 8, readAhead - 7, readAhead, 3 * readAhead, keepFrame + 1, 5} {
		body := binary.AppendUvarint([]byte{0x0a}, uint64(n))
		body = append(body, make([]byte, n)...)
		stream = append(stream, framed(append(binary.AppendUvarint([]byte{0x22}, uint64(len(body))), body...))...)
		sizes = append(sizes, n)
	}
	r := NewReader(iotest.HalfReader(bytes.NewReader(stream)), 0)
	var resp Response
	for _, n := range sizes {
		require.NoError(t, r.Read(&resp))
		require.Len(t, resp.Snapshot, n)
	}
	require.ErrorIs(t, r.Read(&resp), io.EOF)
	require.LessOrEqual(t, cap(r.large), keepFrame)

	lie := NewReader(bytes.NewReader(raw(t, `80 80 80 20 0a`)), 0)
	require.ErrorIs(t, lie.Read(&resp), ErrTruncated)
	require.LessOrEqual(t, cap(lie.large), readAhead)
}

// TestReadError checks that an error of the connection is not taken for one of the protocol.
func TestReadError(t *testing.T) {
	gone := errors.New("connection reset")
	var resp Response
	for _, in := range []string{``, `05`, `05 0a`, `80 80 08`} {
		r := NewReader(io.MultiReader(bytes.NewReader(raw(t, in)), iotest.ErrReader(gone)), 0)
		require.Equal(t, gone, r.Read(&resp))
	}
}

// mirrored returns the frames of responses that give back the requests for p.
func mirrored(p *point.Point, n int) []byte {
	var out []byte
	for range n {
		out = AppendPoint(out, p) // points are the same in both directions
	}
	return out
}

func TestDecodeAllocates(t *testing.T) {
	const n = 1000
	src := bytes.NewReader(mirrored(samplePoint(), 3*n))
	r := NewReader(src, 0)
	var resp Response
	for range n {
		require.NoError(t, r.Read(&resp))
	}
	require.Zero(t, testing.AllocsPerRun(n, func() {
		if err := r.Read(&resp); err != nil {
			t.Fatal(err)
		}
	}))
	want := samplePoint()
	want.Group = nil
	require.Equal(t, *want, resp.Point)
	require.Equal(t, []string{"host"}, resp.Dims)
}

func BenchmarkRead(b *testing.B) {
	const n = 1000
	stream := mirrored(samplePoint(), n)
	src := bytes.NewReader(nil)
	r := NewReader(src, 0)
	var resp Response
	b.SetBytes(int64(len(stream) / n))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%n == 0 {
			src.Reset(stream)
			r.src.Reset(src)
		}
		if err := r.Read(&resp); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzRead(f *testing.F) {
	p := samplePoint()
	f.Add(AppendPoint(nil, p))
	f.Add(AppendBatch(nil, &point.Batch{Name: "m", Group: p.Group, Points: []point.Point{*p}}))
	f.Add(AppendKeepalive(AppendRestore(nil, []byte("state")), 5))
	for _, in := range []string{
		`1b 0a 19 08 01 10 01 1a 0b 0a 05 "field" 12 02 0a 00 1a 06 0a 00 12 02 0a 00`, `06 82 01 03 1a 01 0a`, `0a 32 06 0a 04 "oops" 12 00`,
		`04 f3 01 f4 01`, `80 80 80 20 0a`,
	} {
		f.Add(raw(f, in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 1 << 12
		r := NewReader(bytes.NewReader(in), limit)
		var resp Response
		for read := 0; ; read++ {
			err := r.Read(&resp)
			if err != nil {
				require.Error(t, r.Read(&resp))
				break
			}
			require.LessOrEqual(t, read, len(in))
			require.NotEmpty(t, kindNames[resp.Kind])
			require.LessOrEqual(t, len(resp.Point.Fields)+len(resp.Point.Tags)+len(resp.Tags)+len(resp.Dims)+len(resp.Snapshot), limit)
			for i := 1; i < len(resp.Point.Fields); i++ {
				require.Less(t, resp.Point.Fields[i-1].Key, resp.Point.Fields[i].Key)
			}
			for i := 1; i < len(resp.Point.Tags); i++ {
				require.Less(t, resp.Point.Tags[i-1].Key, resp.Point.Tags[i].Key)
			}
			if resp.Kind == PointReply {
				again(t, &resp)
			}
		}
	})
}

// again checks that a point that was read is written so that it is read as the same.
func again(t *testing.T, resp *Response) {
	p := resp.Point
	p.Group = &point.Group{Dims: resp.Dims, ByName: resp.ByName}
	var back Response
	require.NoError(t, NewReader(bytes.NewReader(AppendPoint(nil, &p)), 0).Read(&back))
	if frame := AppendPoint(nil, &p); !strings.Contains(string(frame), "\ufffd") {
		require.Equal(t, frame, AppendPoint(nil, &point.Point{
			Name: back.Point.Name, DB: back.Point.DB, RP: back.Point.RP, Time: back.Point.Time, Tags: back.Point.Tags, Fields: back.Point.Fields,
			Group: &point.Group{Dims: back.Dims, ByName: back.ByName},
		}))
	}
}
