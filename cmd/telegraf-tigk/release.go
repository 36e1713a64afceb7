package main

import (
	"fmt"
	"log"
	"time"

	"github.com/influxdata/telegraf/config"
)

// releaseTimeout bounds the wait for one plugin.
const releaseTimeout = 5 * time.Second

// release closes what an agent that failed to start has left open: it stops
// neither its processors nor its outputs when an input fails, and no input when
// a plugin cannot be initialised. It does not say
// which of them were started, so every one is told to stop, whatever it makes
// of that. c is nil if the configuration did not even load.
func release(c *config.Config) {
	if c == nil {
		return
	}
	for _, i := range c.Inputs {
		if i.Config.Name == "udfsock" { // its Init has taken the name of a function
			attempt(i.LogName(), i.Stop)
		}
	}
	for _, p := range c.Processors {
		attempt(p.LogName(), p.Stop)
	}
	for _, p := range c.AggProcessors {
		attempt(p.LogName(), p.Stop)
	}
	for _, o := range c.Outputs {
		attempt(o.LogName(), o.Close)
	}
}

// attempt calls stop, and survives it panicking or not coming back.
func attempt(name string, stop func()) {
	done := make(chan error, 1)
	go func() {
		var err error
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("%v", r)
			}
			done <- err
		}()
		stop()
	}()
	select {
	case err := <-done:
		if err != nil {
			log.Printf("D! [%s] Stopping a plugin that was not started: %v", name, err)
		}
	case <-time.After(releaseTimeout):
		log.Printf("W! [%s] Did not stop within %v", name, releaseTimeout)
	}
}
