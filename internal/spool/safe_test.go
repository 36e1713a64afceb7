package spool

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

// A sender hands over events with one delivery each and knows which are safe.
type sender struct {
	spool *Spool
	items map[string]*Item

	mu    sync.Mutex
	safe  []string
	calls int
}

func (s *sender) batch() *Batch {
	return &Batch{Safe: func(list []*alert.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls++
		for _, e := range list {
			s.safe = append(s.safe, e.EventID)
		}
	}}
}

func (s *sender) hand(ids ...string) {
	b := s.batch()
	for _, id := range ids {
		e := &alert.Event{EventID: id, ID: id[:1]}
		it := newItem(e, "D", "{}")
		if s.spool.Put(&Posting{Event: e, Items: []*Item{it}, Batch: b}) == nil {
			s.items[id] = it
		}
	}
	s.spool.Commit()
}

// take returns what has become safe since the last call, once nothing more happens.
func (s *sender) take() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Sorted(slices.Values(s.safe))
	s.safe = nil
	return list
}

func senderTo(s *Spool) *sender { return &sender{spool: s, items: map[string]*Item{}} }

func TestSafeInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{MaxEvents: 3, MaxBytes: 1 << 20})
		require.NoError(t, s.Start())
		x := senderTo(s)
		x.hand("a-1", "b-1")
		require.NoError(t, s.Put(&Posting{Event: &alert.Event{EventID: "c-1"}, Batch: x.batch()}))
		require.Equal(t, []string{"c-1"}, x.take(), "nobody wants it")
		x.hand("a-1")
		s.Done(x.items["a-1"], Made)
		require.Equal(t, []string{"a-1", "a-1"}, x.take(), "who hands over again hears, too")
		x.hand("a-1")
		require.Equal(t, []string{"a-1"}, x.take(), "it is known and over")
		s.Done(x.items["b-1"], Dropped)
		require.Equal(t, []string{"b-1"}, x.take())

		// What is made of others is all that is left of them.
		x.hand("d-1", "d-2", "d-3")
		sum := &alert.Event{EventID: "sum", ID: "s"}
		it := newItem(sum, "E", "{}")
		s.Done(x.items["d-3"], Made)
		require.Equal(t, []string{"d-3"}, x.take())
		require.NoError(t, s.Put(&Posting{Event: sum, Items: []*Item{it}, Merged: []*Item{x.items["d-1"], x.items["d-2"], x.items["d-3"]}}))
		require.Empty(t, x.take())
		require.Len(t, s.entries, 1)
		s.Done(it, Made)
		require.Equal(t, []string{"d-1", "d-2"}, x.take())

		// What takes the place of another is not.
		x.hand("e-1")
		next := &alert.Event{EventID: "e-2", ID: "e"}
		require.NoError(t, s.Put(&Posting{Event: next, Items: []*Item{newItem(next, "D", "{}")}, Over: []*Item{x.items["e-1"]}}))
		require.Equal(t, []string{"e-1"}, x.take())
		x.hand("f-1")
		kept, err := s.Close()
		require.NoError(t, err)
		require.False(t, kept)
		require.Empty(t, x.take(), "nobody has it any more")
	})
}

func TestSafeOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := journaltest.New()
		s, _ := openTest(t, dir)
		s.disk.Start(nil)
		x := senderTo(s)
		x.hand("a-1", "b-1")
		require.Equal(t, []string{"a-1", "b-1"}, x.take(), "nothing of them is delivered, but they are on the disk")
		require.Equal(t, 1, x.calls, "one call for what came together")
		x.hand("a-1")
		require.Equal(t, []string{"a-1"}, x.take())
		require.NoError(t, s.Put(&Posting{Event: &alert.Event{EventID: "c-1"}, Batch: x.batch()}))
		s.Done(x.items["a-1"], Made)
		require.Empty(t, x.take(), "its ID is not on the disk yet")
		s.Sync()
		require.Equal(t, []string{"c-1"}, x.take())
		_, err := s.Close()
		require.NoError(t, err)
	})
}

// TestSafeWithoutDisk lets the disk fail for a while.
func TestSafeWithoutDisk(t *testing.T) {
	for _, what := range []string{"write", "sync"} {
		synctest.Test(t, func(t *testing.T) {
			dir := journaltest.New()
			s, _ := openTest(t, dir)
			s.disk.Start(nil)
			x := senderTo(s)
			require.NoError(t, s.Put(&Posting{Event: &alert.Event{EventID: "early", ID: "e"}, Items: []*Item{}, Batch: x.batch()}))
			dir.SetFail(func(_ int, op string) error {
				if op == what || op == "create" {
					return journaltest.ErrTorn
				}
				return nil
			})
			x.hand("a-1", "b-1", "c-1")
			synctest.Wait()
			require.Error(t, s.Broken())
			early := x.take()
			s.Done(x.items["a-1"], Made)
			require.Equal(t, []string{"a-1"}, x.take(), "there is nothing left to deliver of it")
			x.hand("d-1")
			require.Equal(t, []string{"early"}, append(early, x.take()...), "it was over when the disk failed")
			require.NoError(t, s.Put(&Posting{Event: &alert.Event{EventID: "none"}, Batch: x.batch()}))
			require.Equal(t, []string{"none"}, x.take())
			for i := range 1000 {
				id := "z-" + strconv.Itoa(i)
				x.hand(id)
				s.Done(x.items[id], Made)
			}
			require.Len(t, x.take(), 1000)
			require.Less(t, len(s.unsynced), 50, "what is over is not hoarded")
			dir.SetFail(nil)
			time.Sleep(11 * time.Second)
			require.Equal(t, []string{"b-1", "c-1", "d-1"}, x.take(), "the copy has them")
			require.NoError(t, s.Broken())
			_, y := openTest(t, dir.Killed())
			require.Len(t, y, 3)
			_, err := s.Close()
			require.NoError(t, err)
		})
	}
}
