package lambda

import "math"

// A State holds what the stateful functions of one expression remember of one group. The zero value
// is the state of a new group. All calls of one function in an expression share its values.
type State struct {
	Count int64 // calls of count()

	// Welford's running mean and sum of squared differences of sigma(x).
	SigmaN    int64
	SigmaMean float64
	SigmaM2   float64

	// Extremes of spread(x); they mean nothing before the first value.
	SpreadSeen bool
	SpreadMin  float64
	SpreadMax  float64
}

func (s *State) count() int64 {
	s.Count++
	return s.Count
}

// sigma returns by how many standard deviations x is off the mean, both with x included.
func (s *State) sigma(x float64) float64 {
	s.SigmaN++
	delta := x - s.SigmaMean
	s.SigmaMean += delta / float64(s.SigmaN)
	s.SigmaM2 += float64(delta * (x - s.SigmaMean)) // the conversion forbids a fused multiply-add
	if s.SigmaN < 2 {
		return 0
	}
	variance := s.SigmaM2 / float64(s.SigmaN-1)
	if variance == 0 {
		return 0
	}
	return math.Abs(x-s.SigmaMean) / math.Sqrt(variance)
}

func (s *State) spread(x float64) float64 {
	if !s.SpreadSeen {
		s.SpreadSeen, s.SpreadMin, s.SpreadMax = true, math.Inf(1), math.Inf(-1)
	}
	if x < s.SpreadMin {
		s.SpreadMin = x
	}
	if x > s.SpreadMax {
		s.SpreadMax = x
	}
	return s.SpreadMax - s.SpreadMin
}
