package lambda

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// newYear is 2024-01-01T00:00:00Z.
const newYear = 1704067200000000000

// options are those of all tests: a clock that stands, no randomness, UTC.
var options = Options{
	Now:  func() int64 { return newYear },
	Rand: func(n int64) int64 { return max(n-1, 0) },
	Zone: time.UTC,
}

func parse(t testing.TB, src string) syntax.Expr {
	t.Helper()
	x, err := syntax.ParseExpr("", src)
	require.NoError(t, err, src)
	return x
}

func compile(t testing.TB, src string) *Expr {
	t.Helper()
	return compileIn(t, nil, src)
}

// compileIn is compile with a scope.
func compileIn(t testing.TB, sc *Scope, src string) *Expr {
	t.Helper()
	o := options
	o.Scope = sc
	e, err := Compile(parse(t, src), o)
	require.NoError(t, err, src)
	return e
}

// newPoint makes a point of pairs of name and value; a value of type tag makes a tag.
func newPoint(pairs ...any) *point.Point {
	p := &point.Point{Name: "m", Time: newYear}
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i].(string)
		var v point.Value
		switch x := pairs[i+1].(type) {
		case tag:
			p.Tags = point.SetTag(p.Tags, name, string(x))
			continue
		case int:
			v = point.IntValue(int64(x))
		case float64:
			v = point.FloatValue(x)
		case string:
			v = point.StringValue(x)
		case bool:
			v = point.BoolValue(x)
		case time.Duration:
			v = point.DurationValue(x)
		case nil:
			v = point.NullValue()
		}
		p.Fields = point.SetField(p.Fields, name, v)
	}
	return p
}

type tag string

// show writes a value as a literal.
func show(v point.Value) string {
	switch v.Kind {
	case point.Int:
		return strconv.FormatInt(v.Int(), 10)
	case point.Float:
		s := formatFloat(v.Float())
		if !strings.ContainsAny(s, ".IN") {
			s += ".0"
		}
		return s
	case point.String:
		return "'" + v.Text + "'"
	case point.Bool:
		return strings.ToUpper(strconv.FormatBool(v.Bool()))
	case point.Duration:
		return syntax.FormatDuration(v.Duration())
	}
	return v.Kind.String()
}

// outcome is the literal of the result, or the error in angle brackets.
func outcome(v point.Value, err error) string {
	if err != nil {
		return "<" + err.Error() + ">"
	}
	return show(v)
}

const mismatch = ". see bool(), int(), float(), string(), duration()>"

