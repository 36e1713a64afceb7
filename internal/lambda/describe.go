package lambda

import (
	"fmt"
	"io"
)

// Describe writes all about a function as plain text.
func (f *FuncDoc) Describe(w io.Writer) {
	for _, s := range f.Signatures {
		fmt.Fprintln(w, s)
	}
	fmt.Fprintf(w, "\n%s\n\n  lambda: %s\n  yields %s\n", f.Doc, f.Example, f.Result)
}
