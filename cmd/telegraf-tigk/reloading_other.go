//go:build !linux

package main

func notifyReloading() {}
