package main

import (
	"errors"
	"io/fs"
	"log"
	"os"
	"strconv"
)

// writePidfile writes the process id and returns the function that removes
// the file. As in Telegraf, a file that cannot be written is no reason not to
// run.
func writePidfile(path string) (remove func()) {
	if path == "" {
		return func() {}
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o640); err != nil {
		log.Printf("E! Unable to create pidfile: %v", err)
		return func() {}
	}
	return func() {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			log.Printf("E! Unable to remove pidfile: %v", err)
		}
	}
}
