package node_test

import (
	"bytes"
	"errors"
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
	open   []spec.Effect
	lines  []string
	answer func(e *spec.Effect) // of questions; nil answers like a replay
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
	for _, line := range lines {
		src, err := replay.NewLines("in", strings.NewReader(seconds(line, false)), spec.DBRP{DB: "telegraf", RP: "autogen"})
		require.NoError(r.t, err)
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
	for i := range open {
		e := &open[i]
		switch {
		case r.answer != nil:
			r.answer(e)
		case e.Scale != nil:
			require.NoError(r.t, r.task.AnswerScale(e.Scale, e.Scale.Replicas, nil))
		}
	}
}

func (r *remote) note(e *spec.Effect) {
	line := ""
	switch e.Kind {
	case spec.WriteEffect:
		line = seconds(string(point.AppendLine(nil, e.Point)), true)
	case spec.ErrorEffect:
		line = "error " + e.Text
	case spec.LoadEffect:
		line = "load " + e.Load.Source
		r.open = append(r.open, *e)
	case spec.ScaleEffect:
		line = fmt.Sprintf("ask %s %s", e.Scale.System, e.Scale.Resource)
		if e.Scale.Set {
			line = fmt.Sprintf("set %s %s %d to %d", e.Scale.System, e.Scale.Resource, e.Scale.Old, e.Scale.Replicas)
		}
		if e.Scale.Cluster != "" {
			line += " in " + e.Scale.Cluster
		}
		r.open = append(r.open, *e)
	}
	r.lines = append(r.lines, line)
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

func TestAutoscale(t *testing.T) {
	for _, c := range []struct {
		name, script string
		in, want     []string
	}{
		{
			"bounds", `stream|from()|k8sAutoscale().resourceName('web').min(2).max(5).replicas(lambda: "n")|influxDBOut()`,
			[]string{"m n=3i 0", "m n=3i 1", "m n=9i 2", "m n=7i 3", "m n=-1i 4", "m n=2i 5"},
			[]string{
				"ask k8s default/deployments/web",
				"set k8s default/deployments/web 2 to 3", "m,kind=deployments,namespace=default,resource=web new=3i,old=2i 0",
				"set k8s default/deployments/web 3 to 5", "m,kind=deployments,namespace=default,resource=web new=5i,old=3i 2",
				"set k8s default/deployments/web 5 to 2", "m,kind=deployments,namespace=default,resource=web new=2i,old=5i 4",
			},
		}, {
			"names", `stream|from().groupBy('g')|k8sAutoscale().cluster('c').kind('replicasets').namespace('prod').resourceNameTag('h').namespaceTag('ns').kindTag('').resourceTag('g').replicas(lambda: "n")|influxDBOut()`,
			[]string{"m,h=a,g=x n=2i 0", "m,h=b,g=x n=1i 1", "m n=2i 2"},
			[]string{
				"ask k8s prod/replicasets/a in c", "set k8s prod/replicasets/a 1 to 2 in c", "m,g=a,ns=prod new=2i,old=1i 0",
				"ask k8s prod/replicasets/b in c", "error error handling point: could not determine the name of the resource: the point lacks the tag",
			},
		}, {
			"cooldowns are apart and by resource", `stream|from()|swarmAutoscale().serviceNameTag('s').replicas(lambda: "n").increaseCooldown(10s).decreaseCooldown(5s)|influxDBOut()`,
			[]string{"m,s=a n=2i 0", "m,s=a n=3i 9", "m,s=b n=2i 9", "m,s=a n=1i 9", "m,s=a n=3i 10", "m,s=a n=1i 13", "m,s=a n=1i 14"},
			[]string{
				"ask swarm a", "set swarm a 1 to 2", "m,s=a new=2i,old=1i 0",
				"ask swarm b", "set swarm b 1 to 2", "m,s=b new=2i,old=1i 9",
				"set swarm a 2 to 1", "m,s=a new=1i,old=2i 9",
				"set swarm a 1 to 3", "m,s=a new=3i,old=1i 10",
				"set swarm a 3 to 1", "m,s=a new=1i,old=3i 14",
			},
		}, {
			"current", `stream|from()|ec2Autoscale().groupNameTag('g').outputGroupNameTag('asg').currentField('now').replicas(lambda: "now" + "d")|influxDBOut()`,
			[]string{"m,g=a d=2i 0", "m,g=a d=2i 1", "m,g=a d=-1i 2", "m,g=a d=1i,now=8i 3"},
			[]string{
				"ask ec2 a", "set ec2 a 1 to 3", "m,asg=a new=3i,old=1i 0", "set ec2 a 3 to 5", "m,asg=a new=5i,old=3i 1",
				"set ec2 a 5 to 4", "m,asg=a new=4i,old=5i 2", "set ec2 a 4 to 9", "m,asg=a new=9i,old=4i 3",
			},
		}, {
			"the likely answer is in the point", `stream|from()|ec2Autoscale().groupName('a').currentField('now').replicas(lambda: "now" * 2)|influxDBOut()`,
			[]string{"m now=4i 0"},
			[]string{"ask ec2 a", "set ec2 a 4 to 8", "m new=8i,old=4i 0"},
		}, {
			"state of the lambda is the group's, replicas are the resource's", `stream|from().groupBy('g')|swarmAutoscale().serviceName('a').replicas(lambda: count())|influxDBOut()`,
			[]string{"m,g=a n=1 0", "m,g=a n=1 1", "m,g=b n=1 2", "m,g=a n=1 3"},
			[]string{"ask swarm a", "set swarm a 1 to 2", "m,g=a new=2i,old=1i 1", "set swarm a 2 to 1", "m,g=b new=1i,old=2i 2", "set swarm a 1 to 3", "m,g=a new=3i,old=1i 3"},
		}, {
			"no int", `stream|from()|swarmAutoscale().serviceName('a').replicas(lambda: "n")|influxDBOut()`,
			[]string{"m n=2 0", "m x=1 1"},
			[]string{"ask swarm a", "error error handling point: expression returned unexpected type float, expected int; see int()", `error error handling point: missing value: "n"`},
		}, {
			"batch", `stream|from().groupBy('s')|window().periodCount(2).everyCount(2)|swarmAutoscale().serviceNameTag('s').replicas(lambda: "n")|influxDBOut()`,
			[]string{"m,s=a,x=1 n=2i 0", "m,s=a,x=2 n=3i 1"},
			[]string{"ask swarm a", "set swarm a 1 to 2", "m,s=a new=2i,old=1i 0", "set swarm a 2 to 3", "m,s=a new=3i,old=2i 1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRemote(t, c.script).start()
			r.push(c.in...)
			r.want(c.want...)
		})
	}
}

const swarmScript = `stream|from()|swarmAutoscale().serviceNameTag('s').currentField('now').replicas(lambda: "now" + "d")|influxDBOut()`

// While a call is under way the points of its resource wait, and those of others do not.
func TestAutoscaleWaits(t *testing.T) {
	r := newRemote(t, swarmScript).start()
	r.hold = true
	r.push("m,s=a d=1i 0", "m,s=a d=2i 1", "m,s=b d=1i 2")
	r.want("ask swarm a", "ask swarm b")
	require.NoError(t, r.task.AnswerScale(r.open[1].Scale, 10, nil))
	r.take()
	r.want("set swarm b 10 to 11")
	require.NoError(t, r.task.AnswerScale(r.open[0].Scale, 5, nil))
	r.take()
	r.want("set swarm a 5 to 6")
	require.NoError(t, r.task.AnswerScale(r.open[3].Scale, 6, nil))
	r.take()
	r.want("m,s=a new=6i,old=5i 0", "set swarm a 6 to 8")
	require.NoError(t, r.task.Close())
	r.want()
}

func TestAutoscaleFailure(t *testing.T) {
	r := newRemote(t, swarmScript).start()
	r.answer = func(e *spec.Effect) {
		require.NoError(t, r.task.AnswerScale(e.Scale, 0, errors.New("status 500: out of order")))
	}
	r.push("m,s=a d=1i 0", "m,s=a d=1i 9", "m,s=b d=1i 9", "m,s=a d=1i 10")
	failed := "error error handling point: could not determine initial scale for \"a\": status 500: out of order"
	r.want("ask swarm a", failed, "ask swarm b", strings.Replace(failed, `"a"`, `"b"`, 1), "ask swarm a", failed)
	require.Equal(t, int64(4), r.counter("points_dropped"))

	r.answer = nil
	r.push("m,s=a d=0i 20")
	r.want("ask swarm a")
	r.answer = func(e *spec.Effect) {
		require.NoError(t, r.task.AnswerScale(e.Scale, 0, errors.New("forbidden")))
	}
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
	for i := range 1500 {
		r.push(fmt.Sprintf("m,s=a d=%di 0", i))
	}
	require.Equal(t, int64(500), r.counter("points_dropped"))
	r.want("ask swarm a")
	require.NoError(t, r.task.AnswerScale(r.open[0].Scale, 1, nil))
	r.take()
	r.want("set swarm a 1 to 501")

	r = newRemote(t, swarmScript).start()
	for i := range 10_001 {
		r.push(fmt.Sprintf("m,s=s%d d=0i 0", i))
	}
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

func TestAutoscaleRejects(t *testing.T) {
	for script, want := range map[string]string{
		`k8sAutoscale().replicas(lambda: 1)`:                                                    "must specify exactly one of resourceName and resourceNameTag",
		`k8sAutoscale().resourceName('a').resourceNameTag('b').replicas(lambda: 1)`:             "must specify exactly one of",
		`k8sAutoscale().resourceName('a').kind('pods').replicas(lambda: 1)`:                     "kind: want one of deployments, replicasets, replicationcontrollers, statefulsets, got 'pods'",
		`swarmAutoscale().replicas(lambda: 1)`:                                                  "must specify exactly one of serviceName and serviceNameTag",
		`ec2Autoscale().replicas(lambda: 1)`:                                                    "must specify exactly one of groupName and groupNameTag",
		`swarmAutoscale().serviceName('a')`:                                                     "needs the number of replicas",
		`swarmAutoscale().serviceName('a').min(0).replicas(lambda: 1)`:                          "min: must be 1 or more, got 0",
		`swarmAutoscale().serviceName('a').max(-1).replicas(lambda: 1)`:                         "max: must not be negative, got -1",
		`swarmAutoscale().serviceName('a').min(5).max(4).replicas(lambda: 1)`:                   "max: must not be less than min, 5, got 4",
		`swarmAutoscale().serviceName('a').increaseCooldown(-1s).replicas(lambda: 1)`:           "a cooldown must not be negative",
		`swarmAutoscale().serviceName('a').replicas(5)`:                                         "want lambda, got int",
		`swarmAutoscale().serviceName('a').replicas(lambda: 1)|window().period(1s)|mean('new')`: "",
	} {
		_, err := task.Load(task.Config{Name: "t", Script: "stream|from()|" + script})
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
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
