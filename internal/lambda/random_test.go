package lambda

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// randomExpr makes an expression of at most the given depth; k is the kind it should better have,
// so that not everything is a type error.
func randomExpr(r *rand.Rand, depth int, k point.Kind) syntax.Expr {
	if r.IntN(12) == 0 {
		k = point.Kind(1 + r.IntN(5))
	}
	if depth == 0 || r.IntN(5) == 0 {
		if r.IntN(2) == 0 {
			return &syntax.Reference{Name: []string{"a", "b", "s", "t", "d", "time", "x"}[r.IntN(7)]}
		}
		switch k {
		case point.Float:
			return &syntax.Float{Value: float64(r.IntN(9)) / 2}
		case point.Int:
			return &syntax.Int{Value: int64(r.IntN(4))}
		case point.String:
			return &syntax.String{Value: []string{"", "42", "x", "1.5"}[r.IntN(4)]}
		case point.Duration:
			return &syntax.Duration{Value: time.Duration(r.IntN(4)) * time.Second}
		}
		return &syntax.Bool{Value: r.IntN(2) == 0}
	}
	sub := func(k point.Kind) syntax.Expr { return randomExpr(r, depth-1, k) }
	pick := func(kinds ...point.Kind) point.Kind { return kinds[r.IntN(len(kinds))] }
	call := func(name string, args ...syntax.Expr) syntax.Expr { return &syntax.Call{Name: name, Args: args} }
	if r.IntN(6) == 0 {
		return call("if", sub(point.Bool), sub(k), sub(k))
	}
	if r.IntN(8) == 0 {
		op := syntax.Sub
		if k == point.Bool {
			op = syntax.Not
		}
		return &syntax.Unary{Op: op, X: sub(k)}
	}
	ops := []syntax.Op{syntax.Add, syntax.Sub, syntax.Mul, syntax.Div}
	binary := func(op syntax.Op, l, r point.Kind) syntax.Expr { return &syntax.Binary{Op: op, X: sub(l), Y: sub(r)} }
	switch k {
	case point.Float:
		switch r.IntN(6) {
		case 0:
			return call("float", sub(pick(point.Int, point.Bool, point.Float)))
		case 1:
			return call([]string{"sqrt", "sigma", "spread"}[r.IntN(3)], sub(point.Float))
		}
		return binary(ops[r.IntN(4)], k, k)
	case point.Int:
		switch r.IntN(8) {
		case 0:
			return call("int", sub(pick(point.Float, point.Bool, point.String, point.Int)))
		case 1:
			return call("strLength", sub(point.String))
		case 2:
			return call("count")
		case 3:
			return call("unixNano", &syntax.Reference{Name: "time"})
		case 4:
			return binary(syntax.Div, point.Duration, point.Duration)
		}
		return binary(append(ops, syntax.Mod)[r.IntN(5)], k, k)
	case point.String:
		switch r.IntN(3) {
		case 0:
			return call("string", sub(pick(point.Float, point.Bool, point.String, point.Int, point.Duration)))
		case 1:
			return call("strSubstring", sub(k), sub(point.Int), sub(point.Int))
		}
		return binary(syntax.Add, k, k)
	case point.Duration:
		switch r.IntN(4) {
		case 0:
			return binary(syntax.Mul, pick(point.Int, point.Float), k)
		case 1:
			return binary(ops[2+r.IntN(2)], k, pick(point.Int, point.Float))
		}
		return binary(ops[r.IntN(2)], k, k)
	}
	if r.IntN(5) == 0 {
		return call("isPresent", sub(pick(point.Float, point.Int, point.String, point.Bool)))
	}
	switch r.IntN(4) {
	case 0:
		return binary([]syntax.Op{syntax.And, syntax.Or}[r.IntN(2)], point.Bool, point.Bool)
	case 1:
		op := []syntax.Op{syntax.Match, syntax.NMatch}[r.IntN(2)]
		return &syntax.Binary{Op: op, X: sub(point.String), Y: &syntax.Regex{Value: []string{"4", "^x$", "."}[r.IntN(3)]}}
	}
	op := []syntax.Op{syntax.Eq, syntax.Ne, syntax.Lt, syntax.Le, syntax.Gt, syntax.Ge}[r.IntN(6)]
	kinds := [][2]point.Kind{
		{point.Int, point.Int},
		{point.Float, point.Int},
		{point.Int, point.Float},
		{point.Float, point.Float},
		{point.String, point.String},
		{point.Duration, point.Duration},
		{point.Bool, point.Bool},
	}
	pair := kinds[r.IntN(len(kinds))]
	return binary(op, pair[0], pair[1])
}

func TestTwin(t *testing.T) {
	n := 5000
	if testing.Short() {
		n = 1000
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		compareWithTwin(t, randomExpr(r, 4, point.Kind(1+r.IntN(5))))
	}
}

// TestTwinKnowsEnough: most random expressions are worth something.
func TestTwinKnowsEnough(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	values, errs := 0, map[string]int{}
	for range 2000 {
		x := randomExpr(r, 3, point.Kind(1+r.IntN(5)))
		if e, err := Compile(x, options); err == nil && e.Check() == nil {
			if _, err := e.Eval(twinPoints()[0], nil); err == nil {
				values++
			} else {
				errs[strings.Fields(err.Error())[0]]++
			}
		}
	}
	require.Greater(t, values, 300)
	require.Greater(t, len(errs), 6, "%v", errs)
}

func FuzzCompile(f *testing.F) {
	for _, tt := range families {
		f.Add(tt.expr)
	}
	for _, d := range Functions() {
		f.Add(d.Example)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		f.Add(syntax.FormatExpr(randomExpr(r, 3, point.Bool)))
	}
	f.Fuzz(func(t *testing.T, src string) {
		x, err := syntax.ParseExpr("", src)
		if err != nil {
			return
		}
		if l, ok := x.(*syntax.Lambda); ok {
			x = l.X
		}
		compareWithTwin(t, x)
	})
}
