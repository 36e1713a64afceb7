//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// This file tests that nothing which users put beside the rules comes between a decision and its handlers,
// and that other outputs get what was collected, copies of events, and nothing else.

// A pipeline is what stands in a configuration beside the rule.
type pipeline struct {
	name    string
	agent   string // settings of the agent
	before  string // plugins before processors.tick
	tick    string // its settings
	behind  string // plugins behind it
	alerter string // settings of outputs.alerter
	output  string // settings of the other output
	more    string // more outputs

	rule  string         // what makes another condition, "v" > 5 if unset
	ids   string         // of the two alerts, "a b" if unset
	other map[string]int // lines that the other output gets, by what they match; any number if it is negative
	fails bool           // the agent says with its exit status that an output failed
}

// What the other output may get.
const (
	collected = `m,host=[ab],level=own,topic=own v=[09]`
	copied    = `alert,alert_id=[ab],alert_level=(OK|CRITICAL),alert_task=rule,host=[ab],level=own,topic=own ` + copiedFields
	// copiedFields are those of a copy.
	copiedFields = `details="",duration_ns=\d+i,event_id="[0-9a-f]{32}",message="[^"]*",previous_level="(OK|CRITICAL)",rule="[0-9a-f]+",value=[09]`
)

// events is the number of points and of events, one for each point.
const events = 40