func TestEval(t *testing.T) {
	p := newPoint("i", 7, "j", 2, "z", 0, "f", 2.5, "g", -0.75, "s", "Hello, World", "t", "lo", "b", true, "c", false,
		"d", 90*time.Second, "null", nil, "host", tag("srv-01"), "both", 1, "both", tag("x"))
	for _, tt := range []struct{ expr, want string }{
		// Literals and references.
		{`5`, "5"},
		{`'a'`, "'a'"},
		{`"i"`, "7"},
		{`"host"`, "'srv-01'"},
		{`"d"`, "90s"},
		{`"x"`, `<missing value: "x">`},
		{`"time"`, "<expression returned unexpected type time>"},
		{`"both" + 1`, `<cannot have field and tags with same name "both">`},
		{`TRUE OR "both" == 1`, `<cannot have field and tags with same name "both">`},
		{`"null"`, `<referenced value "null" is nil.>`},
		{`isPresent("null")`, `<Failed to handle 1 argument: referenced value "null" is nil.>`},
		{`"null" + 1`, `<referenced value "null" is nil.>`},
		{`1 > "null"`, `<referenced value "null" is nil.>`},

		// Arithmetic.
		{`"i" + "j"`, "9"},
		{`"i" - "j"`, "5"},
		{`"i" * "j"`, "14"},
		{`"i" / "j"`, "3"},
		{`"i" % "j"`, "1"},
		{`-7 / 2`, "-3"},
		{`-7 % 3`, "-1"},
		{`7 % -3`, "1"},
		{`"i" + 9223372036854775807`, "-9223372036854775802"},
		{`-9223372036854775807 - 1 / -1`, "-9223372036854775806"},
		{`(-9223372036854775807 - 1) / -"i" * 0 + (-9223372036854775807 - 1) / -1`, "-9223372036854775808"},
		{`(-9223372036854775807 - 1) % -1`, "0"},
		{`"f" + "g"`, "1.75"},
		{`"f" * "g"`, "-1.875"},
		{`"f" / 0.0`, "+Inf"},
		{`0.0 / 0.0`, "NaN"},
		{`"s" + "t" + '!'`, "'Hello, Worldlo!'"},
		{`-"i"`, "-7"},
		{`-"f"`, "-2.5"},
		{`- -5`, "5"},
		{`2 + 3 * 4`, "14"},
		{`20 / 5 / 2`, "2"},

		// Durations.
		{`10s + 5s`, "15s"},
		{`1m - 90s`, "-30s"},
		{`10s * 3`, "30s"},
		{`3 * "d"`, "270s"},
		{`10s * 0.5`, "5s"},
		{`0.5 * "d"`, "45s"},
		{`"d" / 4`, "22500ms"},
		{`1m / 0.5`, "2m"},
		{`1m / 7s`, "8"},
		{`-"d"`, "-90s"},
		{`"d" >= 90s`, "TRUE"},
		{`1h == 60m`, "TRUE"},
		{`string("d")`, "'90s'"},
		{`1s * (1.0 / 0.0) < 0s`, "TRUE"},

		// Comparisons.
		{`"i" == 7.0`, "TRUE"},
		{`7.5 > "i"`, "TRUE"},
		{`"f" < "i"`, "TRUE"},
		{`"i" >= "f"`, "TRUE"},
		{`"i" != 7`, "FALSE"},
		{`7 <= "i"`, "TRUE"},
		{`8 <= "i"`, "FALSE"},
		{`2.4 < "f"`, "TRUE"},
		{`0.0 / 0.0 == 0.0 / 0.0`, "FALSE"},
		{`0.0 / "g" * 0.0 / 0.0 != 1.0`, "TRUE"},
		{`0.0 / 0.0 >= "f"`, "FALSE"},
		{`'a' < 'B'`, "FALSE"},
		{`"t" >= 'lo'`, "TRUE"},
		{`'lo' > "t"`, "FALSE"},
		{`"s" != "t"`, "TRUE"},
		{`"host" == 'srv-01'`, "TRUE"},
		{`"b" == ("i" > 0)`, "TRUE"},
		{`"b" != "c"`, "TRUE"},
		{`"s" =~ /World/`, "TRUE"},
		{`"s" !~ /^hello/`, "TRUE"},
		{`strToLower("s") =~ /hello/`, "TRUE"},
		{`"s" =~ if("b", /W/, /x/)`, "TRUE"},
		{`TRUE == 1 < 2`, "TRUE"},

		// Logic and what it skips.
		{`"b" AND "c"`, "FALSE"},
		{`"b" OR "c"`, "TRUE"},
		{`!"b" OR "b"`, "TRUE"},
		{`TRUE OR FALSE AND FALSE`, "TRUE"},
		{`isPresent("x") AND "x" > 5`, "FALSE"},
		{`TRUE OR "x" == 'a'`, "TRUE"},
		{`"x" == 'a' OR TRUE`, `<left reference value "x" is missing value>`},
		{`TRUE OR "x"`, `<right reference value "x" is missing value>`},
		{`"b" AND "x"`, `<right reference value "x" is missing value>`},
		{`TRUE OR strLength("x") > 1`, "TRUE"},
		{`!isPresent("x")`, "TRUE"},
		{`isPresent("x") == FALSE`, "TRUE"},
		{`FALSE AND "i" / 0 == 1`, "FALSE"},
		{`TRUE OR 1 / 0 == 1`, "TRUE"},
		{`FALSE AND isPresent("x" + 1.0)`, `<Failed to handle 1 argument: invalid math operator + for type missing>`},

		// What is missing.
		{`"x" + 1`, "<invalid math operator + for type missing>"},
		{`1 + "x"`, "<mismatched type to binary operator. got int + missing" + mismatch},
		{`"x" > 1`, `<left reference value "x" is missing value>`},
		{`1 > "x"`, `<right reference value "x" is missing value>`},
		{`"x" + 1 > 2`, "<invalid math operator + for type missing>"},
		{`!"x"`, `<reference "x" is missing value>`},
		{`-"x"`, `<reference "x" is missing value>`},
		{`"x" =~ /a/`, `<left reference value "x" is missing value>`},
		{`sqrt("x")`, `<Cannot call function "sqrt" argument "x" is missing, values in scope are []>`},
		{`if("b", "x", "y")`, `<Cannot call function "if" arguments "x", "y" are missing, values in scope are ["b"]>`},
		{`if(isPresent("x"), 1, 2)`, "2"},
		{`isPresent("x" + 1.0)`, "<Failed to handle 1 argument: invalid math operator + for type missing>"},

		// Types.
		{`"i" + "f"`, "<mismatched type to binary operator. got int + float" + mismatch},
		{`"s" - "s"`, "<invalid math operator - for type string>"},
		{`"b" + "b"`, "<invalid math operator + for type boolean>"},
		{`"i" == "s"`, "<mismatched type to binary operator. got int == string" + mismatch},
		{`"i" AND "b"`, "<invalid logical operator AND for type int>"},
		{`"s" =~ "s"`, "<mismatched type to binary operator. got string =~ string" + mismatch},
		{`"f" % 2.0`, "<invalid math operator % for type float>"},
		{`10s + "i"`, "<mismatched type to binary operator. got duration + int" + mismatch},
		{`"i" / 10s`, "<mismatched type to binary operator. got int / duration" + mismatch},
		{`"time" > 5`, "<invalid comparison operator > for type time>"},
		{`"b" > FALSE`, "<invalid comparison operator > for type boolean>"},
		{`!"i"`, "<TypeGuard: expression returned unexpected type int, expected boolean>"},
		{`-"s"`, "<TypeGuard: expression returned unexpected type invalid type, expected string>"},
		{`-!0`, "<TypeGuard: expression returned unexpected type boolean, expected boolean>"},
		{`if(TRUE, /a/, /b/)`, "<expression returned unexpected type regex>"},

		// Calls.
		{`sqrt("i")`, `<Cannot call function "sqrt" with args ("i": int), available signatures are [(float)].>`},
		{`if("b", 1, 2.0)`, `<Cannot call function "if" with args ("b": boolean,1: int,2: float), available signatures are ` +
			`[(boolean,boolean,boolean),(boolean,duration,duration),(boolean,float,float),(boolean,int,int),(boolean,regex,regex),(boolean,string,string),(boolean,time,time)].>`},
		{`if(TRUE, 1)`, `<Cannot call function "if" with args (true: boolean,1: int), available signatures are ` +
			`[(boolean,boolean,boolean),(boolean,duration,duration),(boolean,float,float),(boolean,int,int),(boolean,regex,regex),(boolean,string,string),(boolean,time,time)].>`},
		{`isPresent()`, `<Cannot call function "isPresent" with args (), available signatures are [(boolean),(float),(int),(missing),(string)].>`},
		{`isPresent("d")`, `<Cannot call function "isPresent" with args ("d": duration), available signatures are [(boolean),(float),(int),(missing),(string)].>`},
		{`strReplace('a', 'b', 'c')`, `<Cannot call function "strReplace" with args (a: string,b: string,c: string), available signatures are [(string,string,string,int)].>`},
		{`nosuch("i")`, `<undefined function: "nosuch">`},
		{`int("s")`, `<error calling "int": strconv.ParseInt: parsing "Hello, World": invalid syntax>`},
		{`float("t")`, `<error calling "float": strconv.ParseFloat: parsing "lo": invalid syntax>`},
		{`bool("t")`, `<error calling "bool": strconv.ParseBool: parsing "lo": invalid syntax>`},
		{`bool("i")`, `<error calling "bool": cannot convert 7 to boolean>`},
		{`bool("f")`, `<error calling "bool": cannot convert 2.5 to boolean>`},
		{`duration("t", 1s)`, `<error calling "duration": invalid duration string "lo">`},
		{`"i" / "z"`, "<runtime error: integer divide by zero>"},
		{`"i" % "z"`, "<runtime error: integer divide by zero>"},
		{`10s / "z"`, "<runtime error: integer divide by zero>"},
		{`10s / ("d" * 0)`, "<runtime error: integer divide by zero>"},
		{`string("i" / "z")`, "<runtime error: integer divide by zero>"},
		{`strLength(string(int("s")))`, `<Failed to handle 1 argument: Failed to handle 1 argument: error calling "int": strconv.ParseInt: parsing "Hello, World": invalid syntax>`},
		{`strContains("s", string("x" > 1))`, `<Failed to handle 2 argument: Failed to handle 1 argument: left reference value "x" is missing value>`},
		{`int("s") + strLength(string(bool("i")))`, `<error calling "int": strconv.ParseInt: parsing "Hello, World": invalid syntax>`},
		{`strSubstring("s", -1, 2)`, `<error calling "strSubstring": found negative index for strSubstring: -1>`},
		{`strSubstring("t", 0, 2)`, `<error calling "strSubstring": stop index too large for string in strSubstring: 2>`},
		{`strSubstring("s", 3, 1)`, "<runtime error: slice bounds out of range [3:1]>"},
		{`jn(9000000000000000000, 2.5)`, `<error calling "jn": order 9000000000000000000 is out of range>`},
		{`rand(0)`, `<error calling "rand": argument must be positive>`},
		{`if("i" == 0, "i", 10 / ("i" + 1))`, "1"},
	} {
		t.Run(tt.expr, func(t *testing.T) {
			e := compile(t, tt.expr)
			for range 2 { // the second time without specialising
				require.Equal(t, tt.want, outcome(e.Eval(p, nil)))
			}
		})
	}
}

