package main

import (
	"bufio"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

func option(name, field string, v float64) *agent.Option {
	return &agent.Option{Name: name, Values: []*agent.OptionValue{
		{Type: agent.ValueType_STRING, Value: &agent.OptionValue_StringValue{StringValue: field}},
		{Type: agent.ValueType_DOUBLE, Value: &agent.OptionValue_DoubleValue{DoubleValue: v}},
	}}
}

func TestInit(t *testing.T) {
	r, err := new(mirror).Init(&agent.InitRequest{})
	require.NoError(t, err)
	require.Equal(t, "must set the name and the value of a field: .field('name', 42.0)", r.Error)
	require.False(t, r.Success)

	m := new(mirror)
	r, err = m.Init(&agent.InitRequest{Options: []*agent.Option{option("field", "a", 1), option("field", "b", 2)}})
	require.NoError(t, err)
	require.True(t, r.Success)
	require.Equal(t, mirror{name: "b", value: 2}, *m)
}

func TestMirror(t *testing.T) {
	ours, theirs := net.Pipe()
	accepter{}.Accept(theirs)
	in := bufio.NewReader(ours)
	var buf []byte
	ask := func(r *agent.Request) *agent.Response {
		require.NoError(t, agent.WriteMessage(r, ours))
		got := new(agent.Response)
		require.NoError(t, agent.ReadMessage(&buf, in, got))
		return got
	}
	require.True(t, ask(&agent.Request{Message: &agent.Request_Init{Init: &agent.InitRequest{
		Options: []*agent.Option{option("field", "mycustom_field", 42)},
	}}}).GetInit().GetSuccess())
	for _, p := range []*agent.Point{
		{Time: 1, Name: "cpu"},
		{Time: 2, Name: "cpu", Tags: map[string]string{"host": "a"}, FieldsDouble: map[string]float64{"idle": 99}, FieldsInt: map[string]int64{"n": 3}},
	} {
		got := ask(&agent.Request{Message: &agent.Request_Point{Point: p}}).GetPoint()
		want := proto.CloneOf(p)
		if want.FieldsDouble == nil {
			want.FieldsDouble = map[string]float64{}
		}
		want.FieldsDouble["mycustom_field"] = 42
		require.True(t, proto.Equal(want, got), "%v", got)
	}
	require.Equal(t, errBatch.Error(), ask(&agent.Request{Message: &agent.Request_Begin{Begin: &agent.BeginBatch{}}}).GetError().GetError())
	require.NoError(t, ours.Close())
}
