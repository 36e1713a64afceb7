package syntax

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Every script that Kapacitor accepts parses, and an error says in Ref what Kapacitor says.
func TestParseConformance(t *testing.T) {
	beyondSyntax := map[string]bool{"reject-syn-empty": true}
	refs := 0
	for name, sections := range vectors(t, "*.txtar") {
		src, ok := sections["script.tick"]
		if !ok {
			continue
		}
		_, err := Parse(name, src)
		if !strings.HasPrefix(name, "reject-lex-") && !strings.HasPrefix(name, "reject-syn-") || beyondSyntax[name] {
			require.NoError(t, err, name)
			continue
		}
		var want struct{ Error string }
		require.NoError(t, json.Unmarshal([]byte(sections["want.jsonl"]), &want), name)
		var e *Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, want.Error, string([]rune(e.Ref)), name)
		require.True(t, e.Pos.IsValid(), name)
		refs++
	}
	require.Greater(t, refs, 20)
}

var marker = regexp.MustCompile(`[ \t]*###[ \t]*("(?:[^"\\]|\\.)*")`)

// The cases in errors.tick carry the expected error on the line that causes it.
func TestParseErrors(t *testing.T) {
	data, err := os.ReadFile("testdata/errors.tick")
	require.NoError(t, err)
	line := 1
	for part := range strings.SplitSeq(string(data), "---\n") {
		at := "errors.tick:" + strconv.Itoa(line)
		var want string
		wantLine := 0
		lines := strings.Split(strings.TrimSuffix(part, "\n"), "\n")
		for i, l := range lines {
			if m := marker.FindStringSubmatch(l); m != nil {
				require.Empty(t, want, "%s: two errors in one case", at)
				want, err = strconv.Unquote(m[1])
				require.NoError(t, err, at)
				wantLine = i + 1
				lines[i] = marker.ReplaceAllString(l, "")
			}
		}
		line += len(lines) + 1
		_, err := Parse("x.tick", strings.Join(lines, "\n"))
		if want == "" {
			require.NoError(t, err, at)
			continue
		}
		var e *Error
		require.ErrorAs(t, err, &e, at)
		require.Regexp(t, want, e.Msg, at)
		require.Equal(t, wantLine, e.Pos.Line, "%s: %v", at, err)
	}
}

func TestParseErrorText(t *testing.T) {
	_, err := Parse("cpu.tick", "stream\n    |window()\n        .period(1h30m)\n")
	require.EqualError(t, err, `cpu.tick:3:19: unexpected duration "30m", expected "," or ")"; a duration has one unit, write 90m`)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, Pos{Offset: 39, Line: 3, Col: 19}, e.Pos)
	_, err = Parse("", "x|y('/a(b/')|z(lambda: 'a' =~ /a(b/)")
	require.EqualError(t, err, "1:31: error parsing regexp: missing closing ): `a(b`")
	require.Error(t, errors.Unwrap(err))
}

func TestParseTree(t *testing.T) {
	for src, want := range map[string]string{
		"TRUE == 1 < 2":              "(TRUE == (1 < 2))",
		"1 + 2 * 3 - 4 / 5 % 6":      "((1 + (2 * 3)) - ((4 / 5) % 6))",
		"a OR b AND c OR d":          "((a OR (b AND c)) OR d)",
		`!"a" == 5`:                  `(!"a" == 5)`,
		"-a - -b":                    "(-a - -b)",
		"1 - 2 - 3":                  "((1 - 2) - 3)",
		"a =~ /x/ AND b !~ /\\//":    "((a =~ /x/) AND (b !~ /\\//))",
		"f(1, 2,) * 3":               "(f(1, 2) * 3)",
		"a == b == c != d":           "(((a == b) == c) != d)",
		"1 < 2 + 3 AND 4 >= 5 OR !x": "(((1 < (2 + 3)) AND (4 >= 5)) OR !x)",
	} {
		x, err := ParseExpr("", src)
		require.NoError(t, err, src)
		Walk(x, func(n Node) bool {
			if b, ok := n.(*Binary); ok {
				b.Parens = true
			}
			return true
		})
		require.Equal(t, want, FormatExpr(x), src)
	}
}

