package ticktest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	_ "github.com/telegraf-tigk/telegraf-tigk/internal/handler" // scripts name handlers
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// TestUsages wants the table of what people write to follow the declarations: every node is in it, and
// whatever it names is declared. A property that has another name makes random scripts that are only
// rejected, which nobody would see.
func TestUsages(t *testing.T) {
	for _, name := range spec.Nodes() {
		if name != "from" {
			require.Contains(t, usages, name, "nothing is said of how a node is written")
		}
	}
	for name, u := range usages {
		for _, more := range append([]string{""}, u.more...) {
			for _, words := range u.words {
				c := choices(nil)
				s := &script{choices: &c, field: "v", edge: spec.Stream}
				text := "|" + name + s.fill(words+more)
				for _, window := range []string{"", "|window().period(1s).every(1s)"} {
					if strings.Contains(words, "$n") && window != "" {
						continue
					}
					_, err := task.Check(task.Config{Name: "x", Script: "stream|from()" + window + text})
					if err != nil && strings.Contains(err.Error(), "wants") { // the other kind of data
						continue
					}
					if err != nil {
						require.NotContains(t, err.Error(), "no property", text)
						require.NotContains(t, err.Error(), "no node", text)
					}
				}
			}
		}
	}
}
