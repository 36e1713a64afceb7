package ticktest_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	_ "github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/node"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/ticktest"
)

var update = flag.Bool("update", false, "rewrite docs/TICKscript.md")

//go:generate go test -count=1 -run ^TestReference$ . -update

const reference = "../../docs/TICKscript.md"

// TestReference checks that the reference page says what the declarations say.
func TestReference(t *testing.T) {
	var want bytes.Buffer
	fmt.Fprint(&want, "# TICKscript reference\n\nMade from the declarations by `make generate`; do not edit. `telegraf-tigk tick describe NAME` shows the same.\n\n")
	fmt.Fprint(&want, "Every node has the property `.quiet()`: its errors are counted but not logged.\n\n## Nodes\n\n")
	for _, n := range spec.Nodes() {
		spec.Of(n, spec.New(n)).Markdown(&want, "|")
	}
	fmt.Fprint(&want, "## User-defined functions\n\nA section [[inputs.udfsock]] with name = \"mirror\" makes a program the node @mirror. `telegraf-tigk tick describe -config telegraf.conf @mirror` shows its options.\n\n")
	spec.Of("@mirror", &node.UDF{Function: "mirror", Unreached: true}).Markdown(&want, "")
	fmt.Fprint(&want, "## Alert handlers\n\nThey are properties of `|alert()`.\n\n")
	for _, n := range spec.Handlers() {
		spec.Of(n, spec.NewHandler(n)).Markdown(&want, ".")
	}
	fmt.Fprint(&want, "## Lambda functions\n\n| function | meaning | example |\n| --- | --- | --- |\n")
	for _, f := range lambda.Functions() {
		fmt.Fprintf(&want, "| `%s` | %s | `%s` = `%s` |\n", strings.Join(f.Signatures, "`<br>`"), f.Doc,
			strings.ReplaceAll(f.Example, "|", `\|`), strings.ReplaceAll(f.Result, "|", `\|`))
	}
	if *update {
		require.NoError(t, os.WriteFile(reference, want.Bytes(), 0o644))
	}
	got, err := os.ReadFile(reference)
	require.NoError(t, err)
	require.Empty(t, difference(want.String(), string(got)), "run make generate")
}

// difference returns the lines in which two texts differ, a few of them and without those that they have in
// common before and behind; "" if the texts are the same.
func difference(want, got string) string {
	if want == got {
		return ""
	}
	w, g := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	first := 0
	for first < len(w) && first < len(g) && w[first] == g[first] {
		first++
	}
	w, g = w[first:], g[first:]
	for len(w) > 0 && len(g) > 0 && w[len(w)-1] == g[len(g)-1] {
		w, g = w[:len(w)-1], g[:len(g)-1]
	}
	const most = 20
	return fmt.Sprintf("line %d\n-%s+%s", first+1, strings.Join(w[:min(len(w), most)], "-"), strings.Join(g[:min(len(g), most)], "+"))
}

// TestDeclarations walks the registry: every node and handler says what it does, and what each
// property means, and every node has an example that does what it says.
func TestDeclarations(t *testing.T) {
	check := func(t *testing.T, s *spec.Spec) {
		require.NotEmpty(t, s.Text)
		for _, a := range s.Args {
			require.NotEmpty(t, a.Doc, "argument %s", a.Name)
		}
		for _, p := range s.Props {
			require.NotEmpty(t, p.Doc, "property %s", p.Name)
		}
	}
	for _, n := range spec.Nodes() {
		t.Run(n, func(t *testing.T) {
			s := spec.Of(n, spec.New(n))
			check(t, s)
			require.NotEmpty(t, s.Examples)
			for _, x := range s.Examples {
				got, err := ticktest.RunExample(x)
				require.NoError(t, err)
				require.Equal(t, x.Want, got)
			}
		})
	}
	for _, h := range spec.Handlers() {
		t.Run("."+h, func(t *testing.T) { check(t, spec.Of(h, spec.NewHandler(h))) })
	}
}
