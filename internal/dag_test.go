package internal_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/telegraf-tigk/telegraf-tigk/"

// mayImport says which of our packages each package under internal may import; docs/design.md has
// the picture. Packages that a line names may import whatever those may.
var mayImport = map[string][]string{
	"internal/syntax":   {},
	"internal/point":    {},
	"internal/agg":      {"internal/point"},
	"internal/codec":    {},
	"internal/alert":    {"internal/codec", "internal/point"},
	"internal/udf":      {"internal/point"},
	"internal/tlsconf":  {},
	"internal/redact":   {},
	"internal/journal":  {"internal/codec"},
	"internal/api":      {},
	"internal/lambda":   {"internal/syntax", "internal/point"},
	"internal/spec":     {"internal/syntax", "internal/lambda", "internal/point", "internal/alert", "internal/udf"},
	"internal/node":     {"internal/window", "internal/spec", "internal/lambda", "internal/agg", "internal/alert", "internal/udf", "internal/syntax", "internal/point"},
	"internal/handler":  {"internal/redact", "internal/spec", "internal/alert", "internal/point", "internal/lambda", "internal/syntax", "internal/tlsconf"},
	"internal/task":     {"internal/syntax", "internal/spec", "internal/node", "internal/lambda", "internal/alert", "internal/udf", "internal/point"},
	"internal/sideload": {"internal/redact", "internal/spec", "internal/point"},
	"internal/scale":    {"internal/redact", "internal/spec", "internal/syntax", "internal/tlsconf"},
	"internal/line":     {"internal/point"},
	"internal/replay":   {"internal/line", "internal/task", "internal/sideload", "internal/udf", "internal/point", "internal/spec", "internal/alert", "internal/syntax"},
	"internal/ticktest": {"internal/task", "internal/replay", "internal/sideload", "internal/udf", "internal/point", "internal/spec", "internal/alert", "internal/syntax"},

	"internal/bus":      {"internal/spec", "internal/alert", "internal/point"},
	"internal/window":   {"internal/agg", "internal/point"},
	"internal/outbox":   {"internal/bus", "internal/journal", "internal/codec", "internal/alert", "internal/point", "internal/spec"},
	"internal/engine":   {"internal/redact", "internal/api", "internal/outbox", "internal/bus", "internal/task", "internal/udf", "internal/sideload", "internal/scale", "internal/filewatch", "internal/journal", "internal/spec", "internal/node", "internal/alert", "internal/point", "internal/syntax"},
	"internal/spool":    {"internal/journal", "internal/codec", "internal/alert"},
	"internal/ratelog":  {},
	"internal/delivery": {"internal/spool", "internal/ratelog", "internal/handler", "internal/journal", "internal/filewatch", "internal/spec", "internal/alert", "internal/lambda", "internal/point", "internal/syntax"},

	"internal/filewatch":           {},
	"internal/spec/spectest":       {"internal/spec", "internal/alert", "internal/lambda", "internal/point", "internal/syntax"},
	"internal/journal/journaltest": {"internal/journal"},
	"internal/crashtest":           {},
	"internal/window/windowtest":   {"internal/point"},
}

// standardOnly are the packages that need nothing but the standard library.
var standardOnly = []string{"internal/syntax", "internal/point", "internal/tlsconf", "internal/codec", "internal/lambda", "internal/spec", "internal/agg", "internal/alert", "internal/node", "internal/task", "internal/api"}

// TestImports keeps the import graph as designed: a new arrow is a decision, not an accident.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...").Output()
	require.NoError(t, err)
	dec := json.NewDecoder(strings.NewReader(string(out)))
	seen := 0
	for dec.More() {
		var p struct {
			ImportPath    string
			Imports, Deps []string
		}
		require.NoError(t, dec.Decode(&p))
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, ok := mayImport[name]
		if name == "internal" {
			continue
		}
		require.True(t, ok, "%s is not in the table of imports", name)
		seen++
		for _, i := range p.Imports {
			if own, ok := strings.CutPrefix(i, module); ok {
				require.Contains(t, allowed, own, "%s imports %s", name, own)
			}
		}
		for _, d := range p.Deps {
			require.False(t, strings.HasPrefix(d, "github.com/influxdata/telegraf"), "%s depends on Telegraf through %s", name, d)
		}
		for _, s := range standardOnly {
			if s != name {
				continue
			}
			for _, d := range p.Deps {
				first, _, _ := strings.Cut(d, "/")
				require.False(t, strings.Contains(first, ".") && !strings.HasPrefix(d, module), "%s depends on %s", name, d)
			}
		}
	}
	require.GreaterOrEqual(t, seen, 10)
}