func TestParsePositions(t *testing.T) {
	prog, err := Parse("", "// c\nvar é = stream|from()\n  .where(lambda: \"a\" > (1\n+2))")
	require.NoError(t, err)
	var got []string
	Walk(prog, func(n Node) bool {
		p := n.Pos()
		got = append(got, strings.TrimPrefix(strings.TrimPrefix(typeName(n), "*syntax."), "*")+" "+strconv.Itoa(p.Line)+":"+strconv.Itoa(p.Col))
		return true
	})
	require.Equal(t, []string{
		"Program 1:1", "Var 2:1", "Ident 2:5", "Chain 3:4", "Chain 2:17", "Ident 2:10", "Call 2:17", "Call 3:4",
		"Lambda 3:10", "Binary 3:18", "Reference 3:18", "Binary 3:24", "Int 3:25", "Int 4:2",
	}, got)
}

func TestParseExpr(t *testing.T) {
	for src, want := range map[string]string{
		`"a">1`:                  `"a" > 1`,
		`lambda: changed() == 2`: `changed() == 2`,
		`x // why`:               `x`,
		"// why\nx":              "// why\nx",
	} {
		x, err := ParseExpr("", src)
		require.NoError(t, err, src)
		require.Equal(t, want, FormatExpr(x))
	}
	for src, want := range map[string]string{
		"":         "1:1: unexpected end of the text, expected a value",
		"1 2":      `1:3: unexpected number "2", expected the end`,
		"a|b()":    `1:2: unexpected "|", expected the end`,
		"['a']":    `1:1: unexpected "[", expected a value`,
		"a and b":  `1:3: unexpected identifier "and", expected the end; write AND`,
		"f(x|y())": `1:4: unexpected "|", expected "," or ")"`,
	} {
		_, err := ParseExpr("", src)
		require.ErrorContains(t, err, want, src)
	}
}

// Hostile scripts give one clear error, or are parsed, formatted and walked without an overflow.
func TestParseBounds(t *testing.T) {
	const many = 100_000
	for name, test := range map[string]struct{ src, want string }{
		"parentheses":    {"var x = " + strings.Repeat("(", many), "1:1009: nested too deeply, more than 1000 levels"},
		"unary":          {"var x = " + strings.Repeat("-", many), "1:1009: nested too deeply"},
		"calls":          {strings.Repeat("f(", many), "1:2002: nested too deeply"},
		"members":        {strings.Repeat("f.a(", many), "nested too deeply"},
		"brackets":       {strings.Repeat("[", many), `1:2: unexpected "["`},
		"lambdas":        {strings.Repeat("lambda:", many), `1:8: unexpected "lambda:"`},
		"deepest":        {"var x = " + strings.Repeat("(", 1000) + "a" + strings.Repeat(")", 1000), ""},
		"links":          {"stream" + strings.Repeat("|a()", many), ""},
		"properties":     {"stream" + strings.Repeat(".a", many), ""},
		"more links":     {"stream" + strings.Repeat("|a()", many+1), "statement too long, more than 100000 operators"},
		"operators":      {"var x = 1" + strings.Repeat("+1", many), ""},
		"more operators": {"var x = 1" + strings.Repeat("+1", 500_000), "statement too long"},
		"statements":     {strings.Repeat("stream|from().measurement('cpu')\n", MaxScript/33), ""},
		"one string":     {"var x = '" + strings.Repeat("x\n", 1<<18) + "'", ""},
		"quotes":         {"var x = '" + strings.Repeat(`\'`, 1<<18), "1:9: unterminated string"},
		"no string":      {"var x = '''" + strings.Repeat("x\n", 1<<18), "1:9: unterminated string"},
		"comments":       {strings.Repeat("//\n\n", MaxScript/4), ""},
		"slashes":        {strings.Repeat("/", MaxScript), ""},
		"digits":         {"var x = " + strings.Repeat("1", 1<<19), "does not fit into 64 bits"},
		"fraction":       {"var x = 0." + strings.Repeat("1", 1<<19), ""},
		"durations":      {"var x = " + strings.Repeat("1s", 1<<18), "a duration has one unit, write"},
		"arguments":      {"f(" + strings.Repeat("a,\n", 1<<18) + ")", ""},
		"regex":          {"var x = /" + strings.Repeat("(", 1<<19) + "/", "regular expression has 524288 bytes, more than 65536"},
		"regexes":        {strings.Repeat("var x = /a{1000}/\n", MaxScript/18), ""},
		"too large":      {strings.Repeat(" ", MaxScript+1), "1:1: script has 1048577 bytes, more than 1048576"},
		"largest":        {strings.Repeat(" ", MaxScript), ""},
		"NUL":            {"\x00", `unexpected character '\x00', expected a statement`},
		"invalid":        {"\xff", `unexpected character '�', expected a statement`},
	} {
		prog, err := Parse("", test.src)
		if test.want != "" {
			require.ErrorContains(t, err, test.want, name)
			require.Less(t, len(err.Error()), 200, name)
			continue
		}
		require.NoError(t, err, name)
		Format(prog)
		Walk(prog, func(Node) bool { return true })
	}
}

