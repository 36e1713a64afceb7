// Package udfsock implements the input that connects user-defined functions: those that TICKscripts
// call, and those that run on their own and send metrics.
package udfsock

import (
	"context"
	_ "embed"
	"errors"
	"sync"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/selfstat"

	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

//go:embed sample.conf
var sampleConfig string

// UDFSock is the plugin: one function.
type UDFSock struct {
	udf.Config

	Log        telegraf.Logger     `toml:"-"`
	Statistics *selfstat.Collector `toml:"-"`

	function *udf.Function
	stats    *stats
	source   *source
	cancel   context.CancelFunc
	running  sync.WaitGroup
	stopped  sync.Once

	mu       sync.Mutex
	snapshot []byte // state of a source
}

// State is what survives a restart of the agent with a state file.
type State struct {
	Snapshot []byte `json:"snapshot"`
}

// SampleConfig returns the documented default configuration.
func (*UDFSock) SampleConfig() string { return sampleConfig }

// Init checks the configuration and makes the function's name known, so that scripts can be checked.
// It does not connect.
func (u *UDFSock) Init() error {
	if err := u.Check(); err != nil {
		return err
	}
	if u.function != nil {
		udf.Functions.Remove(u.function)
	}
	u.function = udf.New(&u.Config, u.Log)
	return udf.Functions.Add(u.function)
}

// Start connects, now or later: an agent does not wait for its functions.
func (u *UDFSock) Start(acc telegraf.Accumulator) error {
	if u.function == nil {
		return errors.New("not initialized")
	}
	var ctx context.Context
	ctx, u.cancel = context.WithCancel(context.Background())
	u.stats = newStats(u.Statistics, u.function)
	if u.Source {
		u.source = newSource(u, acc)
	}
	u.running.Go(func() {
		if u.function.Await(ctx) != nil {
			return
		}
		udf.Functions.Changed()
		if u.source != nil {
			u.source.run(ctx)
		}
	})
	return nil
}

// Gather reads the function's counters. The points of a source come when they come.
func (u *UDFSock) Gather(telegraf.Accumulator) error {
	u.stats.read()
	return nil
}

// Stop ends a source, which may send its last points, and makes the function's name unknown. Those who
// use the function go on with it.
func (u *UDFSock) Stop() {
	u.stopped.Do(func() {
		if u.function != nil {
			udf.Functions.Remove(u.function)
		}
		if u.cancel != nil {
			u.cancel()
		}
		u.running.Wait()
		if u.Statistics != nil {
			u.Statistics.UnregisterAll()
		}
	})
}

// GetState returns the state of a source.
func (u *UDFSock) GetState() any {
	u.mu.Lock()
	defer u.mu.Unlock()
	return State{Snapshot: u.snapshot}
}

// SetState brings back the state of a source.
func (u *UDFSock) SetState(state any) error {
	s, ok := state.(State)
	if !ok {
		return errors.New("state of another plugin")
	}
	u.keep(s.Snapshot)
	return nil
}

func (u *UDFSock) keep(snapshot []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.snapshot = snapshot
}

func init() {
	inputs.Add("udfsock", func() telegraf.Input { return &UDFSock{Config: udf.DefaultConfig()} })
}
