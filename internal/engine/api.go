package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/api"
)

// This file does what the HTTP API asks for.

var _ api.Engine = (*Engine)(nil)

// busyWait is how long a request waits for a task that has other things to do.
const busyWait = 10 * time.Second

// HTTPOut returns the content of a task's httpOut node as result JSON.
func (e *Engine) HTTPOut(name, endpoint string) ([]byte, error) {
	runners := e.index.Load().runners
	i := slices.IndexFunc(runners, func(r *runner) bool { return r.name == name })
	if i < 0 {
		return nil, api.ErrNoTask
	}
	var content []byte
	found := false
	done := call(runners[i:i+1], func(r *runner) {
		if r.task != nil {
			content, found = r.task.HTTPOut(endpoint)
		}
	})
	busy := time.NewTimer(busyWait)
	defer busy.Stop()
	select {
	case <-done:
	case <-busy.C:
		return nil, fmt.Errorf("task %s has been busy for %s", name, busyWait)
	}
	if !found {
		return nil, api.ErrNoEndpoint
	}
	return content, nil
}
