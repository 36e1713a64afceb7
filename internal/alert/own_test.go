package alert

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOwn(t *testing.T) {
	o := Own{Host: "web1", Node: "health", Topic: "agents"}
	e := o.Event("task:cpu", "Task cpu has stopped", Critical, 5e9, 3e9)
	require.Equal(t, "web1:task:cpu", e.ID)
	require.Equal(t, 2*time.Second, e.Duration)
	require.Equal(t, [...]string{OwnTask, "health", "agents", OwnTask, "host=web1"}, [...]string{e.Task, e.Node, e.Topic, e.Name, e.Group})
	require.JSONEq(t, `{"series":[{"name":"telegraf-tigk","tags":{"host":"web1"},"columns":["time","level","message"],
		"values":[["1970-01-01T00:00:05Z",3,"Task cpu has stopped"]]}]}`, string(e.Data))
	require.True(t, e.Recoverable)
	require.NotEqual(t, e.EventID, o.Event("task:mem", "", Critical, 5e9, 3e9).EventID)

	nameless := Own{Node: "delivery"}
	require.Equal(t, "spool", nameless.ID("spool"))
}