func TestBool(t *testing.T) {
	p := newPoint("i", 7, "f", 2.5, "s", "x", "b", true, "d", time.Second, "null", nil)
	for _, tt := range []struct{ expr, want string }{
		{`"i" > 5`, "TRUE"},
		{`"b"`, "TRUE"},
		{`FALSE`, "FALSE"},
		{`"f"`, "<TypeGuard: expression returned unexpected type float, expected boolean>"},
		{`5`, "<TypeGuard: expression returned unexpected type int, expected boolean>"},
		{`sqrt("f")`, "<TypeGuard: expression returned unexpected type float, expected boolean>"},
		{`"time"`, "<TypeGuard: expression returned unexpected type time, expected boolean>"},
		{`"f" + 1.0`, "<expression returned unexpected type float64>"},
		{`"d" * 2`, "<expression returned unexpected type time.Duration>"},
		{`"i" / 0`, "<runtime error: integer divide by zero>"},
		{`"f" + 1`, "<mismatched type to binary operator. got float + int" + mismatch},
		{`"x"`, `<reference "x" is missing value>`},
		{`"null"`, `<referenced value "null" is nil.>`},
		{`"x" > 2`, `<left reference value "x" is missing value>`},
		{`"s" > 2`, "<mismatched type to binary operator. got string > int" + mismatch},
		{`-"f"`, "<TypeGuard: expression returned unexpected type invalid type, expected boolean>"},
	} {
		t.Run(tt.expr, func(t *testing.T) {
			truth, err := compile(t, tt.expr).Bool(p, nil)
			require.Equal(t, tt.want, outcome(point.BoolValue(truth), err))
		})
	}
}

