package task_test

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// said runs a task on three points of m, the last at 12 s, and one of x, and returns what its alerts say
// until 40 s.
func said(t *testing.T, cfg task.Config, restart bool) []string {
	t.Helper()
	cfg.Name = "t"
	begin := func(now int64) *task.Task {
		tk, err := task.Load(cfg)
		require.NoError(t, err)
		require.NoError(t, tk.Start(now))
		return tk
	}
	tk := begin(0)
	push := func(name string, at time.Duration) {
		require.NoError(t, tk.Tick(int64(at)))
		require.NoError(t, tk.Push(&point.Point{
			Name: name, DB: "telegraf", RP: "autogen", Time: int64(at),
			Tags: []point.Tag{{Key: "host", Value: "a"}}, Fields: []point.Field{{Key: "v", Value: point.IntValue(1)}},
		}))
	}
	push("m", time.Second)
	push("m", 2*time.Second)
	push("m", 12*time.Second)
	if restart {
		var b bytes.Buffer
		require.NoError(t, tk.Save(&b))
		require.Empty(t, tk.Take())
		tk = begin(int64(12 * time.Second))
		require.NoError(t, tk.Restore(&b))
	}
	push("x", 22*time.Second)
	require.NoError(t, tk.Tick(int64(40*time.Second)))
	var out []string
	for _, e := range tk.Take() {
		require.NotEqual(t, spec.ErrorEffect, e.Kind, e.Text)
		if e.Kind == spec.AlertEffect {
			out = append(out, time.Unix(0, e.Event.Time).UTC().Format("05s ")+e.Event.Node+" "+e.Event.Message)
		}
	}
	return out
}

// TestDeadmanConfig wants the settings to be the defaults of scripts, and global to give each task a
// deadman of its source.
func TestDeadmanConfig(t *testing.T) {
	const plain = `stream|from().measurement('m').groupBy('host')|alert()`
	const own = `stream|from().measurement('m').groupBy('host')|deadman(0.0, 10s)`
	texts := spec.Deadman{ID: "NODE_NAME, not NODE_NAME", Message: "{{ .TaskName }}: {{ .ID }} {{ .Level }} INTERVAL INTERVAL"}
	global := spec.Deadman{Global: true, Threshold: 1, Interval: 10 * time.Second}
	both := global
	both.ID, both.Message = texts.ID, texts.Message
	idle := global
	idle.Global = false
	for _, c := range []struct {
		name, script string
		config       spec.Deadman
		want         []string
	}{
		{"none", plain, spec.Deadman{}, nil},
		{"not global", plain, idle, nil},
		{"defaults", own, idle, []string{
			"30s alert4 host=a:from1 for task 't' is dead: 0.000 points/10s.",
			"40s alert4 host=a:from1 for task 't' is dead: 0.000 points/10s.",
		}},
		{"texts", own, texts, []string{
			"30s alert4 t: from1, not NODE_NAME CRITICAL 10s INTERVAL",
			"40s alert4 t: from1, not NODE_NAME CRITICAL 10s INTERVAL",
		}},
		{"texts of the script", own + `.id('own').message('{{ .ID }} says')`, both, []string{
			"20s alert7 t: stream0, not NODE_NAME CRITICAL 10s INTERVAL",
			"30s alert4 own says",
			"30s alert7 t: stream0, not NODE_NAME CRITICAL 10s INTERVAL",
			"40s alert4 own says",
			"40s alert7 t: stream0, not NODE_NAME CRITICAL 10s INTERVAL",
		}},
		{"global", plain, global, []string{ // the first report carries the time of the start
			"20s alert5 nil:stream0 for task 't' is dead: 0.500 points/10s.",
			"30s alert5 nil:stream0 for task 't' is dead: 0.000 points/10s.",
			"40s alert5 nil:stream0 for task 't' is dead: 0.000 points/10s.",
		}},
		{"global, all measurements", `stream|from()|alert()`, global, []string{
			"20s alert5 nil:stream0 for task 't' is dead: 0.500 points/10s.",
			"30s alert5 nil:stream0 for task 't' is dead: 1.000 points/10s.",
			"40s alert5 nil:stream0 for task 't' is dead: 0.000 points/10s.",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, (&spec.Deadman{ID: c.config.ID, Message: c.config.Message, Interval: time.Second}).Check())
			cfg := task.Config{Script: c.script, Deadman: c.config}
			require.Equal(t, c.want, said(t, cfg, false))
			require.Equal(t, c.want, said(t, cfg, true), "after a restart")
		})
	}

	_, err := task.Check(task.Config{Name: "t", Script: "var x = 1", Deadman: global})
	require.ErrorContains(t, err, "task does nothing", "a deadman alone is no task")
}

func TestDeadmanConfigCheck(t *testing.T) {
	good := spec.Deadman{Interval: time.Second}
	require.NoError(t, good.Check())
	for want, change := range map[string]func(*spec.Deadman){
		"interval must be positive":                         func(c *spec.Deadman) { c.Interval = 0 },
		"threshold: want 0.0 or more, got -1":               func(c *spec.Deadman) { c.Threshold = -1 },
		"threshold: want 0.0 or more, got NaN":              func(c *spec.Deadman) { c.Threshold = math.NaN() },
		"threshold: want 0.0 or more, got +Inf":             func(c *spec.Deadman) { c.Threshold = math.Inf(1) },
		`id: unclosed action`:                               func(c *spec.Deadman) { c.ID = "{{ .Group" },
		`message: function "nope" not defined`:              func(c *spec.Deadman) { c.Message = "{{ nope }}" },
		`id: function "json" not defined, only details can`: func(c *spec.Deadman) { c.ID = "{{ json . }}" },
	} {
		c := good
		change(&c)
		require.ErrorContains(t, c.Check(), want)
	}
}
