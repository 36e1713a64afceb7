package spec

import (
	"fmt"
	"io"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// This file writes declarations as text for people.

// Signature returns how the node is written: "window()", "percentile(field string, percentile float)".
func (s *Spec) Signature() string { return s.Name + "(" + signature(s.Args) + ")" }

// Signature returns how the property is written.
func (p *Prop) Signature() string { return p.Name + "(" + signature(p.Params) + ")" }

func signature(params []*Param) string {
	parts := make([]string, len(params))
	for i, p := range params {
		parts[i] = p.Name + " " + p.Type.String()
		if p.Variadic {
			parts[i] += "…"
		}
		if p.Optional {
			parts[i] = "[" + parts[i] + "]"
		}
	}
	return strings.Join(parts, ", ")
}

// Default returns a plain property's default as TICKscript writes it, "" if that is the type's zero.
func (p *Prop) Default() string {
	if !p.Plain {
		return ""
	}
	a := p.Params[0].get()
	switch {
	case a.Type&ScalarType == 0 || a.Value.Num == 0 && a.Value.Text == "":
		return ""
	case a.Type == StringType:
		return "'" + a.Value.Text + "'"
	case a.Type == DurationType:
		return syntax.FormatDuration(a.Value.Duration())
	}
	return fmt.Sprint(a.Value.Any())
}

// Summary returns the first sentence of the text.
func (s *Spec) Summary() string {
	if i := strings.Index(s.Text, ". "); i >= 0 {
		return s.Text[:i+1]
	}
	return s.Text
}

// Describe writes all about a node or handler as plain text.
func (s *Spec) Describe(w io.Writer) {
	fmt.Fprintf(w, "%s\n\n%s\n", s.Signature(), s.Text)
	if s.edges() {
		fmt.Fprintf(w, "Takes %s data, gives %s.\n", s.Wants, s.Provides)
	}
	for _, a := range s.Args {
		fmt.Fprintf(w, "  %-28s %s\n", a.Name, a.Doc)
	}
	if len(s.Props) > 0 {
		fmt.Fprint(w, "\nProperties:\n")
	}
	for _, p := range s.Props {
		fmt.Fprintf(w, "  .%s\n      %s%s\n", p.Signature(), p.Doc, defaultText(p))
	}
	for _, x := range s.Examples {
		fmt.Fprintf(w, "\nExample:\n%s\n  in:\n%s\n  out:\n%s\n", indent(x.Script), indent(x.In), indent(x.Want))
	}
}

// edges reports whether there is something to say about the kinds of data.
func (s *Spec) edges() bool { return (s.Wants != Same || s.Provides != Same) && s.Provides != Unknown }

// Markdown writes all about a node or handler as a section of a page.
func (s *Spec) Markdown(w io.Writer, mark string) {
	fmt.Fprintf(w, "### %s%s\n\n%s", mark, s.Name, s.Text)
	if s.edges() {
		fmt.Fprintf(w, " Takes %s data, gives %s.", s.Wants, s.Provides)
	}
	fmt.Fprintf(w, "\n\n```\n%s%s\n```\n", mark, s.Signature())
	if len(s.Args)+len(s.Props) > 0 {
		fmt.Fprint(w, "\n| argument or property | meaning |\n| --- | --- |\n")
	}
	for _, a := range s.Args {
		fmt.Fprintf(w, "| `%s` %s | %s |\n", a.Name, a.Type, a.Doc)
	}
	for _, p := range s.Props {
		fmt.Fprintf(w, "| `.%s` | %s%s |\n", p.Signature(), p.Doc, defaultText(p))
	}
	for _, x := range s.Examples {
		fmt.Fprintf(w, "\n```tick\n%s\n```\n\n| in | out |\n| --- | --- |\n| %s | %s |\n", x.Script, cell(x.In), cell(x.Want))
	}
	fmt.Fprintln(w)
}

func defaultText(p *Prop) string {
	if d := p.Default(); d != "" {
		return "; default " + d
	}
	return ""
}

func indent(text string) string { return "    " + strings.ReplaceAll(text, "\n", "\n    ") }

// cell writes lines as a cell of a Markdown table.
func cell(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "|", `\|`), "\n")
	for i := range lines {
		if lines[i] != "" {
			lines[i] = "`" + lines[i] + "`"
		}
	}
	return strings.Join(lines, "<br>")
}