// TestTypeChange has more type signatures than an expression remembers, in changing order.
func TestTypeChange(t *testing.T) {
	e := compile(t, `"a" > "b" OR isPresent("c")`)
	values := []any{1, 2.5, "s", true, time.Second}
	for range 3 {
		for i, a := range values {
			for j, b := range values {
				want := "FALSE"
				switch {
				case i <= 1 && j <= 1:
					want = strings.ToUpper(strconv.FormatBool(i > j))
				case i == 3:
					want = "<invalid comparison operator > for type boolean>"
				case i != j:
					want = "<mismatched type to binary operator. got " + newPoint("v", a).Fields[0].Value.Kind.String() + " > " +
						newPoint("v", b).Fields[0].Value.Kind.String() + mismatch
				}
				require.Equal(t, want, outcome(e.Eval(newPoint("a", a, "b", b), nil)))
			}
		}
	}
	require.LessOrEqual(t, len(e.programs), maxPrograms)
}

// TestLookup moves the names of a point around, so that what is remembered of the last one is wrong.
func TestLookup(t *testing.T) {
	e := compile(t, `if(isPresent("m"), string("m"), 'none')`)
	for _, tt := range []struct {
		p    *point.Point
		want string
	}{
		{newPoint("m", 1), "'1'"},
		{newPoint("a", 2, "m", 1), "'1'"},
		{newPoint("a", 2, "b", 3, "m", 4, "z", 5), "'4'"},
		{newPoint("a", 2, "b", 3, "m", tag("t"), "z", 5), "'t'"},
		{newPoint("z", 1, "a", tag("t"), "m", tag("u"), "n", tag("v")), "'u'"},
		{newPoint("m", tag("w")), "'w'"},
		{newPoint("m", 6, "n", tag("w")), "'6'"},
	} {
		require.Equal(t, tt.want, outcome(e.Eval(tt.p, nil)))
	}
	require.Equal(t, `<Failed to handle 2 argument: Cannot call function "string" argument "m" is missing, values in scope are []>`, outcome(e.Eval(newPoint("a", 1), nil)))
}

