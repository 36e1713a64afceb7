package node_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// A remote runs a script whose nodes ask for something outside, and plays the outside. What happens
// is written down line by line: points that come out of influxDBOut, errors, and questions.
type remote struct {
	t      *testing.T
	task   *task.Task
	hold   bool // leave questions open
	open   []spec.Ask
	lines  []string
	answer func(b spec.Body) spec.Reply // nil answers like a replay
}

func newRemote(t *testing.T, script string) *remote {
	t.Helper()
	r := &remote{t: t, task: loadTask(t, script)}
	return r
}

func loadTask(t *testing.T, script string) *task.Task {
	t.Helper()
	x, err := task.Load(task.Config{Name: "t", Script: script, Zone: time.UTC})
	require.NoError(t, err)
	return x
}

func (r *remote) start() *remote {
	require.NoError(r.t, r.task.Start(0))
	r.take()
	return r
}

// seconds turns the time of a line between seconds and nanoseconds.
func seconds(line string, back bool) string {
	const nano = "000000000"
	line = strings.TrimSpace(line)
	if !back {
		return line + nano
	}
	head, found := strings.CutSuffix(line, nano)
	if !found {
		head = strings.TrimSuffix(line, " 0") + " 0"
	}
	return head
}

// push brings lines whose times are seconds.
func (r *remote) push(lines ...string) {
	var in strings.Builder
	for _, line := range lines {
		fmt.Fprintln(&in, seconds(line, false))
	}
	src, err := replay.NewLines("in", strings.NewReader(in.String()), spec.DBRP{DB: "telegraf", RP: "autogen"})
	require.NoError(r.t, err)
	for range lines {
		it, err := src.Next()
		require.NoError(r.t, err)
		require.NoError(r.t, r.task.Tick(it.Point.Time))
		require.NoError(r.t, r.task.Push(it.Point))
		r.take()
	}
}

// take notes the effects and answers the questions.
func (r *remote) take() {
	for {
		effects := slices.Clone(r.task.Take())
		if len(effects) == 0 {
			return
		}
		for i := range effects {
			r.note(&effects[i])
		}
		if !r.hold {
			r.settle()
		}
	}
}

// settle answers what is open.
func (r *remote) settle() {
	open := r.open
	r.open = nil
	for _, a := range open {
		reply := a.Body.Likely()
		if r.answer != nil {
			reply = r.answer(a.Body)
		}
		require.NoError(r.t, r.task.Answer(a.ID, reply))
	}
}

// reply answers the i-th open question.
func (r *remote) reply(i int, x spec.Reply) {
	r.t.Helper()
	require.NoError(r.t, r.task.Answer(r.open[i].ID, x))
	r.take()
}

func (r *remote) note(e *spec.Effect) {
	line := ""
	switch e.Kind {
	case spec.WriteEffect:
		line = seconds(string(point.AppendLine(nil, e.Point)), true)
	case spec.ErrorEffect:
		line = "error " + e.Text
	case spec.AskEffect:
		line = question(e.Ask.Body)
		r.open = append(r.open, e.Ask)
	}
	r.lines = append(r.lines, line)
}

func question(b spec.Body) string {
	switch x := b.(type) {
	case spec.Load:
		return "load " + x.Source
	case spec.Scale:
		line := fmt.Sprintf("ask %s %s", x.System, x.Resource)
		if x.Set {
			line = fmt.Sprintf("set %s %s %d to %d", x.System, x.Resource, x.Old, x.Replicas)
		}
		if x.Cluster != "" {
			line += " in " + x.Cluster
		}
		return line
	}
	return fmt.Sprintf("%+v", b)
}

// want compares what has happened since the last call.
func (r *remote) want(lines ...string) {
	r.t.Helper()
	require.Equal(r.t, strings.Join(lines, "\n"), strings.Join(r.lines, "\n"))
	r.lines = nil
}

func (r *remote) counter(name string) int64 {
	n := int64(-1)
	r.task.Stats(func(s task.NodeStats) {
		for _, c := range s.Own {
			if c.Name == name {
				n = *c.N
			}
		}
	})
	return n
}

const swarmScript = `stream|from()|swarmAutoscale().serviceNameTag('s').currentField('now').replicas(lambda: "now" + "d")|influxDBOut()`

