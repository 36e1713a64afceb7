package ticktest_test

import (
	"bytes"
	"encoding/gob"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

// An exchange is a question and its answer as they are written down.
type exchange struct {
	Ask   spec.Ask
	Reply spec.Reply
}

// TestRecordedAnswers replays vectors and random scripts with the answers that have been recorded, and no
// others: all that a task learns from outside is data.
func TestRecordedAnswers(t *testing.T) {
	files, err := ticktest.Vectors(vectors)
	require.NoError(t, err)
	var vs []*ticktest.Vector
	for _, file := range files {
		v, err := ticktest.LoadVector(file)
		require.NoError(t, err)
		if v != nil {
			vs = append(vs, v)
		}
	}
	for seed := range 300 {
		vs = append(vs, ticktest.Random(ticktest.Noise(seed)))
	}
	kinds := map[string]int{}
	for _, v := range vs {
		var tape bytes.Buffer
		enc := gob.NewEncoder(&tape)
		v.Answer = func(a spec.Ask, likely spec.Reply) spec.Reply {
			require.NoError(t, enc.Encode(exchange{a, likely}), "%s: %+v", v.Name, a)
			return likely
		}
		want, err := v.Replay()
		require.NoError(t, err)
		n := tape.Len()

		dec := gob.NewDecoder(&tape)
		v.Answer = func(a spec.Ask, _ spec.Reply) spec.Reply {
			var x exchange
			require.NoError(t, dec.Decode(&x), v.Name)
			require.Equal(t, text(t, x.Ask), text(t, a), v.Name)
			switch x.Ask.Body.(type) {
			case spec.Post:
				kinds["post"]++
			case spec.Load:
				kinds["load"]++
			case spec.Scale:
				kinds["scale"]++
			}
			return x.Reply
		}
		got, err := v.Replay()
		require.NoError(t, err)
		require.Equal(t, want, got, v.Name)
		require.ErrorIs(t, dec.Decode(&exchange{}), io.EOF, "%s: %d bytes", v.Name, n)
	}
	for _, kind := range []string{"post", "load", "scale"} {
		require.Greater(t, kinds[kind], 10, kind)
	}
}

// text returns what a question is in writing.
func text(t *testing.T, a spec.Ask) string {
	var b bytes.Buffer
	require.NoError(t, gob.NewEncoder(&b).Encode(a))
	return b.String()
}