// TestShortcuts has expressions that are computed without a program get points for which that is
// wrong; a new expression for each point tells what is right.
func TestShortcuts(t *testing.T) {
	values := []any{nil, 2.5, math.Inf(1), 3, "s", tag("t")}
	for _, x := range []string{
		`"a"`, `"a" - "b"`, `100.0 - "a"`, `"a" * 2.0`, `"a" / "b"`, `"a" + "a"`, `"a" > 2.5`, `2.5 <= "b"`,
		`"a" + "b" > 5.0`, `10.0 >= "a" * 2.0`, `"a" - "b" == "a"`, `"time" > "a"`, `"a" / 0.0 > 1.0`,
	} {
		warm := compile(t, x)
		for range 2 {
			for _, a := range values {
				for _, b := range values {
					var fields []any
					for _, f := range []struct {
						name  string
						value any
					}{{"a", a}, {"b", b}} {
						if f.value != nil {
							fields = append(fields, f.name, f.value)
						}
					}
					p := newPoint(fields...)
					if a != nil && b == 2.5 { // a field and a tag of one name
						p.Tags = point.SetTag(p.Tags, "a", "clash")
					}
					for range 2 {
						require.Equal(t, outcome(compile(t, x).Eval(p, nil)), outcome(warm.Eval(p, nil)), "%s %v", x, p)
					}
					want, wantErr := compile(t, x).Bool(p, nil)
					got, err := warm.Bool(p, nil)
					require.Equal(t, want, got, "%s %v", x, p)
					require.Equal(t, fmt.Sprint(wantErr), fmt.Sprint(err), "%s %v", x, p)
				}
			}
		}
	}
}

func TestScope(t *testing.T) {
	sc := &Scope{Names: []string{"v", "q"}, Values: make([]point.Value, 2)}
	p := newPoint("v", 2.0)
	double, more := compileIn(t, sc, `"v" * 2.0`), compileIn(t, sc, `"v" + 1.0`)

	for range 2 { // the second time with programs made
		v, err := double.Eval(p, nil)
		require.NoError(t, err)
		sc.Values[0] = v
		v, err = more.Eval(p, nil)
		require.NoError(t, err)
		sc.Values[1] = v
		require.Equal(t, []point.Value{point.FloatValue(2), point.FloatValue(3)}, sc.Values, "the raw value comes back")
	}

	sc = &Scope{Names: []string{"a", "b", "time"}, Values: make([]point.Value, 3)}
	sum := compileIn(t, sc, `"a" + "v"`)
	_, err := sum.Eval(p, nil)
	require.EqualError(t, err, "invalid math operator + for type missing")
	sc.Values[0] = point.FloatValue(5)
	require.Equal(t, "7.0", outcome(sum.Eval(p, nil)))
	require.Equal(t, "2024", outcome(compileIn(t, sc, `year("time")`).Eval(p, nil)))
	require.Equal(t, point.Missing, sc.Values[2].Kind)

	require.Equal(t, `<Cannot call function "sqrt" argument "b" is missing, values in scope are ["a"]>`,
		outcome(compileIn(t, sc, `sqrt("b")`).Eval(p, nil)))

	above := compileIn(t, sc, `"a" > 4.0`)
	for range 2 {
		truth, err := above.Bool(newPoint("a", 9.0), nil)
		require.NoError(t, err)
		require.True(t, truth)
		require.Equal(t, point.FloatValue(9), sc.Values[0])
		sc.Values[0] = point.FloatValue(5)
	}
}

