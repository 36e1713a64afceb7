package task_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// TestAlertSparedFields compares the events of an alert that is sent one field only with those of
// one that is not, since it has a sibling.
func TestAlertSparedFields(t *testing.T) {
	for _, c := range []struct{ state, alert string }{
		{"stateDuration(lambda: \"v\" > 5)", "alert().crit(lambda: \"state_duration\" > 2).stateChangesOnly()"},
		{"stateCount(lambda: \"v\" > 5).as('n')", "alert().info(lambda: \"n\" > 1).crit(lambda: \"n\" > 3).critReset(lambda: \"n\" < 0).message('{{ .Fields }}')"},
		{"stateCount(lambda: \"v\" > 5).as('v')", "alert().crit(lambda: \"v\" > 1).levelField('level')"},
		{"stateCount(lambda: \"v\" > 5).as('n')", "alert().crit(lambda: \"n\" > 0 AND \"v\" > 7)"},
		{"stateCount(lambda: \"v\" > 5).as('h')", "alert().crit(lambda: \"h\" > 0)"},
		{"stateCount(lambda: \"v\" > 5)", "alert()"},
	} {
		t.Run(c.state+"|"+c.alert, func(t *testing.T) {
			script := "var s = stream|from().measurement('m').groupBy('h')|" + c.state + "\ns|" + c.alert
			var tasks []*task.Task
			for _, more := range []string{"|httpOut('a')", "|httpOut('a')\ns|httpOut('b')"} {
				tk, err := task.Load(task.Config{Name: "t", Script: script + more})
				require.NoError(t, err)
				require.NoError(t, tk.Start(0))
				tasks = append(tasks, tk)
			}
			r := rand.New(rand.NewPCG(1, 2))
			said := 0
			for i := range 500 {
				p := point.Point{
					Name: "m", DB: "telegraf", RP: "autogen", Time: int64(i) * int64(time.Second),
					Tags: []point.Tag{{Key: "h", Value: string(rune('a' + r.IntN(2)))}}, Fields: []point.Field{{Key: "a", Value: point.IntValue(int64(i))}},
				}
				if r.IntN(20) > 0 {
					p.Fields = append(p.Fields, point.Field{Key: "v", Value: point.IntValue(int64(6*(i/10%2) + r.IntN(6)))})
				}
				var got [2]string
				for k, tk := range tasks {
					before := p.Clone()
					require.NoError(t, tk.Push(&p))
					require.Equal(t, before, &p)
					for _, e := range tk.Take() {
						if e.Kind == spec.AlertEffect {
							said++
							got[k] += fmt.Sprint(e.Event.Level, e.Event.Message, e.Event.Fields, string(e.Event.Data))
						} else {
							got[k] += e.Text
						}
					}
					out, _ := tk.HTTPOut("a")
					got[k] += string(out)
				}
				require.Equal(t, got[1], got[0])
			}
			if c.state != "stateCount(lambda: \"v\" > 5).as('h')" && c.alert != "alert()" {
				require.Greater(t, said, 20)
			}
		})
	}
}
