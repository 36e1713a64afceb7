package crashtest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

var (
	images = flag.Int("images", 1500, "how many states of the disks after a crash to look at")
	first  = flag.Uint64("seed", 0, "of the first storm")
)

// moments returns the notes of a recording.
func moments(ops []journaltest.Op) (h history) {
	for i := range ops {
		if m, ok := ops[i].Note.(moment); ok {
			h = append(h, m)
		}
	}
	return h
}

// An exploration goes through the crashes of storms.
type exploration struct {
	most     int  // images
	failing  bool // the disks were
	spoil    func(ops []journaltest.Op) []journaltest.Op
	tampered tampering

	mu                                      sync.Mutex
	seen                                    map[[2]uint64]bool
	storms, points, images, distinct, twice atomic.Int64
	failed                                  atomic.Value // string
}

func explore(most int) *exploration { return &exploration{most: most, seen: map[[2]uint64]bool{}} }

func (x *exploration) done() bool { return x.images.Load() >= int64(x.most) || x.failed.Load() != nil }

// run explores storms until there have been enough images, or one breaks a promise.
func (x *exploration) run(t *testing.T) {
	var next atomic.Uint64
	next.Store(*first)
	var working sync.WaitGroup
	for range 2 {
		working.Go(func() {
			for !x.done() {
				x.storm(t, next.Add(1)-1)
			}
		})
	}
	working.Wait()
	t.Logf("%d storms, %d points in time, %d images, %d of them different, %d after a second crash",
		x.storms.Load(), x.points.Load(), x.images.Load(), x.distinct.Load(), x.twice.Load())
}

func (x *exploration) fail(format string, args ...any) {
	x.failed.CompareAndSwap(nil, fmt.Sprintf(format, args...))
}

func promised(w *world) *promise {
	return &promise{receivers: receivers, latency: latency, checkpoint: checkpoint, muting: w.muting, failing: w.failing}
}

// storm goes through all points of one storm.
func (x *exploration) storm(t *testing.T, seed uint64) {
	disk := journaltest.NewDisk()
	disk.Record()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, disk, seed)
		w.tampered = x.tampered
		w.storm(w.start()).calm()
		h := moments(disk.Recorded().Ops)
		if why := promised(w).broken(h); why != "" {
			x.fail("storm %d, without a crash: %s\n%s\n%s", seed, why, h, strings.Join(w.log, "\n"))
		}
		require.Empty(t, w.errors())
	})
	x.storms.Add(1)
	rec := disk.Recorded()
	if x.spoil != nil {
		rec.Ops = x.spoil(rec.Ops)
	}
	r := rand.New(rand.NewPCG(seed, 2))
	d := rec.Before.Clone()
	// A few crashes of many storms are better than many of a few.
	share := float64(x.most/8) / float64(len(rec.Ops)*(2+losses))
	chosen := func() bool { return r.Float64() < share && !x.done() }
	for i := range rec.Ops {
		op := &rec.Ops[i]
		h := moments(rec.Ops[:i+1])
		if op.Kind == journaltest.Write && chosen() {
			torn := d.Clone()
			torn.Torn(op, r)
			x.crash(t, h, op.At, torn, false, seed, 1)
		}
		d.Apply(op)
		x.points.Add(1)
		if chosen() {
			x.crash(t, h, op.At, d.Clone(), false, seed, 1)
		}
		for y := range d.Crashes(losses, r) {
			if chosen() {
				x.crash(t, h, op.At, y, true, seed, 1)
			}
		}
	}
}

// losses is how many ways of losing power are looked at for each operation.
const losses = 6

