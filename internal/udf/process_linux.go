package udf

import (
	"syscall"
	"unsafe"
)

// dieWithParent has the kernel kill the child when the thread that started it ends.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }

// awaitExit waits until the child has exited, and leaves it to be reaped: until then its ID is its own.
// It reports whether it could do so.
func awaitExit(pid int) bool {
	const idTypePID = 1
	const infoSize = 128
	for {
		var info [infoSize]byte
		_, _, e := syscall.Syscall6(syscall.SYS_WAITID, idTypePID, uintptr(pid), uintptr(unsafe.Pointer(&info)), syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		if e != syscall.EINTR {
			return e == 0
		}
	}
}
