package lambda

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

func miscFuncs() []builtin {
	return []builtin{
		{
			name: "isPresent", doc: "Whether a field or tag is there.", example: `isPresent("nothing")`, result: "FALSE",
			sigs: []signature{
				present[nothing](false), present[bool](true), present[string](true), present[int64](true), present[float64](true),
			},
		},
		{
			name: "if", doc: "The second argument if the first is TRUE, else the third. All are evaluated.", example: "if(1 < 2, 'yes', 'no')", result: "'yes'",
			sigs: []signature{
				take3(choose[float64]), take3(choose[int64]), take3(choose[string]), take3(choose[bool]),
				take3(choose[pattern]), take3(choose[instant]), take3(choose[time.Duration]),
			},
		},
		{
			name: "rand", doc: "A random int: not negative, and less than the argument if there is one.", example: "rand(1)", result: "0",
			sigs: []signature{with0(random), with1(randomBelow)},
		},
	}
}

// present makes a signature of isPresent. The argument is evaluated unless it is a plain reference.
func present[T any](is bool) signature {
	return signature{in: []point.Kind{kindOf[T]()}, out: point.Bool, build: func(_ string, args []subexpr) subexpr {
		if args[0].slot >= 0 {
			return constant(is)
		}
		a := get[T](args[0])
		return over(func(e *env) bool { a(e); return is }, args...)
	}}
}

func choose[T any](cond bool, a, b T) T {
	if cond {
		return a
	}
	return b
}

func random(e *env) (int64, error) {
	if e.opts.Rand == nil {
		return rand.Int64(), nil
	}
	return e.opts.Rand(0), nil
}

func randomBelow(e *env, n int64) (int64, error) {
	switch {
	case n <= 0:
		return 0, errors.New("argument must be positive")
	case e.opts.Rand == nil:
		return rand.Int64N(n), nil
	}
	return e.opts.Rand(n), nil
}