// crash lets an agent go on after a crash at a time, with what was left of the disk, and compares what has
// come of all with what is promised.
func (x *exploration) crash(t *testing.T, before history, at time.Time, left *journaltest.Disk, unplugged bool, seed uint64, nth int) {
	if x.done() {
		return
	}
	x.images.Add(1)
	key := [2]uint64{left.Hash(), seed<<32 + uint64(len(before))}
	x.mu.Lock()
	known := x.seen[key]
	x.seen[key] = true
	x.mu.Unlock()
	if known {
		return
	}
	x.distinct.Add(1)
	h := append(before[:len(before):len(before)], moment{at, crashed{unplugged}})
	levels := map[string]alert.Level{}
	mutes := 0
	for _, m := range before {
		switch n := m.what.(type) {
		case pushed:
			levels[n.host] = n.level
		case muting:
			mutes++
		}
	}
	image := left.Clone()
	left.Record()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(at) + time.Second)
		w := newWorld(t, left, seed)
		w.mutes, w.tampered, w.failing = mutes, x.tampered, x.failing
		w.aftermath(levels)
		all := append(h[:len(h):len(h)], moments(left.Recorded().Ops)...)
		if why := promised(w).broken(all); why != "" {
			x.fail("storm %d, crash %d: %s\n%s\non the disk after the crash:\n%s\nlog:\n%s", seed, nth, why, all, image, strings.Join(w.log, "\n"))
		}
		if errs := w.errors(); len(errs) > 0 {
			x.fail("storm %d, crash %d: %s\n%s\n%s", seed, nth, strings.Join(errs, "\n"), all, image)
		}
	})
	r := rand.New(rand.NewPCG(left.Hash(), seed))
	if nth > 1 || r.IntN(10) > 0 {
		return
	}
	// That one dies, too.
	rec := left.Recorded()
	d := rec.Before.Clone()
	n := 1 + r.IntN(len(rec.Ops)*2/3)
	for i := range n {
		d.Apply(&rec.Ops[i])
	}
	x.twice.Add(1)
	h = append(h[:len(h):len(h)], moments(rec.Ops[:n])...)
	if r.IntN(2) == 0 {
		x.crash(t, h, rec.Ops[n-1].At, d, false, seed, nth+1)
	} else {
		x.crash(t, h, rec.Ops[n-1].At, d.Unplugged(r), true, seed, nth+1)
	}
}

// TestCrashPoints breaks no promise.
func TestCrashPoints(t *testing.T) {
	x := explore(*images)
	x.run(t)
	if why := x.failed.Load(); why != nil {
		t.Fatal(why)
	}
}

// TestPlantedFaults finds that promises are broken by disks and by code that do less than they say.
func TestPlantedFaults(t *testing.T) {
	without := func(kind journaltest.Kind) func([]journaltest.Op) []journaltest.Op {
		return func(ops []journaltest.Op) []journaltest.Op {
			return slices.DeleteFunc(slices.Clone(ops), func(op journaltest.Op) bool { return op.Kind == kind })
		}
	}
	for name, x := range map[string]*exploration{
		"folders are not synced": {spoil: without(journaltest.SyncFolder)},
		"files are not synced":   {spoil: without(journaltest.Sync)},
		// What was to wait for a sync goes on before it.
		"syncs come late":                      {spoil: func(ops []journaltest.Op) []journaltest.Op { return late(ops, journaltest.Sync, 3) }},
		"folders are synced late":              {spoil: func(ops []journaltest.Op) []journaltest.Op { return late(ops, journaltest.SyncFolder, 5) }},
		"answers are noted before they arrive": {tampered: tampering{early: true}},
	} {
		t.Run(name, func(t *testing.T) {
			x.most, x.seen = 10_000, map[[2]uint64]bool{}
			x.run(t)
			require.NotNil(t, x.failed.Load())
			why, _, _ := strings.Cut(x.failed.Load().(string), "\n")
			t.Log(why)
		})
	}
}

// late has operations of a kind come behind the n next ones.
func late(ops []journaltest.Op, kind journaltest.Kind, n int) []journaltest.Op {
	ops = slices.Clone(ops)
	for i := len(ops) - n - 1; i >= 0; i-- {
		if op := ops[i]; op.Kind == kind {
			copy(ops[i:], ops[i+1:i+1+n])
			ops[i+n] = op
		}
	}
	return ops
}
