package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/codec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
	"github.com/telegraf-tigk/telegraf-tigk/internal/outbox"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file tests what a process leaves behind that is killed.

const changes = `stream|from().measurement('cpu').groupBy('host')|alert().id('{{ index .Tags "host" }}').crit(lambda: "usage_idle" < 10).warn(lambda: "usage_idle" < 20).stateChangesOnly().topic('cpu').email()`

func cpuOf(host string, at int, idle float64) *point.Point {
	return pt("cpu", map[string]string{"host": host}, map[string]any{"usage_idle": idle}, time.Unix(int64(at), 0))
}

// An agentRun is a rig at work, whose events are delivered when the test says so.
type agentRun struct {
	*rig
	t   *testing.T
	dir string
}

func agent(t *testing.T, dir string, pairs ...string) *agentRun {
	t.Helper()
	r := &agentRun{t: t, rig: withState(dir, pairs...), dir: dir}
	r.conf.Checkpoint, r.manual = time.Hour, true
	r.start(t)
	return r
}

// add brings points and waits until what they cause has come out.
func (r *agentRun) add(ps ...*point.Point) {
	r.t.Helper()
	for _, p := range ps {
		r.Add(p)
	}
	r.settle()
}

// killed returns a copy of the folder as it is now, for the next process.
func (r *agentRun) killed() string {
	r.t.Helper()
	r.settle()
	next := r.t.TempDir()
	require.NoError(r.t, os.CopyFS(next, os.DirFS(r.dir)))
	return next
}

// events returns what came out: alert, level before, level and duration of each event.
func (r *agentRun) events() (out []string) {
	r.settle()
	for _, m := range r.made() {
		e := m.event
		out = append(out, strings.Join([]string{e.ID, e.Previous.String(), e.Level.String(), e.Duration.String()}, " "))
	}
	return out
}

func (r *agentRun) ids() (out []string) {
	for _, m := range r.made() {
		out = append(out, m.event.EventID)
	}
	return out
}

// TestKilledBehindCheckpoint loses no level, duration or event that was decided after the checkpoint.
func TestKilledBehindCheckpoint(t *testing.T) {
	a := agent(t, t.TempDir(), "x", changes)
	a.add(cpuOf("a", 1, 5), cpuOf("b", 1, 15), cpuOf("c", 1, 5))
	a.deliver()
	a.checkpoint()
	a.add(cpuOf("a", 11, 50), cpuOf("b", 11, 5), cpuOf("d", 11, 15), cpuOf("d", 21, 5))
	require.Len(t, a.events(), 7)
	dir := a.killed()
	a.Stop()

	b := agent(t, dir, "x", changes)
	require.Equal(t, a.events()[3:], b.events(), "what was not delivered comes again")
	require.Equal(t, a.ids()[3:], b.ids())
	b.deliver()
	b.add(cpuOf("a", 31, 50), cpuOf("b", 31, 5), cpuOf("c", 31, 5), cpuOf("d", 31, 5))
	require.Len(t, b.events(), 4, "nothing is raised again")
	b.add(cpuOf("a", 41, 5), cpuOf("b", 41, 50), cpuOf("c", 41, 50), cpuOf("d", 41, 50))
	want := []string{"a OK CRITICAL 0s", "b CRITICAL OK 40s", "c CRITICAL OK 40s", "d CRITICAL OK 30s"}
	require.Equal(t, want, b.events()[4:], "durations go on")
	dir = b.killed()
	b.Stop()

	c := agent(t, dir, "x", changes)
	require.Equal(t, want, c.events())
	c.add(cpuOf("b", 51, 50), cpuOf("a", 51, 50))
	require.Equal(t, []string{"a CRITICAL OK 10s"}, c.events()[4:])
	c.Stop()
	c.deliver()
	d := agent(t, c.dir, "x", changes)
	require.Empty(t, d.events())
	d.Stop()
}

// TestKilledBeforeFirstCheckpoint has nothing but the journal.
func TestKilledBeforeFirstCheckpoint(t *testing.T) {
	a := agent(t, t.TempDir(), "x", changes)
	a.add(cpuOf("a", 1, 5), cpuOf("a", 2, 50), cpuOf("b", 1, 5))
	a.deliver()
	dir := a.killed()
	a.Stop()
	b := agent(t, dir, "x", changes)
	require.Empty(t, b.events(), "all is delivered")
	b.add(cpuOf("a", 11, 50), cpuOf("b", 11, 5))
	require.Empty(t, b.events())
	b.add(cpuOf("a", 21, 5), cpuOf("b", 21, 50))
	require.Equal(t, []string{"a OK CRITICAL 0s", "b CRITICAL OK 20s"}, b.events())
	b.Stop()
}

// TestCheckpointWaitsForDecisions takes checkpoints while alerts change all the time and the disk is slow.
// Whenever something is written to the journal, it must have the event of each level that the state file
// knows. All is over within the time after which the journal syncs by itself.
func TestCheckpointWaitsForDecisions(t *testing.T) {
	dir := &auditedDir{Dir: journal.Dir(t.TempDir()), in: map[string]bool{}}
	synctest.Test(t, func(t *testing.T) {
		script := strings.Replace(changes, ".topic('cpu')", "", 1)
		p := withState(string(dir.Dir), "x", script, "y", script)
		p.conf.Folder, p.conf.Checkpoint = dir, time.Millisecond
		p.start(t)
		defer p.Stop()
		for i := range 2000 {
			p.Add(cpuOf(string(rune('a'+i%20)), i, float64(i/20%2)*50))
			if i%4 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	})
	require.Empty(t, dir.ahead)
	require.NotZero(t, dir.audits)
}

// An auditedDir takes its time to sync, and looks at the state file before it writes.
type auditedDir struct {
	journal.Dir
	mu     sync.Mutex
	in     map[string]bool // states of events in the journal, by topic
	ahead  []string        // those that were in the state file before
	audits int
}

type auditedFile struct {
	journal.File
	dir *auditedDir
}

func (d *auditedDir) Create(name string) (journal.File, error) {
	f, err := d.Dir.Create(name)
	return auditedFile{f, d}, err
}

func (f auditedFile) Write(b []byte) (int, error) {
	f.dir.audit(b)
	return f.File.Write(b)
}

func (f auditedFile) Sync() error {
	time.Sleep(20 * time.Millisecond)
	return f.File.Sync()
}

func (d *auditedDir) audit(b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if file, err := d.Read(filepath.Base(stateFile("", false))); err == nil {
		saved, err := decodeState(file)
		if err != nil {
			d.ahead = append(d.ahead, err.Error())
		}
		for _, topic := range saved.Topics.Topics {
			for _, s := range topic.Events {
				d.audits++
				if key := fmt.Sprint(topic.Name, s); !d.in[key] {
					d.ahead = append(d.ahead, key)
				}
			}
		}
	}
	outbox.Format.Scan(b, func(payload []byte) error {
		x := codec.Decoder{B: payload[1:]}
		if payload[0] != 'E' {
			return nil
		}
		x.Uint()
		e := alert.DecodeEvent(&x)
		for _, topic := range []string{alert.NodeTopic(e.Task, e.Node), e.Topic} {
			d.in[fmt.Sprint(topic, e.State())] = true
		}
		return x.Err()
	})
}
