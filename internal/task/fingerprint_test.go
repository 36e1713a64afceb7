package task_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// TestChangedScript restores the state of a script into a changed one.
func TestChangedScript(t *testing.T) {
	const old = `var limit = 10.0
		stream|from().measurement('cpu').groupBy('host').where(lambda: "cpu" == 'total')
			|window().period(10s).every(5s)|mean('idle').as('m')
			|alert().id('{{ .Name }}').message('m').details('d').crit(lambda: "m" < limit).stateChangesOnly(1m)
				.email('a@example.com').slack().channel('#a').topic('t')
			|log().prefix('p').level('INFO')
			|httpPost('http://a').codeField('code').header('a', 'b')
			|httpOut('out')
			|influxDBOut().database('a').tag('k', 'v')`
	load := func(script string, change ...func(*task.Config)) *task.Task {
		c := task.Config{Name: "x", Script: script}
		for _, f := range change {
			f(&c)
		}
		tk, err := task.Load(c)
		require.NoError(t, err)
		require.NoError(t, tk.Start(0))
		return tk
	}
	var saved bytes.Buffer
	require.NoError(t, load(old).Save(&saved))
	restore := func(tk *task.Task) error { return tk.Restore(bytes.NewReader(saved.Bytes())) }
	for _, c := range []struct {
		what, from, to string
		same           bool
	}{
		{"nothing", "", "", true},
		{"comment and layout", "stream|from()", "// new\nstream\n  |from()", true},
		{"order of properties", ".period(10s).every(5s)", ".every(5s).period(10s)", true},
		{"unused variable", "var limit", "var unused = 3\nvar limit", true},
		{"name of a variable", "limit", "threshold", true},
		{"message", ".message('m')", ".message('other {{ .ID }}')", true},
		{"no message", ".message('m')", "", true},
		{"details", ".details('d')", ".details('')", true},
		{"recipient", "a@example.com", "b@example.com", true},
		{"property of a handler", "'#a'", "'#b'", true},
		{"another handler", ".slack()", ".log('/tmp/a').slack()", true},
		{"no handler", ".email('a@example.com').slack().channel('#a')", "", true},
		{"log", "'INFO'", "'DEBUG'", true},
		{"no prefix", ".prefix('p')", "", true},
		{"URL", "http://a", "http://b", true},
		{"header", "'b')", "'c')", true},
		{"endpoint", "httpOut('out')", "httpOut('in')", true},
		{"database", "database('a')", "database('b').buffer(10)", true},

		{"value of a variable", "10.0", "20.0", false},
		{"lambda", "< limit", "<= limit", false},
		{"condition", "'total'", "'cpu0'", false},
		{"measurement", "measurement('cpu')", "measurement('mem')", false},
		{"dimension", "groupBy('host')", "groupBy('host', 'cpu')", false},
		{"period", "period(10s)", "period(20s)", false},
		{"argument", "mean('idle')", "mean('user')", false},
		{"function", "mean('idle')", "max('idle')", false},
		{"ID", "id('{{ .Name }}')", "id('x')", false},
		{"topic", ".topic('t')", ".topic('u')", false},
		{"interval", "stateChangesOnly(1m)", "stateChangesOnly(2m)", false},
		{"property of a handler moved to the alert", ".slack().channel('#a').topic('t')", ".topic('t').slack().channel('#a').history(5)", false},
		{"added field", "codeField('code')", "codeField('c')", false},
		{"a node more", "|httpOut('out')", "|httpOut('out')|httpOut('more')", false},
		{"a node less", "|httpOut('out')", "", false},
		{"database to work on", "var limit", "dbrp \"a\".\"b\"\nvar limit", false},
	} {
		script := old
		if c.from != "" {
			script = string(bytes.ReplaceAll([]byte(old), []byte(c.from), []byte(c.to)))
			require.NotEqual(t, old, script, c.what)
		}
		err := restore(load(script))
		if c.same {
			require.NoError(t, err, c.what)
		} else {
			require.ErrorIs(t, err, task.ErrMismatch, c.what)
		}
	}

	// Variables count by the values that they have in the end.
	limit := func(v float64) func(*task.Config) {
		return func(c *task.Config) {
			c.Vars = map[string]spec.Arg{"limit": spec.ValueArg(point.FloatValue(v), syntax.Pos{})}
		}
	}
	require.NoError(t, restore(load(old, limit(10))))
	require.ErrorIs(t, restore(load(old, limit(11))), task.ErrMismatch)
	require.ErrorIs(t, restore(load(old, func(c *task.Config) { c.DBRPs = []spec.DBRP{{DB: "a", RP: "b"}} })), task.ErrMismatch)
}

// TestChangedDeadman looks at the nodes that a macro makes, whose values stand in no script.
func TestChangedDeadman(t *testing.T) {
	load := func(call string, texts spec.Deadman) *task.Task {
		tk, err := task.Load(task.Config{Name: "x", Script: "stream|from()|" + call, Deadman: texts})
		require.NoError(t, err)
		return tk
	}
	old := load(`deadman(1.0, 10s, lambda: "h" == 'a')`, spec.Deadman{})
	for _, c := range []struct {
		call  string
		texts spec.Deadman
		same  bool
	}{
		{`deadman(1.0, 10s, lambda: "h" == 'a')`, spec.Deadman{}, true},
		{`deadman(1.0, 10s, lambda: "h" == 'a').message('m')`, spec.Deadman{Message: "other"}, true},
		{`deadman(1.0, 10s, lambda: "h" == 'a')`, spec.Deadman{ID: "other"}, false},
		{`deadman(2.0, 10s, lambda: "h" == 'a')`, spec.Deadman{}, false},
		{`deadman(1.0, 20s, lambda: "h" == 'a')`, spec.Deadman{}, false},
		{`deadman(1.0, 10s, lambda: "h" == 'b')`, spec.Deadman{}, false},
		{`deadman(1.0, 10s)`, spec.Deadman{}, false},
		{`deadman(1.0, 10s, lambda: "h" == 'a').history(5)`, spec.Deadman{}, false},
	} {
		require.Equal(t, c.same, load(c.call, c.texts).Continues(old), "%s %+v", c.call, c.texts)
	}
}
