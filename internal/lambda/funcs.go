package lambda

import (
	"errors"
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file defines how functions are declared. The functions themselves are in funcs_*.go, one
// entry of a table each: everything there is to know about a function stands in its entry.

// A builtin is one entry of the table of functions.
type builtin struct {
	name     string
	doc      string
	example  string // an expression with the function
	result   string // what the example evaluates to, as a literal
	stateful bool   // has a part in [State]
	sigs     []signature
}

// A signature is one list of argument kinds that a function takes. The kinds follow from the Go
// types of the implementation. The arguments that build gets are of these kinds.
type signature struct {
	in      []point.Kind
	out     point.Kind
	effects bool // it does more than yield a value: see [overEffects]
	build   func(name string, args []subexpr) subexpr
}

// functions is the table of functions, by name.
var functions = makeFunctions(convertFuncs, mathFuncs, stringFuncs, timeFuncs, miscFuncs, stateFuncs)

func makeFunctions(families ...func() []builtin) map[string]*builtin {
	m := make(map[string]*builtin)
	for _, family := range families {
		for _, f := range family() {
			if m[f.name] != nil {
				panic("lambda: function " + f.name + " is declared twice")
			}
			m[f.name] = &f
		}
	}
	return m
}

// A FuncDoc describes a function for the reference.
type FuncDoc struct {
	Name       string
	Signatures []string // "strLength(string) int"
	Doc        string
	Example    string // expression
	Result     string // literal that Example evaluates to, on the first point of a group at the start of 2024 in UTC
	Stateful   bool
}

// Functions describes all built-in functions, sorted by name.
func Functions() []FuncDoc {
	docs := make([]FuncDoc, 0, len(functions))
	for _, f := range functions {
		d := FuncDoc{Name: f.name, Doc: f.doc, Example: f.example, Result: f.result, Stateful: f.stateful}
		for _, s := range f.sigs {
			d.Signatures = append(d.Signatures, f.name+s.inputs()+" "+s.out.String())
		}
		docs = append(docs, d)
	}
	slices.SortFunc(docs, func(a, b FuncDoc) int { return strings.Compare(a.Name, b.Name) })
	return docs
}

// effects reports whether a call does more than yield a value.
func (f *builtin) effects() bool {
	return slices.ContainsFunc(f.sigs, func(s signature) bool { return s.effects })
}

// inputs returns the argument kinds, as "(float,float)".
func (s *signature) inputs() string {
	names := make([]string, len(s.in))
	for i, k := range s.in {
		names[i] = k.String()
	}
	return "(" + strings.Join(names, ",") + ")"
}

// inputs lists the argument kinds of all signatures, sorted.
func (f *builtin) inputs() []string {
	list := make([]string, len(f.sigs))
	for i := range f.sigs {
		list[i] = f.sigs[i].inputs()
	}
	slices.Sort(list)
	return list
}

// The following make signatures from Go functions: takeN of pure ones, tryN of those that can fail,
// and with0 and with1 of those that need the env, for its state or its clock.

func take1[A, R any](f func(A) R) signature {
	return signature{in: []point.Kind{kindOf[A]()}, out: kindOf[R](), build: func(_ string, args []subexpr) subexpr {
		a := get[A](args[0])
		return over(func(e *env) R { return f(a(e)) }, args...)
	}}
}

func take2[A, B, R any](f func(A, B) R) signature {
	return signature{in: []point.Kind{kindOf[A](), kindOf[B]()}, out: kindOf[R](), build: func(_ string, args []subexpr) subexpr {
		a, b := get[A](args[0]), get[B](args[1])
		return over(func(e *env) R { return f(a(e), b(e)) }, args...)
	}}
}

func take3[A, B, C, R any](f func(A, B, C) R) signature {
	return signature{
		in: []point.Kind{kindOf[A](), kindOf[B](), kindOf[C]()}, out: kindOf[R](),
		build: func(_ string, args []subexpr) subexpr {
			a, b, c := get[A](args[0]), get[B](args[1]), get[C](args[2])
			return over(func(e *env) R { return f(a(e), b(e), c(e)) }, args...)
		},
	}
}

func try1[A, R any](f func(A) (R, error)) signature {
	return signature{in: []point.Kind{kindOf[A]()}, out: kindOf[R](), build: func(name string, args []subexpr) subexpr {
		a := get[A](args[0])
		return overFallible(func(e *env) R {
			v, err := f(a(e))
			if err != nil {
				e.fail(inCall(name, err))
			}
			return v
		}, args...)
	}}
}

func try2[A, B, R any](f func(A, B) (R, error)) signature {
	return signature{in: []point.Kind{kindOf[A](), kindOf[B]()}, out: kindOf[R](), build: func(name string, args []subexpr) subexpr {
		a, b := get[A](args[0]), get[B](args[1])
		return overFallible(func(e *env) R {
			v, err := f(a(e), b(e))
			if err != nil {
				e.fail(inCall(name, err))
			}
			return v
		}, args...)
	}}
}

func try3[A, B, C, R any](f func(A, B, C) (R, error)) signature {
	return signature{
		in: []point.Kind{kindOf[A](), kindOf[B](), kindOf[C]()}, out: kindOf[R](),
		build: func(name string, args []subexpr) subexpr {
			a, b, c := get[A](args[0]), get[B](args[1]), get[C](args[2])
			return overFallible(func(e *env) R {
				v, err := f(a(e), b(e), c(e))
				if err != nil {
					e.fail(inCall(name, err))
				}
				return v
			}, args...)
		},
	}
}

func try4[A, B, C, D, R any](f func(A, B, C, D) (R, error)) signature {
	return signature{
		in: []point.Kind{kindOf[A](), kindOf[B](), kindOf[C](), kindOf[D]()}, out: kindOf[R](),
		build: func(name string, args []subexpr) subexpr {
			a, b, c, d := get[A](args[0]), get[B](args[1]), get[C](args[2]), get[D](args[3])
			return overFallible(func(e *env) R {
				v, err := f(a(e), b(e), c(e), d(e))
				if err != nil {
					e.fail(inCall(name, err))
				}
				return v
			}, args...)
		},
	}
}

// with0 and with1 do not call f after an error, so that nothing changes that should not.

func with0[R any](f func(*env) (R, error)) signature {
	return signature{out: kindOf[R](), effects: true, build: func(name string, _ []subexpr) subexpr {
		return overEffects(func(e *env) (v R) {
			if e.err != nil {
				return v
			}
			v, err := f(e)
			if err != nil {
				e.fail(inCall(name, err))
			}
			return v
		})
	}}
}

func with1[A, R any](f func(*env, A) (R, error)) signature {
	return signature{in: []point.Kind{kindOf[A]()}, out: kindOf[R](), effects: true, build: func(name string, args []subexpr) subexpr {
		a := get[A](args[0])
		return overEffects(func(e *env) (v R) {
			x := a(e)
			if e.err != nil {
				return v
			}
			v, err := f(e, x)
			if err != nil {
				e.fail(inCall(name, err))
			}
			return v
		}, args...)
	}}
}

// extraFunction makes a table entry of a caller's function.
func extraFunction(f Func) *builtin {
	var s signature
	switch f.Result {
	case point.Float:
		s = extra(f, point.Value.Float)
	case point.Int:
		s = extra(f, point.Value.Int)
	case point.String:
		s = extra(f, func(v point.Value) string { return v.Text })
	case point.Bool:
		s = extra(f, point.Value.Bool)
	case point.Duration:
		s = extra(f, point.Value.Duration)
	default:
		panic("lambda: function " + f.Name + " has a result of kind " + f.Result.String())
	}
	return &builtin{name: f.Name, sigs: []signature{s}}
}

func extra[R any](f Func, unwrap func(point.Value) R) signature {
	return with0(func(*env) (v R, err error) {
		got := f.Call()
		if got.Kind != f.Result {
			return v, errors.New("result is of type " + got.Kind.String() + ", expected " + f.Result.String())
		}
		return unwrap(got), nil
	})
}
