package task_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	_ "github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// cases reads a file of cases.
func cases(t *testing.T, file string) []string {
	text, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	_, body, _ := strings.Cut(string(text), "\n")
	return strings.Split(body, "---\n")
}

func TestReject(t *testing.T) {
	for _, c := range cases(t, "reject.txt") {
		script, want, ok := strings.Cut(c, "### ")
		require.True(t, ok, c)
		want = strings.TrimSpace(want)
		t.Run(want, func(t *testing.T) {
			_, err := task.Check(task.Config{Name: "reject", File: "reject.tick", Script: script})
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestAccept(t *testing.T) {
	for _, script := range cases(t, "accept.txt") {
		name, _, _ := strings.Cut(script, "\n")
		t.Run(name, func(t *testing.T) {
			warnings, err := task.Check(task.Config{Name: "accept", Script: script})
			require.NoError(t, err)
			require.Empty(t, warnings)
		})
	}
}

func TestWarnings(t *testing.T) {
	warnings, err := task.Check(task.Config{Name: "w", File: "w.tick", Script: `stream|from()|where(lambda: strLenght("s") > 3)`})
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.ErrorContains(t, warnings[0], "w.tick:1:29: where: ")
	require.ErrorContains(t, warnings[0], "strLength")

	warnings, err = task.Check(task.Config{Name: "w", File: "w.tick", Script: `stream|from()|window().period(1s)|kapacitorLoopback().database('x').retentionPolicy('y').measurement('n')`})
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.EqualError(t, warnings[0], "w.tick:1:35: kapacitorLoopback: measurement has no effect on batches: their points keep the batch's name")
}

func TestVars(t *testing.T) {
	vars, err := task.ParseVars("v.json", []byte(`{"limit": {"type": "float", "value": 5}, "every": {"type": "duration", "value": "1h30m"},
		"dims": {"type": "list", "value": [{"type": "string", "value": "host"}]}, "cond": {"type": "lambda", "value": "\"v\" > 3"}, "re": {"type": "regex", "value": "^a"}}`))
	require.NoError(t, err)
	script := `
var limit = 1.0
var every duration
var dims = ['x']
var cond lambda
var re regex
stream|from().groupBy(dims).where(lambda: "h" =~ re)|window().period(every).every(every)|mean('v')|alert().crit(lambda: "mean" > limit).warn(cond)`
	_, err = task.Check(task.Config{Name: "vars", Script: script, Vars: vars})
	require.NoError(t, err)

	vars["limit"], err = task.ArgOf("int", int64(5))
	require.NoError(t, err)
	_, err = task.Check(task.Config{Name: "vars", Script: script, Vars: vars})
	require.EqualError(t, err, "vars:2:1: var limit: the value supplied is of type int, want float")

	// What is wrong with a lambda supplied is no place in the script.
	vars["limit"], err = task.ArgOf("float", 5.0)
	require.NoError(t, err)
	vars["cond"], err = task.ArgOf("lambda", `"v" > limit`)
	require.NoError(t, err)
	_, err = task.Check(task.Config{Name: "vars", Script: script, Vars: vars})
	require.EqualError(t, err, `vars:5:1: var cond: the lambda supplied has the name limit, want literals and references: "limit"`)
	vars["cond"], err = task.ArgOf("lambda", `"v" > 1 AND 10s - (-1) > 5s`)
	require.NoError(t, err)
	_, err = task.Check(task.Config{Name: "vars", Script: script, Vars: vars})
	require.ErrorContains(t, err, "vars:7:")

	for text, want := range map[string]string{
		`{"x": {"type": "string", "value": null}}`:                        "v.json: var x: value null: want string",
		`{"x": {"type": "list", "value": null}}`:                          "v.json: var x: value null: want list",
		`{"x": {"type": "int", "value": 5.5}}`:                            "v.json: var x: value 5.5: want int",
		`{"x": {"type": "integer", "value": 5}}`:                          `v.json: var x: unknown type "integer", want one of bool, duration, float, int, lambda, list, regex, star, string`,
		`{"x": {"type": "regex", "value": "("}}`:                          "v.json: var x: error parsing regexp: missing closing ): `(`",
		`{"x": {"type": "list", "value": [{"type": "int", "value": 1}]}}`: "v.json: var x: list item: want string or star, got int",
		`{"x": 5}`: `v.json: want {"name": {"type": "int", "value": 5}}: json: cannot unmarshal number into Go value of type task.jsonVar`,
		`{"id": "t", "vars": {"x": {"type": "duration", "value": "soon"}}}`: `v.json: var x: invalid duration string "soon"`,
	} {
		_, err := task.ParseVars("v.json", []byte(text))
		require.EqualError(t, err, want)
	}
}

// A task tells what its nodes refer to, and does not start with what is refused.
func TestReferences(t *testing.T) {
	var got []spec.Reference
	cfg := task.Config{File: "r.tick", Script: `var m = stream|from()
m|httpPost('http://h/')
m|httpPost().endpoint('hook')
m|sideload().source('file:///limits').field('limit', 0.0)
m|k8sAutoscale().cluster('west').resourceName('web').replicas(lambda: 1)
m|ec2Autoscale().groupName('web').replicas(lambda: 1)`}
	cfg.Ask = func(b spec.Body) spec.Reply {
		r, ok := b.(spec.Reference)
		require.True(t, ok)
		got = append(got, r)
		if r.Kind == "ec2" {
			return spec.Referred{Error: "no such cluster"}
		}
		return spec.Referred{}
	}
	_, err := task.Check(cfg)
	require.EqualError(t, err, "r.tick:6:3: ec2Autoscale: no such cluster")
	require.Equal(t, []spec.Reference{
		{Kind: "endpoint", Name: "hook"}, {Kind: "source", Name: "file:///limits"}, {Kind: "k8s", Name: "west"}, {Kind: "ec2"},
	}, got)
	cfg.Ask = nil
	_, err = task.Check(cfg)
	require.NoError(t, err)
}

// Values that are made of one another grow out of all proportion to the script.
func TestLargeValues(t *testing.T) {
	lines := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+"\n", i+1, i, i)
		}
		return b.String()
	}
	many := strings.Repeat("|where(a10)", 10_000)
	for want, script := range map[string]string{
		"x.tick:15:11: the lambda has more than 32768 parts": "var a0 = lambda: \"v\" > 1\n" + lines(40, "var a%d = lambda: a%d AND a%d") + "stream|from()|where(a40)",
		"x.tick:21:11: the values that the script uses":      "var a0 = 'xxxxxxxx'\n" + lines(40, "var a%d = a%d + a%d") + "stream|from().measurement(a40)",
		"x.tick:12:": "var a0 = lambda: \"v\" > 1\n" + lines(10, "var a%d = lambda: a%d AND a%d") + "stream|from()" + many,
	} {
		_, err := task.Check(task.Config{Name: "x", File: "x.tick", Script: script})
		require.ErrorContains(t, err, want)
	}
}