func TestCaret(t *testing.T) {
	src := "stream\n\t|window()\n\t\t.period(1h30m)\r\n"
	_, err := Parse("", src)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "\t\t.period(1h30m)\n\t\t          ^", e.Caret(src))
	src = "var é = 'a\n"
	_, err = Parse("", src)
	require.ErrorAs(t, err, &e)
	require.Equal(t, "var é = 'a\n        ^", e.Caret(src))
	src = "x|"
	_, err = Parse("", src)
	require.ErrorAs(t, err, &e)
	require.Equal(t, "x|\n  ^", e.Caret(src))
	require.Empty(t, e.Caret(""))
	require.Empty(t, (&Error{Msg: "no place"}).Caret(src))
	src = "var x = " + strings.Repeat("1 + ", 1000) + "# " + strings.Repeat("é", 1000)
	_, err = Parse("", src)
	require.ErrorAs(t, err, &e)
	require.Equal(t, "…"+strings.Repeat("1 + ", 20)+"# "+strings.Repeat("é", 19)+"…\n"+strings.Repeat(" ", 81)+"^", e.Caret(src))
}

func TestWalk(t *testing.T) {
	prog, err := Parse("", "dbrp \"a\".\"b\" var t int var l = ['x', *] a.f(-b, lambda: \"c\")|d(/x/, 1.5, 2s, TRUE)")
	require.NoError(t, err)
	names := func(into func(Node) bool) (got []string) {
		Walk(prog, func(n Node) bool {
			got = append(got, strings.TrimPrefix(typeName(n), "*syntax."))
			return into(n)
		})
		return got
	}
	require.Equal(t, strings.Fields(`Program DBRP Reference Reference Var Ident Ident Var Ident List String Star
		ExprStmt Chain Chain Ident Call Unary Ident Lambda Reference Call Regex Float Duration Bool`),
		names(func(Node) bool { return true }))
	require.Equal(t, strings.Fields("Program DBRP Reference Reference Var Ident Ident Var Ident List String Star ExprStmt Chain Chain Call Regex Float Duration Bool"),
		names(func(n Node) bool {
			if c, ok := n.(*Chain); ok && c.Op == Dot {
				return false
			}
			return true
		}))
	require.Panics(t, func() { Walk(nil, func(Node) bool { return true }) })
}

func TestCommentText(t *testing.T) {
	prog, err := Parse("", "// a\n//  b\n\n\n//c\nvar x = 1")
	require.NoError(t, err)
	require.Equal(t, []string{"a", " b", "\n", "c"}, prog.Stmts[0].(*Var).Comment.Lines)
	require.Equal(t, "a\n b\n\n\nc", prog.Stmts[0].(*Var).Comment.Text())
}

func FuzzParse(f *testing.F) {
	for _, s := range scripts(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		prog, err := Parse("f", src)
		if err == nil {
			Walk(prog, func(n Node) bool {
				p := n.Pos()
				require.Equal(t, p.Offset, offset(src, p), "%T", n)
				return true
			})
			return
		}
		var e *Error
		require.ErrorAs(t, err, &e)
		require.True(t, e.Pos.IsValid())
		require.Equal(t, e.Pos.Offset, offset(src, e.Pos))
		require.NotEmpty(t, e.Caret(src))
		require.Less(t, len(e.Msg), 1000+len(src))
		_, _ = ParseExpr("f", src)
	})
}

// offset returns the offset of the line and column of p.
func offset(src string, p Pos) int {
	off := 0
	for range p.Line - 1 {
		off += strings.IndexByte(src[off:], '\n') + 1
	}
	return off + p.Col - 1
}

func BenchmarkParse(b *testing.B) {
	all := scripts(b)
	size := 0
	for _, s := range all {
		size += len(s)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range all {
			_, _ = Parse("", s)
		}
	}
}

func BenchmarkFormat(b *testing.B) {
	var all []*Program
	for _, s := range scripts(b) {
		if prog, err := Parse("", s); err == nil {
			all = append(all, prog)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, prog := range all {
			Format(prog)
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	e := &Error{File: "x.tick", Pos: Pos{Line: 1, Col: 2}, Msg: "name " + strings.Repeat("é", 1<<20)}
	require.Less(t, len(e.Error()), 2*maxMsg)
	require.True(t, utf8.ValidString(e.Error()))
	require.True(t, strings.HasPrefix(e.Error(), "x.tick:1:2: name é"))
}
