package udf

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

// These tests compare the codec with generated code on random messages.

// random makes messages.
type random struct{ *rand.Rand }

func newRandom() random { return random{rand.New(rand.NewPCG(1, 2))} }

func (r random) text() string {
	letters := []rune("ab=,\"é\n世\x00")
	out := make([]rune, r.IntN(4))
	for i := range out {
		out[i] = letters[r.IntN(len(letters))]
	}
	if r.IntN(20) == 0 {
		return strings.Repeat("long", r.IntN(100))
	}
	return string(out)
}

func (r random) int() int64 { return r.Int64() >> r.IntN(64) * int64(1-2*r.IntN(2)) }

func (r random) tags() []point.Tag {
	var tags []point.Tag
	for range r.IntN(4) {
		tags = point.SetTag(tags, r.text(), r.text())
	}
	return tags
}

func (r random) value() point.Value {
	switch r.IntN(4) {
	case 0:
		return point.FloatValue([]float64{0, 1.5, -1, math.Inf(1), math.NaN(), math.Copysign(0, -1)}[r.IntN(6)])
	case 1:
		return point.IntValue(r.int())
	case 2:
		return point.StringValue(r.text())
	}
	return point.BoolValue(r.IntN(2) == 0)
}

func (r random) point() *point.Point {
	p := &point.Point{Name: r.text(), DB: r.text(), RP: r.text(), Time: r.int(), Tags: r.tags(), Group: &point.Group{ID: r.text(), ByName: r.IntN(2) == 0, Tags: r.tags()}}
	for range r.IntN(3) {
		p.Group.Dims = append(p.Group.Dims, r.text())
	}
	for range r.IntN(7) {
		p.Fields = point.SetField(p.Fields, r.text(), r.value())
	}
	return p
}

func tagMap(tags []point.Tag) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

// generated returns p as generated code has it.
func generated(p *point.Point) *agent.Point {
	m := &agent.Point{
		Time: p.Time, Name: p.Name, Database: p.DB, RetentionPolicy: p.RP, Group: p.Group.ID, Dimensions: p.Group.Dims, ByName: p.Group.ByName, Tags: tagMap(p.Tags),
		FieldsDouble: map[string]float64{}, FieldsInt: map[string]int64{}, FieldsString: map[string]string{}, FieldsBool: map[string]bool{},
	}
	for _, f := range p.Fields {
		switch f.Value.Kind {
		case point.Float:
			m.FieldsDouble[f.Key] = f.Value.Float()
		case point.Int:
			m.FieldsInt[f.Key] = f.Value.Int()
		case point.String:
			m.FieldsString[f.Key] = f.Value.Text
		case point.Bool:
			m.FieldsBool[f.Key] = f.Value.Bool()
		}
	}
	return m
}

// marshal returns the frame that generated code makes of m, maps in the order of their keys.
func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	require.NoError(t, err)
	return framed(b)
}

// requests takes frames apart.
func requests(t *testing.T, b []byte) (out []*agent.Request) {
	t.Helper()
	for len(b) > 0 {
		n, w := binary.Uvarint(b)
		m := &agent.Request{}
		require.NoError(t, proto.Unmarshal(b[w:w+int(n)], m))
		out = append(out, m)
		b = b[w+int(n):]
	}
	return out
}

// TestPointsAreWrittenAsGenerated wants the very bytes.
func TestPointsAreWrittenAsGenerated(t *testing.T) {
	r := newRandom()
	for range 2000 {
		p := r.point()
		require.Equal(t, marshal(t, &agent.Request{Message: &agent.Request_Point{Point: generated(p)}}), AppendPoint(nil, p))
	}
}

func TestBatchesAreWrittenAsGenerated(t *testing.T) {
	r := newRandom()
	for range 500 {
		g := &point.Group{ID: r.text(), ByName: r.IntN(2) == 0, Tags: r.tags()}
		x := &point.Batch{Name: r.text(), TMax: r.int(), Group: g}
		for range r.IntN(4) {
			x.Points = append(x.Points, *r.point())
		}
		got := requests(t, AppendBatch(nil, x))
		require.Len(t, got, len(x.Points)+2)
		begin := &agent.BeginBatch{Name: x.Name, Group: g.ID, Tags: tagMap(g.Tags), Size: int64(len(x.Points)), ByName: g.ByName}
		require.True(t, proto.Equal(begin, got[0].GetBegin()))
		for i := range x.Points {
			want := generated(&x.Points[i])
			want.Name, want.Database, want.RetentionPolicy, want.Dimensions, want.ByName, want.Group = "", "", "", nil, false, g.ID
			require.True(t, proto.Equal(want, got[i+1].GetPoint()))
		}
		end := &agent.EndBatch{Name: x.Name, Group: g.ID, Tmax: x.TMax, Tags: tagMap(g.Tags)}
		require.True(t, proto.Equal(end, got[len(got)-1].GetEnd()))
	}
}

