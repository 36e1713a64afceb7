package main

import (
	"log"
	"math"

	"golang.org/x/sys/unix"
)

// lockedMemoryLimit is the number of bytes that this process may lock.
func lockedMemoryLimit() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		log.Printf("W! Reading the limit of locked memory: %v", err)
		return math.MaxUint64
	}
	return limit.Max
}