var pipelines = []pipeline{
	{name: "nothing", other: map[string]int{collected: events, copied: events}},
	{name: "no copies", tick: `alert_metrics = false`, other: map[string]int{collected: events}},
	{
		name: "copies by another name", tick: `alert_measurement = "incidents"`,
		other: map[string]int{collected: events, strings.Replace(copied, "alert,", "incidents,", 1): events},
	},
	{name: "whole events", tick: `alert_metrics = "full"`, other: map[string]int{collected: events, strings.Replace(copied, "details", `alert_event="{.*}",details`, 1): events}},
	{
		name: "whole events, of which it takes its own", tick: `alert_metrics = "full"`, alerter: `accept_metrics = true`,
		other: map[string]int{collected: events, strings.Replace(copied, "details", `alert_event="{.*}",details`, 1): events},
	},
	{name: "no originals", tick: `drop_original = true`, other: map[string]int{copied: events}},

	{name: "namepass of the metric", output: `namepass = ["m"]`, other: map[string]int{collected: events}},
	{name: "namepass of copies", output: `namepass = ["alert"]`, other: map[string]int{copied: events}},
	{name: "namedrop of copies", output: `namedrop = ["alert"]`, other: map[string]int{collected: events}},
	{
		name: "tagpass of a level", output: `tagpass = {alert_level = ["CRITICAL"]}`,
		other: map[string]int{strings.Replace(copied, "(OK|CRITICAL),", "CRITICAL,", 1): events / 2},
	},
	{name: "tagpass as it was once", output: `tagpass = {tick = ["alert", "point"]}`},
	{name: "tagdrop of the metric's own tag", output: `tagdrop = {level = ["own"]}`},

	// Aggregators. What they drop they drop of the copies as well.
	{
		name: "basicstats", behind: aggregator("basicstats", `stats = ["count"]`),
		other: map[string]int{collected: events, copied: events, counted: 2, countedCopies: 4},
	},
	{
		name: "basicstats drops originals", behind: aggregator("basicstats", "stats = [\"count\"]\n  drop_original = true"),
		other: map[string]int{counted: 2, countedCopies: 4},
	},
	{
		name: "basicstats drops originals of m", behind: aggregator("basicstats", "stats = [\"count\"]\n  namepass = [\"m\"]\n  drop_original = true"),
		other: map[string]int{counted: 2, copied: events},
	},
	{
		name: "basicstats before processors only", agent: `skip_processors_after_aggregators = true`, behind: aggregator("basicstats", `stats = ["count"]`),
		other: map[string]int{collected: events, copied: events, counted: 2, countedCopies: 4},
	},
	{
		name: "basicstats stands before", before: aggregator("basicstats", "stats = [\"count\"]\n  drop_original = true"),
		other: map[string]int{counted: 2, countedCopies: 4},
	},
	{name: "merge", behind: aggregator("merge", ``), other: map[string]int{collected: 2 * events, copied: 2 * events}},
	{name: "merge drops originals", behind: aggregator("merge", `drop_original = true`), other: map[string]int{collected: events, copied: events}},
	{
		name: "final", behind: aggregator("final", `output_strategy = "periodic"`),
		other: map[string]int{collected: events, copied: events, finally: 2, finallyCopies: 4},
	},
	{
		name: "final drops originals", behind: aggregator("final", "output_strategy = \"periodic\"\n  drop_original = true"),
		other: map[string]int{finally: 2, finallyCopies: 4},
	},
	{
		name: "histogram", behind: aggregator("histogram", histogram),
		other: map[string]int{collected: events, copied: events, bucket: -1},
	},
	{
		name: "histogram drops originals", behind: aggregator("histogram", "drop_original = true\n"+histogram),
		other: map[string]int{bucket: -1},
	},

	// Processors.
	{
		name: "strings behind", behind: upper,
		other: map[string]int{
			strings.Replace(collected, "[ab]", "[AB]", 1):        events,
			strings.Replace(copied, "host=[ab]", "host=[AB]", 1): events,
		},
	},
	{
		name: "strings behind, copies' levels", behind: "[[processors.strings]]\n  [[processors.strings.lowercase]]\n    tag = \"alert_level\"\n",
		other: map[string]int{collected: events, strings.Replace(copied, "(OK|CRITICAL)", "(ok|critical)", 1): events},
	},
	{
		name: "strings before", before: upper, ids: "A B",
		other: map[string]int{strings.Replace(collected, "[ab]", "[AB]", 1): events, strings.ReplaceAll(copied, "[ab]", "[AB]"): events},
	},
	{
		name: "strings before by order", behind: "[[processors.strings]]\n  order = 1\n" + strings.SplitN(upper, "\n", 2)[1], tick: `order = 2`, ids: "A B",
		other: map[string]int{strings.Replace(collected, "[ab]", "[AB]", 1): events, strings.ReplaceAll(copied, "[ab]", "[AB]"): events},
	},
	{
		name: "strings behind by order", before: "[[processors.strings]]\n  order = 2\n" + strings.SplitN(upper, "\n", 2)[1], tick: `order = 1`,
		other: map[string]int{
			strings.Replace(collected, "[ab]", "[AB]", 1):        events,
			strings.Replace(copied, "host=[ab]", "host=[AB]", 1): events,
		},
	},
	{
		name: "converter behind", behind: "[[processors.converter]]\n  [processors.converter.fields]\n    string = [\"v\"]\n    tag = [\"message\"]\n",
		other: map[string]int{
			strings.Replace(collected, "[09]", `"[09]"`, 1):                                                                  events,
			strings.Replace(strings.Replace(copied, `message="[^"]*",`, "", 1), "level=own,", `level=own,message=[^"]*,`, 1): events,
		},
	},
	{
		name: "converter before", before: "[[processors.converter]]\n  [processors.converter.fields]\n    integer = [\"v\"]\n",
		other: map[string]int{collected + "i": events, copied: events},
	},
	{name: "topk behind", behind: "[[processors.topk]]\n  period = 1\n  k = 1\n  fields = [\"v\", \"value\"]\n", other: map[string]int{collected: -1, copied: -1}},
	{
		name: "topk before", before: "[[processors.topk]]\n  period = 0\n  k = 1\n  fields = [\"v\"]\n  namepass = [\"m\"]\n",
		other: map[string]int{collected: events, copied: events},
	},
	{
		name: "unpivot behind", behind: "[[processors.unpivot]]\n",
		other: map[string]int{
			`m,host=[ab],level=own,name=v,topic=own value=[09]`:  events,
			`alert,alert_id=[ab],.*,name=\w+,topic=own value=.*`: -1,
		},
	},
	{
		name: "unpivot before", before: "[[processors.unpivot]]\n", rule: `"value" > 5`,
		other: map[string]int{`m,host=[ab],level=own,name=v,topic=own value=[09]`: events, copied: events},
	},
	{
		name: "tag_limit behind", behind: "[[processors.tag_limit]]\n  limit = 1\n  keep = [\"host\"]\n",
		other: map[string]int{`m,host=[ab] v=[09]`: events, `alert,host=[ab] ` + copiedFields: events},
	},
	{
		name: "tag_limit before", before: "[[processors.tag_limit]]\n  limit = 1\n  keep = [\"host\"]\n",
		other: map[string]int{`m,host=[ab] v=[09]`: events, strings.Replace(copied, ",level=own,topic=own", "", 1): events},
	},
	{name: "dedup behind", behind: "[[processors.dedup]]\n", other: map[string]int{collected: events, copied: events}},
	{name: "dedup before", before: "[[processors.dedup]]\n", other: map[string]int{collected: events, copied: events}},
	{
		name: "starlark behind drops copies and doubles metrics", behind: starlark(`[] if metric.name == "alert" else [metric, deepcopy(metric)]`),
		other: map[string]int{collected: 2 * events},
	},
	{name: "starlark behind drops all", behind: starlark("None")},
	{name: "starlark before", before: starlark("[metric]"), other: map[string]int{collected: events, copied: events}},
	{
		name: "starlark before and behind, by order", tick: `order = 2`,
		before: strings.Replace(starlark("None"), "\n", "\n  order = 3\n", 1), behind: strings.Replace(starlark("metric"), "\n", "\n  order = 1\n", 1),
	},

	// Outputs.
	{name: "another output is dead", more: dead(""), fails: true, other: map[string]int{collected: events, copied: events}},
	{
		name: "another output is dead and its buffer full", more: dead("  metric_batch_size = 5\n  metric_buffer_limit = 5"), fails: true,
		other: map[string]int{collected: events, copied: events},
	},
	{name: "only a dead output gets the metrics", output: `namepass = ["none"]`, more: dead(""), fails: true},
}

