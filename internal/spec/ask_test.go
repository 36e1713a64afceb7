package spec_test

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// TestAskInWriting writes questions and replies down and reads them back.
func TestAskInWriting(t *testing.T) {
	rows := spec.Rows{Name: "m", Tags: []point.Tag{{Key: "h", Value: "a"}}, Points: []point.Point{{
		Time: 5, Fields: []point.Field{{Key: "d", Value: point.DurationValue(7)}, {Key: "n", Value: point.Value{Kind: point.Null}}},
	}}}
	info := udf.Info{Wants: udf.Batch, Options: map[string][]udf.ValueType{"size": {udf.Int}}}
	for _, x := range []struct {
		body  spec.Body
		reply spec.Reply
	}{
		{spec.Post{Endpoint: "e", Headers: rows.Tags, Body: []byte("{}"), Rows: rows, Timeout: 3, Capture: true}, spec.Posted{Status: 503}},
		{spec.Load{Source: "file:///x"}, spec.Loaded{Documents: spec.Documents{"a.yml": {"k": point.IntValue(1)}}, Errors: []string{"b.yml: no"}}},
		{spec.Load{Source: "file:///none"}, spec.Loaded{Documents: spec.Documents{}}}, // which is not the same as nil
		{spec.Scale{System: "k8s", Resource: spec.Resource{Name: "web"}, Set: true, Old: 1, Replicas: 2}, spec.Scaled{Error: "forbidden"}},
		{spec.Function{Name: "f"}, spec.Described(info, nil)},
		{spec.Function{Name: "f"}, spec.Described(udf.Info{}, &udf.UnknownError{Name: "f", Known: []string{"g"}})},
		{spec.Reference{Kind: "k8s", Name: "west"}, spec.Referred{Error: "there is none"}},
	} {
		require.NoError(t, spec.CheckReply(x.body, x.reply))
		require.NoError(t, spec.CheckReply(x.body, x.body.Likely()))
		require.Error(t, spec.CheckReply(x.body, x.body))
		var b bytes.Buffer
		type exchange struct {
			Ask   spec.Ask
			Reply spec.Reply
		}
		was, is := exchange{spec.Ask{ID: 1, Body: x.body}, x.reply}, exchange{}
		require.NoError(t, gob.NewEncoder(&b).Encode(was))
		require.NoError(t, gob.NewDecoder(&b).Decode(&is))
		require.Equal(t, was, is)
	}
}

func TestDescribed(t *testing.T) {
	for _, err := range []error{
		nil, &udf.UnknownError{Name: "f"}, udf.ErrUnknown, fmt.Errorf("%w: no socket", udf.ErrUnreachable), errors.New("something else"),
	} {
		f := spec.Described(udf.Info{}, err)
		got := f.Err()
		if err == nil {
			require.NoError(t, got)
			continue
		}
		require.EqualError(t, got, err.Error())
		require.Equal(t, errors.Is(err, udf.ErrUnknown), errors.Is(got, udf.ErrUnknown))
		require.Equal(t, errors.Is(err, udf.ErrUnreachable), errors.Is(got, udf.ErrUnreachable))
	}
}

// TestRow looks at what templates see.
func TestRow(t *testing.T) {
	p := point.Point{Time: 5, Tags: []point.Tag{{Key: "g", Value: "x"}, {Key: "h", Value: "a"}}, Fields: []point.Field{{Key: "v", Value: point.IntValue(2)}}}
	r := spec.Rows{Name: "m", Tags: p.Tags, Points: []point.Point{p}}
	row := r.Row()
	require.Equal(t, map[string]string{"g": "x", "h": "a"}, row.Tags)
	require.Len(t, row.Values[0], 2)
	require.Equal(t, int64(2), row.Values[0]["v"])
	r.Tags, r.Group = p.Tags[:1], p.Tags[:1]
	row = r.Row()
	require.Equal(t, map[string]string{"g": "x"}, row.Tags)
	require.Equal(t, "a", row.Values[0]["h"], "a tag that the group does not have is a column")
	require.NotContains(t, row.Values[0], "g")
}
