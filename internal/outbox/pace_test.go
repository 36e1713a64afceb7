package outbox

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

// emitted returns how many metrics were taken.
func (x *outputs) emitted() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.taken)
}

// TestOutboxPace has an output that takes a batch of events at a time, and throws away what its buffer
// does not hold. None is thrown away.
func TestOutboxPace(t *testing.T) {
	for _, every := range []time.Duration{time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			const events = 5*maxFlights + 1
			b := openBox(t, journaltest.New(), 10000)
			begin := time.Now()
			for i := range events {
				b.Put(event("a"+strconv.Itoa(i%500), i, alert.Level(i%4)))
			}
			for done := 0; done < events; {
				time.Sleep(every)
				synctest.Wait()
				ids := b.ids()[done:]
				require.NotEmpty(t, ids)
				require.LessOrEqual(t, len(ids), maxFlights)
				for _, id := range ids {
					b.find(id).Accept()
				}
				done += len(ids)
			}
			require.Equal(t, 6*every, time.Since(begin))
			require.Empty(t, b.counted())
			b.Close()
		})
	}
}

// TestOutboxStuck has an output that is down. Others wait for its events for a while, once; then they
// go out at once, until something is delivered.
func TestOutboxStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBox(t, journaltest.New(), 10000)
		n := 0
		put := func(k int) {
			for range k {
				b.Put(event("a", n, alert.Level(n%4)))
				n++
			}
			synctest.Wait()
		}
		put(maxFlights + 10)
		require.Equal(t, maxFlights, b.emitted())
		time.Sleep(ackTimeout)
		synctest.Wait()
		require.Equal(t, maxFlights+10, b.emitted())
		put(2 * maxFlights)
		require.Equal(t, n, b.emitted())
		time.Sleep(time.Hour)
		put(2 * maxFlights)
		require.Equal(t, n, b.emitted())
		time.Sleep(time.Hour)

		// One event in two is delivered. The others do not count after a while.
		b.find("a-0").Accept()
		emitted := b.emitted()
		put(3 * maxFlights)
		for range 10 {
			require.LessOrEqual(t, b.emitted(), emitted+maxFlights)
			for _, id := range b.ids()[emitted:] {
				if number(id)%2 == 0 {
					b.find(id).Accept()
				}
			}
			emitted = b.emitted()
			time.Sleep(ackTimeout / 2)
			synctest.Wait()
		}
		require.Equal(t, n, b.emitted())
		b.Close()
	})
}

// TestOutboxPacesRepeats does not throw what an output has thrown away at it in one go.
func TestOutboxPacesRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBox(t, journaltest.New(), 10000)
		const events = 3 * maxFlights
		for i := range events {
			b.Put(event("a"+strconv.Itoa(i), i, alert.Critical))
		}
		synctest.Wait()
		for i := range events {
			b.find(fmt.Sprintf("a%d-%[1]d", i)).Reject()
			synctest.Wait()
		}
		time.Sleep(10 * time.Second)
		for done := events; done < 2*events; {
			time.Sleep(time.Second)
			synctest.Wait()
			ids := b.ids()[done:]
			require.NotEmpty(t, ids)
			require.LessOrEqual(t, len(ids), maxFlights)
			for _, id := range ids {
				b.find(id).Accept()
			}
			done += len(ids)
		}
		require.Equal(t, map[string]int64{"rejected": events}, b.counted())
		b.Close()
	})
}
