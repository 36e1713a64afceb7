package agg

import (
	"errors"
	"fmt"
	"math"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

func init() {
	params := []Param{
		fieldArg,
		{"h", "number of values to forecast, at most 10000", func(a *Args) any { return &a.Horizon }},
		{"m", "values in a season, at most 1000; less than 2 for none", func(a *Args) any { return &a.Season }},
		{"interval", "time between values", func(a *Args) any { return &a.Interval }},
	}
	const window, in = "window().periodCount(4).everyCount(4)|", "m v=5 0s\nm v=5 10s\nm v=5 20s\nm v=5 30s"
	register(&Def{
		Name:    "holtWinters",
		Doc:     "Forecasts values by the damped Holt-Winters method. The values should come once per interval; of several in one interval the first counts. Needs two values, and a season of them if there are seasons, within 10000 intervals.",
		Params:  params,
		Class:   Forecast,
		Kinds:   numFloat,
		Check:   checkForecast,
		Example: Example{window + "holtWinters('v', 2, 0, 10s)", in, "m holtWinters=5 40s\nm holtWinters=5 50s"},
		New:     newHoltWinters(false),
	})
	register(&Def{
		Name:    "holtWintersWithFit",
		As:      "holtWinters",
		Doc:     "Gives, in front of what holtWinters forecasts, the values that the model fits to those it was given.",
		Params:  params,
		Class:   Forecast,
		Kinds:   numFloat,
		Check:   checkForecast,
		Example: Example{window + "holtWintersWithFit('v', 1, 0, 10s)", in, "m holtWinters=5 0s\nm holtWinters=5 10s\nm holtWinters=5 20s\nm holtWinters=5 30s\nm holtWinters=5 40s"},
		New:     newHoltWinters(true),
	})
}

// Bounds on the work of one forecast.
const (
	maxHorizon  = 10_000
	maxSeason   = 1_000
	maxInterval = 10_000 // intervals between the first and the last value
)

func checkForecast(a *Args) error {
	switch {
	case a.Interval <= 0:
		return errors.New("the interval must be positive")
	case a.Horizon > maxHorizon:
		return fmt.Errorf("at most %d values can be forecast", maxHorizon)
	case a.Season > maxSeason:
		return fmt.Errorf("a season can have at most %d values", maxSeason)
	}
	return nil
}

// holtWinters is a model with level, damped trend and multiplicative seasons. It is fitted to
// the data by searching the parameters with the smallest sum of squared errors; what the model
// itself said before is its only memory.
type holtWinters struct {
	horizon, season int
	interval        int64
	withFit         bool

	set       []point.Sample
	y         []float64 // one value per interval, NaN where there is none
	model     []float64 // what the model says for the same intervals and beyond
	params    []float64 // α, β, γ, φ, first level, first trend, then the seasons
	best, got []float64
	search    simplex
	cost      func([]float64) float64
}

const fixedParams = 6

func newHoltWinters(withFit bool) func(point.Kind, *Args) Func {
	return func(_ point.Kind, a *Args) Func {
		h := &holtWinters{horizon: int(a.Horizon), interval: int64(a.Interval), withFit: withFit}
		if a.Season >= 2 {
			h.season = int(a.Season)
		}
		h.cost = h.squaredError
		return h
	}
}

func (h *holtWinters) Reset() { h.set = h.set[:0] }

func (h *holtWinters) Push(_ int, s point.Sample) { h.set = append(h.set, s) }

func (h *holtWinters) Append(dst []Result) []Result {
	if len(h.set) < 2 || h.horizon <= 0 || !h.bucket() || len(h.y) < max(2, h.season) {
		return dst
	}
	h.fit()
	h.run(h.best, h.horizon)
	from, t := len(h.y), h.set[len(h.set)-1].Time+h.interval
	if h.withFit {
		from, t = 0, h.set[0].Time
	}
	for _, v := range h.model[from:] {
		if !math.IsNaN(v) {
			dst = append(dst, Result{Time: t, Index: -1, Value: point.FloatValue(v)})
		}
		t += h.interval
	}
	return dst
}

// bucket brings the set into y and reports whether there is something to fit.
func (h *holtWinters) bucket() bool {
	t := h.round(h.set[0].Time)
	n := (h.round(h.set[len(h.set)-1].Time) - t) / h.interval
	if n <= 0 || n > maxInterval {
		return false
	}
	h.y = append(h.y[:0], num[float64](h.set[0].Value))
	for _, s := range h.set[1:] {
		r := h.round(s.Time)
		if r <= t {
			continue
		}
		if uint64(r-t)/uint64(h.interval) > maxInterval { // r-t may need 64 bits
			return false
		}
		if len(h.y) > maxInterval {
			return false
		}
		for t += h.interval; t < r; t += h.interval {
			h.y = append(h.y, math.NaN())
		}
		h.y = append(h.y, num[float64](s.Value))
	}
	return true
}

// round returns the multiple of the interval nearest to t, halfway the one before.
func (h *holtWinters) round(t int64) int64 {
	n := t / h.interval
	if t%h.interval > h.interval/2 {
		n++
	}
	return n * h.interval
}

// fit searches the best parameters, from 16 starts. Each search begins with the seasons as the one
// before was given them: see run.
func (h *holtWinters) fit() {
	n := fixedParams + h.season
	h.params, h.best, h.got = sized(h.params, n), sized(h.best, n), sized(h.got, n)
	h.guess()
	guesses := [...]float64{0.3, 0.3 + 0.4}
	least, found := math.Inf(1), false
	for _, alpha := range guesses {
		for _, beta := range guesses {
			for _, gamma := range guesses {
				for _, phi := range guesses {
					h.params[0], h.params[1], h.params[2], h.params[3] = alpha, beta, gamma, phi
					c := h.search.minimise(h.cost, h.params, h.got)
					if c < least || !found {
						least, found = c, true
						copy(h.best, h.got)
					}
				}
			}
		}
	}
}

// guess sets the first level, trend and seasons from the first values, without seasons with half
// their weight. Missing values are skipped.
func (h *holtWinters) guess() {
	y, m := h.y, h.season
	level, trend := 0.0, 0.0
	if m == 0 {
		level = y[0] / 2
		if !math.IsNaN(y[1]) {
			trend = (y[1] - y[0]) / 2
		}
	} else {
		for i := range m {
			if !math.IsNaN(y[i]) {
				level += 1 / float64(m) * y[i]
			}
		}
		for i := 0; i < m && m+i < len(y); i++ {
			if !math.IsNaN(y[i]) && !math.IsNaN(y[m+i]) {
				trend += 1 / float64(m*m) * (y[m+i] - y[i])
			}
		}
		for i := range m {
			h.params[fixedParams+i] = 0
			if !math.IsNaN(y[i]) {
				h.params[fixedParams+i] = y[i] / level
			}
		}
	}
	h.params[4], h.params[5] = level, trend
}

func (h *holtWinters) squaredError(params []float64) float64 {
	h.run(params, 0)
	sum := 0.0
	for i, v := range h.model {
		if math.IsNaN(h.y[i]) {
			continue
		}
		if math.IsNaN(v) {
			return math.Inf(1)
		}
		sum += (v - h.y[i]) * (v - h.y[i])
	}
	return sum
}

// run lets the model speak for the intervals of y and ahead more. It clamps the coefficients in
// params and, as InfluxDB does, leaves the seasons there as they are at the end.
func (h *holtWinters) run(params []float64, ahead int) {
	for i := range params[:4] {
		if params[i] > 1 {
			params[i] = 1
		}
		if params[i] < 0 {
			params[i] = 0
		}
	}
	alpha, beta, gamma, phi := params[0], params[1], params[2], params[3]
	level, trend := params[4], params[5]
	seasons, m := params[fixedParams:], h.season

	h.model = sized(h.model, len(h.y)+ahead)
	y := h.y[0]
	h.model[0] = y
	damp := phi
	for t := 1; t < len(h.model); t++ {
		season, seasonAhead := 1.0, 1.0
		if m > 0 {
			season = seasons[(t-1+t-1)%m]
			seasonAhead = seasons[(t-1+t%m+t-1)%m]
		}
		was := level
		damped := phi * trend
		level = alpha*(y/season) + (1-alpha)*(was+damped)
		s := gamma*(y/(was+damped)) + (1-gamma)*season
		trend = beta*(level-was) + (1-beta)*damped
		y = (level + damp*trend) * seasonAhead
		damp += math.Pow(phi, float64(t))
		if m > 0 {
			seasons[(t+t+m-2)%m] = s
		}
		h.model[t] = y
	}
}

func sized(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	return s[:n]
}
