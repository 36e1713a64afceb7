package node

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/agg"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// In Kapacitor the node of a function is called like its result.
func TestInfluxQLKind(t *testing.T) {
	for _, d := range agg.Defs() {
		s := spec.Of(d.Name, spec.New(d.Name))
		require.Equal(t, d.Result(), s.Kind)
	}
}