func TestConst(t *testing.T) {
	for _, tt := range []struct{ expr, want string }{
		{`2 * 3 + 4`, "10"},
		{`'over ' + string(90s)`, "'over 90s'"},
		{`int(sqrt(16.0)) * 3`, "12"},
		{`1 / 0`, "<runtime error: integer divide by zero>"},
		{`1 + 2.0`, "<mismatched type to binary operator. got int + float" + mismatch},
		{`1 + 2.0 + 1`, "<Failed to handle left node: mismatched type to binary operator. got int + float" + mismatch},
		{`1 + nosuch(2)`, `<undefined function: "nosuch">`},
		{`"field" + 1`, `<name "field" is undefined. Names in scope: >`},
	} {
		require.Equal(t, tt.want, outcome(Const(parse(t, tt.expr), options)), tt.expr)
	}
}

func TestCompileErrors(t *testing.T) {
	_, err := Compile(parse(t, `"v" > true`), options)
	require.EqualError(t, err, `1:7: name "true" is undefined`)

	// Lambdas that use each other twice.
	x := parse(t, `"v" > 1`)
	for range 40 {
		x = &syntax.Binary{Op: syntax.And, X: &syntax.Lambda{X: x}, Y: &syntax.Lambda{X: x}}
	}
	_, err = Compile(x, options)
	require.ErrorContains(t, err, "more than 32768 parts")
}

// TestDeep nests as deep as an expression can be.
func TestDeep(t *testing.T) {
	x := parse(t, `"v"`)
	for range maxNodes - 2 {
		x = &syntax.Unary{Op: syntax.Sub, X: x}
	}
	e, err := Compile(x, options)
	require.NoError(t, err)
	require.NoError(t, e.Check())
	require.Empty(t, e.Lint())
	require.Equal(t, "2.5", outcome(e.Eval(newPoint("v", 2.5), nil)))
	require.Equal(t, `<reference "v" is missing value>`, outcome(e.Eval(newPoint(), nil)))
}

func TestRefs(t *testing.T) {
	require.Equal(t, []string{"b", "time", "a"}, compile(t, `"b" > 1 AND hour("time") > "a" AND "b" < 9`).Refs())
}

func TestExtraFunctions(t *testing.T) {
	level := point.IntValue(2)
	o := options
	o.Funcs = []Func{
		{Name: "level", Result: point.Int, Call: func() point.Value { return level }},
		{Name: "name", Result: point.String, Call: func() point.Value { return point.StringValue("cpu") }},
		{Name: "changed", Result: point.Bool, Call: func() point.Value { return point.BoolValue(true) }},
		{Name: "alertDuration", Result: point.Duration, Call: func() point.Value { return point.DurationValue(time.Minute) }},
		{Name: "wrong", Result: point.Int, Call: func() point.Value { return point.BoolValue(true) }},
	}
	e, err := Compile(parse(t, `changed() == TRUE AND level() >= 2 AND name() == 'cpu' AND alertDuration() < 1h AND "host" == 'h1'`), o)
	require.NoError(t, err)
	p := newPoint("host", tag("h1"))
	truth, err := e.Bool(p, nil)
	require.NoError(t, err)
	require.True(t, truth)
	level = point.IntValue(1)
	truth, err = e.Bool(p, nil)
	require.NoError(t, err)
	require.False(t, truth)

	e, err = Compile(parse(t, `wrong() > 1`), o)
	require.NoError(t, err)
	_, err = e.Bool(p, nil)
	require.EqualError(t, err, `error calling "wrong": result is of type boolean, expected int`)
}

func TestLongStrings(t *testing.T) {
	p := newPoint("s", strings.Repeat("x", maxString/2+1))
	for expr, want := range map[string]string{
		`"s" + "s"`:                                 "<string too long>",
		`strReplace("s", 'x', 'yyy', -1)`:           `<error calling "strReplace": string too long>`,
		`regexReplace(/x/, "s", 'yyy')`:             `<error calling "regexReplace": string too long>`,
		`strLength(strReplace("s", 'x', 'yyy', 2))`: strconv.Itoa(maxString/2 + 5),
	} {
		require.Equal(t, want, outcome(compile(t, expr).Eval(p, nil)))
	}
}
