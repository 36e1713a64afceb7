package agg

import "math"

// simplex minimises a function of several variables by the downhill simplex method of Nelder and
// Mead, with the coefficients and the order of steps that InfluxDB uses, so that forecasts agree.
// Buffers are kept from run to run.
type simplex struct {
	vertices  [][]float64
	costs     []float64
	reflected []float64
	trial     []float64
	centre    []float64
}

const (
	reflection   = 1.0
	contraction  = 0.5
	expansion    = 2.0
	maxSteps     = 1000
	minDeviation = 1e-4 // of the costs of the vertices; less ends the search
)

// minimise searches from start and leaves the best point found in best, which has the length of
// start. It returns the cost there. The function cost may change what it is given.
func (s *simplex) minimise(cost func([]float64) float64, start, best []float64) float64 {
	n := len(start)
	s.resize(n)
	s.spread(start)
	for i, v := range s.vertices {
		s.costs[i] = cost(v)
	}
	for range maxSteps {
		s.step(cost)
		if s.deviation() < minDeviation {
			break
		}
	}
	lowest := 0
	for i, c := range s.costs {
		if c < s.costs[lowest] {
			lowest = i
		}
	}
	copy(best, s.vertices[lowest])
	return cost(s.vertices[lowest])
}

func (s *simplex) resize(n int) {
	if len(s.centre) == n {
		return
	}
	s.vertices = make([][]float64, n+1)
	all := make([]float64, (n+1)*n)
	for i := range s.vertices {
		s.vertices[i] = all[i*n : (i+1)*n]
	}
	s.costs = make([]float64, n+1)
	s.reflected, s.trial, s.centre = make([]float64, n), make([]float64, n), make([]float64, n)
}

// spread makes the vertices a regular simplex with edges of length 1 and one corner at start.
func (s *simplex) spread(start []float64) {
	n := float64(len(start))
	near := (math.Sqrt(n+1) - 1) / (n * math.Sqrt2)
	far := (math.Sqrt(n+1) - 1 + n) / (n * math.Sqrt2)
	copy(s.vertices[0], start)
	for i, v := range s.vertices[1:] {
		for j := range v {
			v[j] = start[j] + near
		}
		v[i] = start[i] + far
	}
}

// step replaces the worst vertex by a better point on the line through the centre of the others,
// or shrinks the simplex towards the best one.
func (s *simplex) step(cost func([]float64) float64) {
	worst, best := 0, 0
	for i, c := range s.costs {
		if c > s.costs[worst] {
			worst = i
		}
		if c < s.costs[best] {
			best = i
		}
	}
	second := best // worst but one
	for i, c := range s.costs {
		if c > s.costs[second] && c < s.costs[worst] {
			second = i
		}
	}
	n := len(s.centre)
	for j := range s.centre {
		sum := 0.0
		for i, v := range s.vertices {
			if i != worst {
				sum += v[j]
			}
		}
		s.centre[j] = sum / float64(n)
	}

	w := s.vertices[worst]
	for j, c := range s.centre {
		s.reflected[j] = c + reflection*(c-w[j])
	}
	r := cost(s.reflected)
	switch {
	case r < s.costs[best]: // go on in this direction
		for j, c := range s.centre {
			s.trial[j] = c + expansion*(s.reflected[j]-c)
		}
		if e := cost(s.trial); e < r {
			copy(w, s.trial)
			s.costs[worst] = e
		} else {
			copy(w, s.reflected)
			s.costs[worst] = r
		}
		return
	case r < s.costs[second]:
		copy(w, s.reflected)
		s.costs[worst] = r
		return
	case r < s.costs[worst]: // contract outside
		for j, c := range s.centre {
			s.trial[j] = c + contraction*(s.reflected[j]-c)
		}
	default: // contract inside
		for j, c := range s.centre {
			s.trial[j] = c - contraction*(c-w[j])
		}
	}
	if c := cost(s.trial); c < s.costs[worst] {
		copy(w, s.trial)
		s.costs[worst] = c
		return
	}
	b := s.vertices[best]
	for i, v := range s.vertices {
		if i == best {
			continue
		}
		for j := range v {
			v[j] = b[j] + (v[j]-b[j])/2
		}
	}
	s.costs[worst] = cost(w)
	s.costs[second] = cost(s.vertices[second])
}

// deviation returns the standard deviation of the costs.
func (s *simplex) deviation() float64 {
	n := float64(len(s.centre))
	mean := 0.0
	for _, c := range s.costs {
		mean += c
	}
	mean /= n + 1
	sum := 0.0
	for _, c := range s.costs {
		sum += (c - mean) * (c - mean) / n
	}
	return math.Sqrt(sum)
}
