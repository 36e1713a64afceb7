//go:build unix && !linux

package udf

import "syscall"

// dieWithParent does nothing: here it is the end of its input that tells a child that we are gone.
func dieWithParent(*syscall.SysProcAttr) {}

// awaitExit cannot wait for the exit of a child without reaping it.
func awaitExit(int) bool { return false }
