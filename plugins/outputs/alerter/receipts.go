package alerter

import "sync"

// A receipt has the source of an event hear that it is safe.
type receipt struct {
	safe  func()
	given bool
}

// receipts are given one after the other, by a goroutine that holds no lock and runs while there are
// some. The zero value is ready for use.
type receipts struct {
	mu      sync.Mutex
	list    []func()
	running sync.WaitGroup
	on      bool
}

// give gives those receipts that were not given yet.
func (r *receipts) give(list ...*receipt) {
	if len(list) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range list {
		if !x.given {
			x.given = true
			r.list = append(r.list, x.safe)
		}
	}
	if !r.on && len(r.list) > 0 {
		r.on = true
		r.running.Go(r.run)
	}
}

func (r *receipts) run() {
	for {
		r.mu.Lock()
		list := r.list
		r.list = nil
		if len(list) == 0 {
			r.on = false
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		for _, f := range list {
			f()
		}
	}
}

// wait returns when all that was given has been called.
func (r *receipts) wait() { r.running.Wait() }
