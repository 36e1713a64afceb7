package crashtest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal/journaltest"
)

var failures = flag.Int("failures", 150, "how many failures of the disks to look at")

// A failure is one of a call to a disk, or of all from that one on until the storm is over.
type failure struct {
	seed    uint64 // of the storm
	call    int
	how     error
	lasting bool
}

func (f failure) String() string {
	return fmt.Sprintf("storm %d, %v at call %d, lasting %v", f.seed, f.how, f.call, f.lasting)
}

// TestErrors has calls to the disks fail: alerts go out all the same, what fails is said once, and nothing is
// lost when the disk works again.
func TestErrors(t *testing.T) {
	r := rand.New(rand.NewPCG(*first, 3))
	ways := []error{syscall.EIO, syscall.ENOSPC, journaltest.ErrTorn}
	kinds := map[string]int{}
	n := 0
	for seed := *first; n < *failures; seed++ {
		calls := 1
		for call := 1; call <= calls && n < *failures; call += 1 + r.IntN(3) {
			for _, lasting := range []bool{false, true} {
				f := failure{seed, call, ways[r.IntN(len(ways))], lasting}
				var kind string
				kind, calls = f.run(t)
				kinds[kind]++
				n++
			}
		}
	}
	t.Logf("%d failures: %v", n, kinds)
}

// run has a storm meet the failure. It returns what kind of call failed, and how many calls there were.
func (f failure) run(t *testing.T) (kind string, calls int) {
	disk := journaltest.NewDisk()
	disk.Record()
	var h history
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, disk, f.seed)
		w.failing, w.steady = true, f.lasting
		disk.SetFail(func(at int, op *journaltest.Op) error {
			calls = at
			if at == f.call {
				kind = op.Kind.String()
			}
			if at == f.call || f.lasting && at > f.call {
				return f.how
			}
			return nil
		})
		a := w.storm(w.start())
		disk.SetFail(nil)
		time.Sleep(20 * time.Second)
		for _, host := range hosts {
			a.push(host, alert.Level(w.n(4)))
		}
		a.calm()
		h = moments(disk.Recorded().Ops)
		log := strings.Join(w.log, "\n")
		if why := promised(w).broken(h); why != "" {
			t.Fatalf("%s (%s): %s\n%s\n%s", f, kind, why, h, log)
		}
		if why := w.noise(); why != "" {
			t.Fatalf("%s (%s): %s\n%s\n%s", f, kind, why, h, log)
		}
	})
	// All of it has come to the disk.
	x := explore(1 << 30)
	x.failing = true
	x.crash(t, h, h[len(h)-1].at, disk.Unplugged(rand.New(rand.NewPCG(f.seed, uint64(f.call)))), true, f.seed, 2)
	if why := x.failed.Load(); why != nil {
		t.Fatalf("%s (%s): then %s", f, kind, why)
	}
	return kind, calls
}

// noise returns what an agent has said more than once.
func (w *world) noise() string {
	said := map[string]bool{}
	for _, l := range w.log {
		kind, text, _ := strings.Cut(l, " ")
		_, text, _ = strings.Cut(text, " ") // the time
		subject, _, _ := strings.Cut(text, ":")
		switch {
		case text == "Start":
			clear(said)
		case kind == "E!" && said[subject]:
			return "said twice: " + l
		case kind == "E!":
			said[subject] = true
		}
	}
	return ""
}

// TestNoise finds what is said twice.
func TestNoise(t *testing.T) {
	w := &world{}
	w.Infof("Start")
	w.Errorf("Outbox: bad")
	w.Errorf("Spool: bad")
	w.Infof("Start")
	w.Errorf("Outbox: bad")
	require.Empty(t, w.noise())
	w.Errorf("Outbox: worse")
	require.Contains(t, w.noise(), "Outbox: worse")
}