// aggregator returns the TOML of one that takes metrics of any time.
func aggregator(name, settings string) string {
	return "[[aggregators." + name + "]]\n  grace = \"100000h\"\n  " + settings + "\n"
}

const (
	counted       = `m,host=[ab],level=own,topic=own v_count=20i?`
	countedCopies = `alert,alert_id=[ab],.*,topic=own duration_ns_count=10i?,value_count=10i?`
	finally       = `m,host=[ab],level=own,topic=own v_final=[09]`
	finallyCopies = `alert,alert_id=[ab],.*,topic=own details_final=.*`
	histogram     = "  [[aggregators.histogram.config]]\n    buckets = [5.0]\n    measurement_name = \"m\"\n    fields = [\"v\"]"
	bucket        = `m,host=[ab],le=(5|\+Inf),level=own,topic=own v_bucket=\d+i`
	upper         = "[[processors.strings]]\n  [[processors.strings.uppercase]]\n    tag = \"host\"\n"
)

func starlark(result string) string {
	return "[[processors.starlark]]\n  source = '''\ndef apply(metric):\n    return " + result + "\n'''\n"
}

// dead returns the TOML of an output that nobody listens to.
func dead(settings string) string {
	return "[[outputs.http]]\n  url = \"http://127.0.0.1:1\"\n" + settings + "\n"
}

func TestPipelines(t *testing.T) {
	t.Parallel()
	for _, p := range pipelines {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.run(t)
		})
	}
}

// run feeds an agent with points that raise an event each, and looks at what came out.
func (p *pipeline) run(t *testing.T) {
	f := newFolder(t)
	const t0 = 1767225600000 // ms
	var points strings.Builder
	for i := range events {
		fmt.Fprintf(&points, "m,host=%c,level=own,topic=own v=%d %d\n", 'a'+i%2, 9*(1-i/2%2), (t0+i)*1e6)
	}
	f.write("in.influx", points.String())
	rule := p.rule
	if rule == "" {
		rule = `"v" > 5`
	}
	f.write("tick.d/rule.tick", `stream
    |from().measurement('m').groupBy('host', 'level', 'topic')
    |alert()
        .id('{{ index .Tags "host" }}')
        .crit(lambda: `+rule+`)
        .stateChangesOnly()
        .message('`+receiptText+`').details('')
        .log('`+f.file("alerts.log")+`')
`)
	f.write("telegraf.conf", `
[agent]
  omit_hostname = true
  precision = "1ms"
  metric_batch_size = 100000
  metric_buffer_limit = 100000
  `+p.agent+`
[[inputs.file]]
  files = ["`+f.file("in.influx")+`"]
  data_format = "influx"
`+p.before+`
[[processors.tick]]
  scripts = ["`+f.file("tick.d")+`"]
  `+p.tick+`
`+p.behind+`
[[outputs.alerter]]
  `+p.alerter+`
[[outputs.file]]
  files = ["`+f.file("other.out")+`"]
  influx_sort_fields = true
  `+p.output+`
`+p.more)
	out, err := exec.Command(agentBinary, "--once", "--config", f.file("telegraf.conf")).CombinedOutput()
	if p.fails {
		require.Error(t, err, "%s", out)
	} else {
		require.NoError(t, err, "%s", out)
		require.NotContains(t, string(out), " E! ")
	}

	text, err := os.ReadFile(f.file("alerts.log"))
	require.NoError(t, err, "%s", out)
	got, repeats, err := sortOut(posted(t, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")))
	require.NoError(t, err)
	require.Empty(t, repeats)
	require.NoError(t, got.chained())
	ids := p.ids
	if ids == "" {
		ids = "a b"
	}
	for i, id := range strings.Fields(ids) {
		require.Len(t, got[id], events/2, "%s", out)
		for j, r := range got[id] {
			require.Equal(t, int64(t0+2*j+i), r.ms)
			require.Equal(t, []string{"CRITICAL", "OK"}[j%2], r.level)
		}
	}
	require.Len(t, got, 2)

	text, err = os.ReadFile(f.file("other.out"))
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	require.NoError(t, match(p.other, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")), "%s", out)
}

// match returns an error unless there are as many lines of each kind as are wanted, and no others.
func match(kinds map[string]int, lines []string) error {
	n := map[string]int{}
	for _, line := range lines {
		if line == "" {
			continue
		}
		found := ""
		for kind := range kinds {
			if regexp.MustCompile(`^` + kind + ` \d+$`).MatchString(line) {
				found = kind
			}
		}
		if found == "" {
			return fmt.Errorf("line of no kind: %s", line)
		}
		n[found]++
	}
	for kind, want := range kinds {
		if n[kind] != want && want >= 0 {
			return fmt.Errorf("%d lines are %s, want %d", n[kind], kind, want)
		}
	}
	return nil
}
