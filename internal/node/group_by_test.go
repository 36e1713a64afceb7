package node_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What waits in groupBy goes on in its group after a barrier behind has deleted that, and the next
// batches come in the same one.
func TestGroupByDeletedBehind(t *testing.T) {
	const script = `stream|from()|window().period(10s).every(10s)|groupBy('h')|barrier().period(25s).delete(TRUE)|count('v')|stateCount(lambda: TRUE)|influxDBOut()`
	const in = "m,h=a v=1 0s\nm,h=a v=1 10s\nm,h=a v=1 20s\nm,h=a v=1 30s\nm,h=a v=1 40s\nm,h=a v=1 50s\nm,h=a v=1 60s\nm,h=a v=1 70s\nm,h=a v=1 80s"
	want := []string{
		"m,h=a count=1i,state_count=1i 10s", "m,h=a count=1i,state_count=2i 20s", "m,h=a count=1i,state_count=3i 30s", // the last comes at 40s
		"m,h=a count=1i,state_count=1i 40s", "m,h=a count=1i,state_count=2i 50s", "m,h=a count=1i,state_count=3i 1m",
		"m,h=a count=1i,state_count=1i 70s",
	}
	for _, restart := range []int{0, 4, 5, 6} {
		require.Equal(t, want, play(t, script, in, restart), "restart %d", restart)
	}
}
