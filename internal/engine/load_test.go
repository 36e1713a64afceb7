package engine

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// TestAtOnce wants each call made once, and as many at a time as there are processors.
func TestAtOnce(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	synctest.Test(t, func(t *testing.T) {
		meet := make(chan struct{})
		atOnce(2, func(i int) { // each waits for the other
			if i == 0 {
				meet <- struct{}{}
			} else {
				<-meet
			}
		})
		var calls [100]atomic.Int32
		var now, most atomic.Int32
		atOnce(len(calls), func(i int) {
			n := now.Add(1)
			if n > most.Load() {
				most.Store(n)
			}
			calls[i].Add(1)
			now.Add(-1)
		})
		for i := range calls {
			require.EqualValues(t, 1, calls[i].Load())
		}
		require.LessOrEqual(t, most.Load(), int32(2))
	})
	atOnce(0, func(int) { panic("nothing to do") })
}
