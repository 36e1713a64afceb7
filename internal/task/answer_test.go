package task_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// TestAnswers wants the first reply to a question to count, and none that nobody has asked for. One of the
// wrong type stops the task.
func TestAnswers(t *testing.T) {
	load := func() (*task.Task, []spec.Ask) {
		x, err := task.Load(task.Config{Name: "t", Script: `stream|from()|fragile('answer')|fragile('nowhere')`})
		require.NoError(t, err)
		require.NoError(t, x.Start(0))
		var asks []spec.Ask
		for _, e := range x.Take() {
			require.Equal(t, spec.AskEffect, e.Kind)
			asks = append(asks, e.Ask)
		}
		require.Equal(t, []spec.Ask{{ID: 1, Body: riddle{}}, {ID: 2, Body: riddle{}}}, asks)
		return x, asks
	}
	x, _ := load()
	require.NoError(t, x.Answer(3, solution{}))
	require.NoError(t, x.Answer(2, solution{}))
	require.NoError(t, x.Answer(2, "no solution"), "the question has been answered")
	require.EqualError(t, x.Answer(1, solution{}), "t: fragile2: internal error: boom")
	require.EqualError(t, x.Answer(1, solution{}), "t: fragile2: internal error: boom")

	x, _ = load()
	require.EqualError(t, x.Answer(2, spec.Posted{}), "t: fragile3: internal error: the question riddle is answered with a spec.Posted, want a task_test.solution")
}
