package node_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

func TestKapacitorLoopback(t *testing.T) {
	const to = "|kapacitorLoopback().database('x').retentionPolicy('y')"
	requirePlay(t, "stream|from().measurement('m')"+to+".measurement('n').tag('k', '1').tag('h', 'b')", "m,h=a v=1 0s\nm v=2 1s", "n,h=b,k=1 v=1 0s\nn,h=b,k=1 v=2 1s")
	requirePlay(t, "stream|from().measurement('m')"+to, "m,h=a v=1 0s", "m,h=a v=1 0s")
	requirePlay(t, "stream|from().measurement('m')|window().periodCount(1).everyCount(1)"+to+".measurement('n')", "m,h=a v=1 0s", "m,h=a v=1 0s")

	for _, c := range []struct{ script, want string }{
		{"kapacitorLoopback().retentionPolicy('y')", "must specify a database"},
		{"kapacitorLoopback().database('x')", "must specify a retention policy"},
		{"kapacitorLoopback().database('telegraf').retentionPolicy('autogen')", `loop detected on dbrp: "telegraf"."autogen"`},
	} {
		requireRejected(t, "stream|from().measurement('m')|"+c.script, c.want)
	}
	warnings, err := task.Check(task.Config{Name: "test", Script: "stream|from().measurement('m')|window().period(1s).every(1s)" + to + ".measurement('n')"})
	require.NoError(t, err)
	require.Len(t, warnings, 1)
}
