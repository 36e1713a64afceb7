//go:build unix

package e2e

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever is wrong with scripts, points and receivers costs one clear line, and neither the agent
// nor another task.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	// Points can carry NaN only if a plugin makes one.
	s.inputs = `
[[processors.starlark]]
  namepass = ["nan"]
  order = 1
  source = '''
def apply(metric):
    metric.fields["v"] = float("nan")
    return metric
'''
`
	s.tick = "  order = 2\n"
	s.alerter = `
  [outputs.alerter.email]
    host = "mail.invalid"
    from = "telegraf@example.org"
    to = ["ops@example.org"]
`
	s.write("file", "in the way")
	from := func(name string) string { return "stream|from().measurement('" + name + "')" }
	log := func(name string) string { return ".log('" + s.file(name+".log") + "')" }
	scripts := []struct{ name, text, says string }{
		{"node", "stream\n    |fromm()", `/node.tick:2:6: stream: no node fromm; did you mean from\?$`},
		{"property", "stream|from().mesurement('m')", `/property.tick:1:15: from: no property mesurement; did you mean measurement\?$`},
		{"type", "stream|from()|window().period('10s')", `/type.tick:1:31: window: period: want duration, got string$`},
		{"string", "stream|from().measurement('m", `/string.tick:1:27: unterminated string$`},
		{"template", "stream|from()|alert().message('{{ .ID ')", `/template.tick:1:15: alert: message: unclosed action$`},
		{"lambda", "stream|from()|where(lambda: 1 + 'a')", `/lambda.tick:1:29: where: mismatched type to binary operator. got int \+ string`},
		{"variable", "var x int\nstream|from()", `/variable.tick:1:1: var x int: missing value`},
		{"udf", "stream|from()@nobody()", `/udf.tick:1:15: @nobody: there is no user-defined function of that name`},
		{"empty", "// nothing", `/empty.tick: task does nothing; `},
		{"huge", "stream|from().measurement('" + strings.Repeat("x", 10_000_000) + "')", `/huge.tick: larger than 1048576 bytes$`},
		{"deep", "stream|from().where(lambda: " + strings.Repeat("(", 100_000) + "TRUE" + strings.Repeat(")", 100_000) + ")", `/deep.tick:1:1028: nested too deeply, more than 1000 levels$`},
		{"name", strings.Repeat("x", 1_000_000), `/name.tick:1:1: name "xxx`},
		{"binary", "\x7fELF\x02\x01\x00\x00", `/binary.tick:1:1: `},
	}
	for _, b := range scripts {
		s.script(b.name, b.text)
	}
	s.script("nan", from("nan")+`|where(lambda: "v" > 1.0)|alert().crit(lambda: TRUE)`)
	s.script("change", from("change")+`|where(lambda: "v" > 1.0)|alert().crit(lambda: TRUE)`+log("change"))
	s.script("zero-where", from("zero")+`|where(lambda: 1 / "v" > 0)|alert().crit(lambda: TRUE)`+log("zero-where"))
	s.script("zero-alert", from("zero")+`|alert().crit(lambda: 1 / "v" > 0)`+log("zero-alert"))
	s.script("mail", from("mail")+`|alert().id('lost').crit(lambda: TRUE).email()`)
	s.script("path", from("path")+`|alert().id('lost').crit(lambda: TRUE).log('`+s.file("file/alerts.log")+`')`)
	s.script("good", from("good")+`|alert().crit(lambda: "v" > 0).message('good')`+log("good"))

	a := s.start()
	s.send(
		"nan v=1,w=1 1", "nan v=1,w=1 2", "nan v=1 3",
		"change v=2.0 1", `change v="two" 2`, "change v=true 3", "change v=5i 4", "change v=3.0 5",
		"zero v=0i 1", "zero v=0i 2", "zero v=1i 3",
		"mail v=1 1", "path v=1 1", "path v=1 2",
		"garbage", "a,b c=", "\x00\xff",
	)
	s.send("good v=1i 1")
	require.Contains(t, s.lines("good.log", 1)[0], `"message":"good"`)

	for _, b := range scripts {
		line := a.wait(b.says)
		require.Less(t, len(line), 2000)
		require.Regexp(t, ` E! \[processors.tick\] `+regexp.QuoteMeta(s.file("tick.d")), line)
		require.Len(t, a.matches(0, "/"+b.name+`\.tick`), 1, "lines about %s", b.name)
	}
	running := []struct {
		says string
		n    int
	}{
		{`E! \[processors.tick\] Task "nan": where2: .*left reference value "v" is missing value`, 1},
		{`E! \[processors.tick\] Task "change": where2: .*got string > float`, 1},
		{`E! \[processors.tick\] Task "change": where2: .*for type boolean$`, 1},
		{`E! \[processors.tick\] Task "zero-where": where2: .*integer divide by zero`, 1},
		{`E! \[processors.tick\] Task "zero-alert": alert2: .*integer divide by zero`, 1},
		{`W! \[outputs.alerter\] email: alert "lost" of task "mail" is tried again later: .*mail.invalid`, 1},
		{`\[outputs.alerter\] log: alert "lost" of task "path" .*file/alerts.log: not a directory`, 1},
		{`E! \[inputs.socket_listener\] .*pars`, 0},
	}
	for _, r := range running {
		a.wait(r.says)
		if r.n > 0 {
			require.Len(t, a.matches(0, r.says), r.n, r.says)
		}
	}
	require.Len(t, s.lines("change.log", 3), 3, "the points that are numbers")
	require.Len(t, s.lines("zero-where.log", 1), 1)
	require.Len(t, s.lines("zero-alert.log", 1), 1)

	// After all of that, another alert of another task.
	s.send("good v=0i 2", "good v=1i 3")
	require.Contains(t, s.lines("good.log", 3)[2], `"previousLevel":"OK"`)
	a.alive()
	t.Logf("%d broken scripts, %d faults while running, %d alerts delivered", len(scripts), len(running), 3)
}
