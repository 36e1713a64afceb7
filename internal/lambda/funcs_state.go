package lambda

func stateFuncs() []builtin {
	return []builtin{
		{
			name: "count", doc: "How often it has been called, this time included.", example: "count()", result: "1", stateful: true,
			sigs: []signature{with0(func(e *env) (int64, error) { return e.state.count(), nil })},
		},
		{
			name: "sigma", doc: "How many standard deviations a value is away from the running mean.", example: "sigma(5.0)", result: "0.0", stateful: true,
			sigs: []signature{with1(func(e *env, x float64) (float64, error) { return e.state.sigma(x), nil })},
		},
		{
			name: "spread", doc: "Difference between the greatest and the least value so far.", example: "spread(5.0)", result: "0.0", stateful: true,
			sigs: []signature{with1(func(e *env, x float64) (float64, error) { return e.state.spread(x), nil })},
		},
	}
}
