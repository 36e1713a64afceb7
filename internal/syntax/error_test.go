package syntax

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPlaces wants places to stay fields, whatever is said in front of a message.
func TestPlaces(t *testing.T) {
	cause := errors.New("cause")
	placed := &Error{Pos: Pos{Line: 3, Col: 5}, Msg: "want string", Err: cause, Ref: "ref"}
	at := Pos{Line: 1, Col: 2}
	for _, c := range []struct {
		err  error
		want string
	}{
		{placed, "x.tick:3:5: from: groupBy: want string"},
		{&Error{Msg: "want string", Err: cause}, "x.tick:1:2: from: groupBy: want string"},
		{fmt.Errorf("bad: %w", cause), "x.tick:1:2: from: groupBy: bad: cause"},
		{fmt.Errorf("bad: %w", placed), "x.tick:1:2: from: groupBy: bad: 3:5: want string"}, // nothing is lost
	} {
		got := Located("x.tick", at, Within("from", Within("groupBy", c.err)))
		require.EqualError(t, got, c.want)
		require.ErrorIs(t, got, cause)
	}
	require.Equal(t, "ref", Located("x.tick", at, placed).Ref)
	require.Equal(t, "3:5: want string", placed.Error(), "it has not been changed")
}

func TestDidYouMean(t *testing.T) {
	known := []string{"window", "where"}
	require.Equal(t, "; did you mean window?", DidYouMean("windw", "", known))
	require.Equal(t, "; did you mean |where?", DidYouMean("Were", "|", known))
	require.Equal(t, "; did you mean 'where'?", DidYouMean("were", "'", known))
	require.Empty(t, DidYouMean("mean", "|", known))
}
