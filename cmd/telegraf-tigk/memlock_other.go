//go:build !linux

package main

import "math"

// lockedMemoryLimit is not known here, so nothing is warned of.
func lockedMemoryLimit() uint64 { return math.MaxUint64 }
