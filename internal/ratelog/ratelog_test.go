package ratelog

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLimiter(t *testing.T) {
	now := time.Unix(0, 0)
	var lines []string
	l := New(time.Minute)
	l.now = func() time.Time { return now }
	logf := func(f string, args ...any) { lines = append(lines, fmt.Sprintf(f, args...)) }
	for range 5 {
		l.Log(logf, "a", errors.New("A"))
	}
	now = now.Add(time.Minute)
	l.Log(logf, "a", errors.New("A"))
	l.Log(logf, "b", errors.New("B %d"))
	require.Equal(t, []string{"A", "A (and 4 more like this)", "B %d"}, lines)
	for i := range 10 * maxCauses {
		l.Log(logf, strconv.Itoa(i), errors.New("x"))
	}
	require.LessOrEqual(t, len(l.seen), maxCauses+1)
	require.LessOrEqual(t, len(lines), maxCauses+5)
}
