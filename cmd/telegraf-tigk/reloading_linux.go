package main

import "github.com/coreos/go-systemd/v22/daemon"

// notifyReloading tells systemd that a reload begins; units of type
// notify-reload want the time with it.
func notifyReloading() {
	notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}
