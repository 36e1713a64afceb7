package task_test

import "testing"

// BenchmarkTick brings the time to a task without timers, as the agent does with every point.
func BenchmarkTick(b *testing.B) {
	t := start(b, rules[0].script, newLoad(rules[0].script), 0)
	now := t.Now()
	b.ReportAllocs()
	for b.Loop() {
		now++
		if err := t.Tick(now); err != nil {
			b.Fatal(err)
		}
	}
}