// While a call is under way the points of its resource wait, and those of others do not.
func TestAutoscaleWaits(t *testing.T) {
	r := newRemote(t, swarmScript).start()
	r.hold = true
	r.push("m,s=a d=1i 0", "m,s=a d=2i 1", "m,s=b d=1i 2")
	r.want("ask swarm a", "ask swarm b")
	r.reply(1, spec.Scaled{Replicas: 10})
	r.want("set swarm b 10 to 11")
	r.reply(0, spec.Scaled{Replicas: 5})
	r.want("set swarm a 5 to 6")
	r.reply(3, spec.Scaled{Replicas: 6})
	r.want("m,s=a new=6i,old=5i 0", "set swarm a 6 to 8")
	require.NoError(t, r.task.Close())
	r.want()
}

func TestAutoscaleFailure(t *testing.T) {
	r := newRemote(t, swarmScript).start()
	r.answer = func(spec.Body) spec.Reply { return spec.Scaled{Error: "status 500: out of order"} }
	r.push("m,s=a d=1i 0", "m,s=a d=1i 9", "m,s=b d=1i 9", "m,s=a d=1i 10")
	failed := "error error handling point: could not determine initial scale for \"a\": status 500: out of order"
	r.want("ask swarm a", failed, "ask swarm b", strings.Replace(failed, `"a"`, `"b"`, 1), "ask swarm a", failed)
	require.Equal(t, int64(4), r.counter("points_dropped"))

	r.answer = nil
	r.push("m,s=a d=0i 20")
	r.want("ask swarm a")
	r.answer = func(spec.Body) spec.Reply { return spec.Scaled{Error: "forbidden"} }
	r.push("m,s=a d=4i 21", "m,s=a d=4i 22")
	r.want("set swarm a 1 to 5", `error error handling point: could not set the replicas of "a" to 5: forbidden`)
	r.answer = nil
	r.push("m,s=a d=1i 31") // what failed has not changed anything
	r.want("set swarm a 1 to 2", "m,s=a new=2i,old=1i 31")
	require.Equal(t, int64(1), r.counter("increase_events"))
}

// Neither the points that wait nor the resources are without bound.
func TestAutoscaleBounds(t *testing.T) {
	r := newRemote(t, swarmScript).start()
	r.hold = true
	var lines []string
	for i := range 1500 {
		lines = append(lines, fmt.Sprintf("m,s=a d=%di 0", i))
	}
	r.push(lines...)
	require.Equal(t, int64(500), r.counter("points_dropped"))
	r.want("ask swarm a")
	r.reply(0, spec.Scaled{Replicas: 1})
	r.want("set swarm a 1 to 501")

	r = newRemote(t, swarmScript).start()
	lines = nil
	for i := range 10_001 {
		lines = append(lines, fmt.Sprintf("m,s=s%d d=0i 0", i))
	}
	r.push(lines...)
	require.Equal(t, "error error handling point: more than 10000 resources", r.lines[10_000])
}

// Cooldowns survive a restart, and the number of replicas is asked for again.
func TestAutoscaleRestore(t *testing.T) {
	const script = `stream|from()|k8sAutoscale().resourceNameTag('s').currentField('now').replicas(lambda: "now" + "d").increaseCooldown(10s)|influxDBOut()`
	r := newRemote(t, script).start()
	r.push("m,s=a d=3i 0")
	r.want("ask k8s default/deployments/a", "set k8s default/deployments/a 1 to 4", "m,kind=deployments,namespace=default,resource=a new=4i,old=1i 0")
	var b bytes.Buffer
	require.NoError(t, r.task.Save(&b))

	r.task = loadTask(t, script)
	r.start()
	require.NoError(t, r.task.Restore(&b))
	r.push("m,s=a d=1i 9", "m,s=a d=1i 10")
	r.want("ask k8s default/deployments/a", "set k8s default/deployments/a 4 to 5", "m,kind=deployments,namespace=default,resource=a new=5i,old=4i 10")
}

func TestAutoscaleAllocs(t *testing.T) {
	for _, script := range []string{swarmScript, `stream|from()|k8sAutoscale().resourceNameTag('s').replicas(lambda: "d")`} {
		r := newRemote(t, script).start()
		r.push("m,s=a d=0i 0")
		r.push("m,s=a d=0i,now=1i 0")
		p := &point.Point{Name: "m", DB: "telegraf", RP: "autogen", Tags: []point.Tag{{Key: "s", Value: "a"}}, Fields: []point.Field{{Key: "d", Value: point.IntValue(0)}}}
		require.NoError(t, r.task.Push(p))
		require.Zero(t, testing.AllocsPerRun(100, func() { _ = r.task.Push(p) }))
	}
}