func TestInitIsWrittenAsGenerated(t *testing.T) {
	x := &Init{Task: "t", Node: "n", Options: []Option{
		{Name: "mix", Values: []point.Value{
			point.BoolValue(false), point.IntValue(-1), point.FloatValue(0), point.StringValue(""), point.DurationValue(-time.Second),
		}},
		{Name: "none"},
	}}
	want := &agent.InitRequest{TaskID: "t", NodeID: "n", Options: []*agent.Option{
		{Name: "mix", Values: []*agent.OptionValue{
			{Type: agent.ValueType_BOOL, Value: &agent.OptionValue_BoolValue{}},
			{Type: agent.ValueType_INT, Value: &agent.OptionValue_IntValue{IntValue: -1}},
			{Type: agent.ValueType_DOUBLE, Value: &agent.OptionValue_DoubleValue{}},
			{Type: agent.ValueType_STRING, Value: &agent.OptionValue_StringValue{}},
			{Type: agent.ValueType_DURATION, Value: &agent.OptionValue_DurationValue{DurationValue: -1e9}},
		}},
		{Name: "none"},
	}}
	got := requests(t, AppendInit(nil, x))
	require.True(t, proto.Equal(want, got[0].GetInit()), "%v", got[0])
	for _, c := range []struct{ want, got []byte }{
		{marshal(t, &agent.Request{Message: &agent.Request_Info{Info: &agent.InfoRequest{}}}), AppendInfo(nil)},
		{marshal(t, &agent.Request{Message: &agent.Request_Keepalive{Keepalive: &agent.KeepaliveRequest{Time: -7}}}), AppendKeepalive(nil, -7)},
		{marshal(t, &agent.Request{Message: &agent.Request_Snapshot{Snapshot: &agent.SnapshotRequest{}}}), AppendSnapshot(nil)},
		{marshal(t, &agent.Request{Message: &agent.Request_Restore{Restore: &agent.RestoreRequest{Snapshot: []byte{0, 255}}}}), AppendRestore(nil, []byte{0, 255})},
	} {
		require.Equal(t, c.want, c.got)
	}
}

// TestReadGenerated reads what generated code writes, its maps in random order.
func TestReadGenerated(t *testing.T) {
	r := newRandom()
	var stream []byte
	var want []*agent.Response
	add := func(m *agent.Response) {
		b, err := proto.Marshal(m)
		require.NoError(t, err)
		stream = append(stream, framed(b)...)
		want = append(want, m)
	}
	for range 500 {
		add(&agent.Response{Message: &agent.Response_Begin{Begin: &agent.BeginBatch{Name: r.text(), Tags: tagMap(r.tags()), Size: int64(r.IntN(3)), ByName: r.IntN(2) == 0}}})
		for range 4 {
			add(&agent.Response{Message: &agent.Response_Point{Point: generated(r.point())}})
		}
		add(&agent.Response{Message: &agent.Response_Keepalive{Keepalive: &agent.KeepaliveResponse{Time: r.int()}}})
		add(&agent.Response{Message: &agent.Response_Snapshot{Snapshot: &agent.SnapshotResponse{Snapshot: []byte(r.text())}}})
		add(&agent.Response{Message: &agent.Response_Error{Error: &agent.ErrorResponse{Error: r.text()}}})
		add(&agent.Response{Message: &agent.Response_Init{Init: &agent.InitResponse{Success: true, Error: r.text()}}})
		add(&agent.Response{Message: &agent.Response_Info{Info: &agent.InfoResponse{
			Wants: agent.EdgeType_BATCH, Provides: agent.EdgeType(r.IntN(2)),
			Options: map[string]*agent.OptionInfo{r.text(): {ValueTypes: []agent.ValueType{agent.ValueType_DURATION, agent.ValueType_BOOL}}, "none": {}},
		}}})
		add(&agent.Response{Message: &agent.Response_End{End: &agent.EndBatch{Name: r.text(), Tmax: r.int(), Tags: tagMap(r.tags())}}})
	}
	in := NewReader(bytes.NewReader(stream), 0)
	var got Response
	for _, w := range want {
		require.NoError(t, in.Read(&got))
		require.True(t, proto.Equal(normal(w), reply(&got)), "want %v\ngot %v", w, reply(&got))
	}
}

// normal leaves out of m what a Response does not have.
func normal(m *agent.Response) *agent.Response {
	m = proto.Clone(m).(*agent.Response)
	switch x := m.Message.(type) {
	case *agent.Response_Begin:
		x.Begin.Name, x.Begin.Tags = "", nil
	case *agent.Response_Point:
		x.Point.Group = ""
	}
	return m
}

// reply returns r as generated code has it.
func reply(r *Response) *agent.Response {
	m := &agent.Response{}
	switch r.Kind {
	case InfoReply:
		x := &agent.InfoResponse{Wants: agent.EdgeType(r.Info.Wants), Provides: agent.EdgeType(r.Info.Provides), Options: map[string]*agent.OptionInfo{}}
		for name, types := range r.Info.Options {
			o := &agent.OptionInfo{}
			for _, t := range types {
				o.ValueTypes = append(o.ValueTypes, agent.ValueType(t))
			}
			x.Options[name] = o
		}
		m.Message = &agent.Response_Info{Info: x}
	case InitReply:
		m.Message = &agent.Response_Init{Init: &agent.InitResponse{Success: r.Success, Error: r.Error}}
	case KeepaliveReply:
		m.Message = &agent.Response_Keepalive{Keepalive: &agent.KeepaliveResponse{Time: r.Time}}
	case SnapshotReply:
		m.Message = &agent.Response_Snapshot{Snapshot: &agent.SnapshotResponse{Snapshot: slices.Clone(r.Snapshot)}}
	case ErrorReply:
		m.Message = &agent.Response_Error{Error: &agent.ErrorResponse{Error: r.Error}}
	case BeginReply:
		m.Message = &agent.Response_Begin{Begin: &agent.BeginBatch{Size: r.Size, ByName: r.ByName}}
	case PointReply:
		p := r.Point
		p.Group = &point.Group{Dims: r.Dims, ByName: r.ByName}
		m.Message = &agent.Response_Point{Point: generated(&p)}
	case EndReply:
		m.Message = &agent.Response_End{End: &agent.EndBatch{Name: r.Name, Tmax: r.TMax, Tags: tagMap(r.Tags)}}
	}
	return m
}
