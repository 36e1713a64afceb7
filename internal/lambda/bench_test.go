package lambda

import (
	"testing"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// families has an expression for each family of operators and functions, among them some that fail.
var families = []struct{ name, expr string }{
	{"op=literal", `5.0`},
	{"op=reference", `"f"`},
	{"op=tag", `"host"`},
	{"op=compareFloat", `"f" > 5.0`},
	{"op=compareMixed", `"i" > 5.0`},
	{"op=compareInt", `"i" > 5`},
	{"op=compareTwo", `"f" > "g"`},
	{"op=compareString", `"host" == 'srv-01'`},
	{"op=compareStringOrder", `"host" < 'srv-02'`},
	{"op=compareDuration", `"d" > 5s`},
	{"op=compareBool", `"b" == TRUE`},
	{"op=and", `"f" > 1.0 AND "i" < 10 AND "host" == 'srv-01'`},
	{"op=or", `"f" > 10.0 OR "i" < 10`},
	{"op=not", `!"b"`},
	{"op=match", `"host" =~ /^srv-\d+$/`},
	{"op=addFloat", `"f" + "g"`},
	{"op=addInt", `"i" + 1`},
	{"op=mulFloat", `"f" * 100.0`},
	{"op=divFloat", `"f" / "g" * 100.0`},
	{"op=divInt", `"i" / "j"`},
	{"op=mod", `"i" % 10`},
	{"op=minus", `-"f"`},
	{"op=duration", `"d" * 2 / 3 + 5s`},
	{"op=durationRatio", `"d" / 1s`},
	{"op=splice", `(1 + 2) * 3 > "i"`},
	{"func=sqrt", `sqrt("f")`},
	{"func=max", `max("f", "g")`},
	{"func=float", `float("i") * 1.5`},
	{"func=int", `int("f") % 2`},
	{"func=parse", `int("n") + 1`},
	{"func=if", `if("f" > 1.0, "f", "g")`},
	{"func=isPresent", `isPresent("x") AND "x" > 5`},
	{"func=strContains", `strContains("host", 'rv')`},
	{"func=strToLower", `strToLower("host") == 'srv-01'`},
	{"func=strSubstring", `strSubstring("host", 0, 3) == 'srv'`},
	{"func=hour", `hour("time") >= 8 AND weekday("time") < 6`},
	{"func=unixNano", `unixNano("time") / 1000000000`},
	{"func=count", `count() % 10 == 0`},
	{"func=sigma", `sigma("f") > 3.0`},
	{"func=spread", `spread("f")`},
	{"func=rand", `rand(10) > 5`},
	{"error=missing", `"x" > 5`},
	{"error=missingMath", `"x" + 5`},
	{"error=missingCall", `sqrt("x") > 5.0`},
	{"error=missingDeep", `bool(string(TRUE AND "x" > 5))`},
	{"error=mismatch", `"f" + "i"`},
	{"error=notBool", `"f" * 2.0`},
	{"error=fieldAndTag", `"both" > 1`},
	{"error=null", `"null" > 1`},
	{"error=divide", `"i" / 0 > 1`},
	{"error=undefined", `nosuch("i")`},
}

func familyPoint() *point.Point {
	return newPoint("f", 2.5, "g", 4.5, "i", 7, "j", 2, "b", true, "d", time.Minute, "n", "42", "null", nil,
		"host", tag("srv-01"), "dc", tag("eu"), "both", 1, "both", tag("x"))
}

func BenchmarkBool(b *testing.B) {
	p := familyPoint()
	for _, tt := range families {
		b.Run(tt.name, func(b *testing.B) {
			e := compile(b, tt.expr)
			var st State
			b.ReportAllocs()
			for b.Loop() {
				_, _ = e.Bool(p, &st)
			}
		})
	}
}

// BenchmarkWide looks two fields and a tag up in a point of 30 fields.
func BenchmarkWide(b *testing.B) {
	p := newPoint("host", tag("srv-01"), "cpu", tag("cpu-total"))
	for i := range 30 {
		p.Fields = point.SetField(p.Fields, "field_"+string(rune('a'+i)), point.FloatValue(float64(i)))
	}
	e := compile(b, `"field_t" > 1.0 AND "field_c" < 50.0 AND "host" == 'srv-01'`)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = e.Bool(p, nil)
	}
}

func BenchmarkTypeChange(b *testing.B) {
	e := compile(b, `"v" > 5 AND "v" < 100`)
	points := [2]*point.Point{newPoint("v", 7), newPoint("v", 7.0)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, _ = e.Bool(points[i%2], nil)
	}
}

func BenchmarkCompile(b *testing.B) {
	x := parse(b, `"usage_idle" < 10.0 AND "host" =~ /^srv/ AND hour("time") > 8 OR sigma("load") > 3.0`)
	p := newPoint("usage_idle", 5.0, "load", 1.0, "host", tag("srv-01"))
	b.ReportAllocs()
	for b.Loop() {
		e, _ := Compile(x, options)
		_, _ = e.Bool(p, nil)
	}
}
