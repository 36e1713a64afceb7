package tick

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
)

func nan() float64 { return math.NaN() }

const block = `
[[processors.tick]]
  [[processors.tick.task]]
    name = "cpu"
    script = '''` + alertScript + `'''
`

// roles returns which instances of a configuration evaluate, in the order in which they were made.
func roles(t *testing.T, text string) (passive []bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "telegraf.conf")
	write(t, file, text)
	cfg := config.NewConfig()
	require.NoError(t, cfg.LoadConfig(file))
	for i := range cfg.Processors {
		for _, p := range []*Tick{cfg.Processors[i].Processor.(*Tick), cfg.AggProcessors[i].Processor.(*Tick)} {
			p.Log = testutil.Logger{Quiet: true}
		}
	}
	for _, p := range cfg.Processors { // the agent's order
		require.NoError(t, p.Init())
	}
	for _, p := range cfg.AggProcessors {
		require.NoError(t, p.Init())
	}
	for i := range cfg.Processors {
		passive = append(passive, cfg.Processors[i].Processor.(*Tick).passive, cfg.AggProcessors[i].Processor.(*Tick).passive)
	}
	return passive
}

func TestSecondInstanceIsPassive(t *testing.T) {
	want := []bool{false, true}
	for range 3 { // as a reload does
		require.Equal(t, want, roles(t, block))
	}
	require.Equal(t, []bool{false, true, false, true}, roles(t, block+block), "two blocks of the same text")
	other := "[[processors.tick]]\n  scripts = ['/nowhere/*.tick']\n"
	require.Equal(t, []bool{false, true, false, true, false, true}, roles(t, block+other+block))
}

func TestSecondInstanceAfterBrokenConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "telegraf.conf")
	write(t, file, "[[processors.tick]]\n  queue_size = 'many'\n")
	require.Error(t, config.NewConfig().LoadConfig(file))
	require.Equal(t, []bool{false, true}, roles(t, block))
}

func TestInstanceWithoutHostEvaluates(t *testing.T) {
	for range 3 {
		p, _ := plugin("cpu", alertScript)
		require.NoError(t, p.Init())
		require.False(t, p.passive)
	}
}

func TestSecondInstance(t *testing.T) {
	for _, after := range []bool{false, true} {
		file := filepath.Join(t.TempDir(), "telegraf.conf")
		text := block
		if after {
			text = "[[processors.tick]]\n  evaluate_after_aggregators = true\n" + block[len("\n[[processors.tick]]\n"):]
		}
		write(t, file, text)
		cfg := config.NewConfig()
		require.NoError(t, cfg.LoadConfig(file))
		p := cfg.AggProcessors[0].Processor.(*Tick)
		p.Log = testutil.Logger{Quiet: true}
		acc := start(t, p)
		require.NoError(t, p.Add(cpu(5), acc))
		p.Stop()
		require.Len(t, passed(acc), 1)
		if after {
			require.Len(t, copiesOf(acc), 1)
		} else {
			require.Empty(t, copiesOf(acc))
		}
	}
}
