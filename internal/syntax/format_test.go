package syntax

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// vectors returns the conformance files that match a pattern, by name and then by section.
func vectors(t testing.TB, pattern string) map[string]map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/conformance/" + pattern)
	require.NoError(t, err)
	all := make(map[string]map[string]string, len(files))
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		require.NoError(t, err)
		sections := make(map[string]string, len(archive.Files))
		for _, f := range archive.Files {
			sections[f.Name] = string(f.Data)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".txtar")] = sections
	}
	return all
}

// scripts returns every script of the conformance files.
func scripts(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, sections := range vectors(t, "*.txtar") {
		for _, name := range []string{"script.tick", "in.tick"} {
			if s, ok := sections[name]; ok {
				all = append(all, s)
			}
		}
	}
	require.Greater(t, len(all), 400)
	return all
}

func TestFormatConformance(t *testing.T) {
	files := vectors(t, "fmt-*.txtar")
	require.Len(t, files, 26)
	for name, sections := range files {
		t.Run(name, func(t *testing.T) {
			prog, err := Parse("", sections["in.tick"])
			require.NoError(t, err)
			require.Equal(t, sections["want.tick"], Format(prog))
			checkFormat(t, sections["in.tick"])
		})
	}
}

// Layouts that no conformance vector has.
func TestFormat(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"comment only", "//x", "// x\n\n"},
		{"comment quirk", "// a\n/b/\nx", "// a\n// /b/\nx\n"},
		{"byte order mark", "\ufeffx", "x\n"},
		{"carriage returns", "// a\r\nx\r\n|b()\r\n", "// a\nx\n    |b()\n"},
		{"comment before operator", "var x = 1 // one\n+ 2", "var x = 1\n// one\n+ 2\n"},
		{"comment before division", "var x = 1 // one\n\n/ 2", "var x = 1\n// one\n\n/ 2\n"},
		{"comment before regex", "// r\n\n/x/", "// r\n\n/x/\n"},
		{"comment before parenthesis", "a.b(lambda:\n// c\n(x+y)*2)", "a\n        .b(lambda: \n            // c\n            (x + y) * 2)\n"},
		{"comment before dropped parenthesis", "var a =// c\n(// d\nx)", "var a =\n// c\n\n// d\nx\n"},
		{"comment of value", "var x = // data\nstream|from()", "var x =\n// data\nstream\n    |from()\n"},
		{"comment in var", "// a\nvar // b\nx = 1", "// a\n\n// b\nvar x = 1\n"},
		{"comment in dbrp", "dbrp // a\n'x'", ""},
		{"comment before bracket", "a(1 // x\n).b()", "a(1)\n        // x\n        .b()\n"},
		{"comment in list", "var l = ['a', // x\n'b']", "var l = [\n    'a',\n    // x\n    'b'\n]\n"},
		{"chain as last argument", "a|join(b|c())", "a\n    |join(b\n            |c())\n"},
		{"chain as first argument", "a|join(b|c(), d)", "a\n    |join(\n        b\n            |c(),\n        d\n    )\n"},
		{"line break in a string", "var x = 'a\nb' + 'c'", "var x = 'a\nb' +\n'c'\n"},
		{"minus behind minus", "var x = a - (-5)", "var x = a - -5\n"},
		{"regex behind lambda", "var x = lambda: (/a/)", "var x = lambda: (/a/)\n"},
		{"regex behind keyword", "var x = TRUE AND (/a/)", "var x = TRUE AND (/a/)\n"},
		{"operator behind regex", "var x = 'a' =~ (/a/) == TRUE", "var x = 'a' =~ (/a/) == TRUE\n"},
		{"minus as statement", "5 (-3)", "5\n\n(-3)\n"},
		{"minus behind a property", "a.b -3", "a\n        .b\n\n-3\n"},
		{"parenthesis behind a name", "var z = (x) (y+1)", "var z = (x)\n\n(y + 1)\n"},
		{"octal", "var a = 00 var b = 0600", "var a = 00\n\nvar b = 0600\n"},
		{"not ASCII", "var größe = 1µ", "var größe = 1µ\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			prog, err := Parse("", test.in)
			if test.want == "" && test.in != "" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, Format(prog))
			checkFormat(t, test.in)
		})
	}
}

// FormatExpr must write what the tree says even if no parser made it.
func TestFormatExpr(t *testing.T) {
	one, two := &Int{Value: 1}, &Int{Value: 2}
	sum := &Binary{Op: Add, X: one, Y: two}
	for want, x := range map[string]Expr{
		"(1 + 2) * 2":    &Binary{Op: Mul, X: sum, Y: two},
		"1 + 2 + 2":      &Binary{Op: Add, X: sum, Y: two},
		"2 - (1 + 2)":    &Binary{Op: Sub, X: two, Y: sum},
		"-(1 + 2)":       &Unary{Op: Sub, X: sum},
		`'''C:\'''`:      &String{Value: `C:\`},
		`'it\'s'`:        &String{Value: `it's`},
		`'it\'s\''`:      &String{Value: `it's'`, Triple: true},
		"90s":            &Duration{Value: 90e9},
		"lambda: 1 + 2":  &Lambda{X: sum},
		"f(1, 2)":        &Call{Name: "f", Args: []Expr{one, two}},
		`"a\"b" =~ /\//`: &Binary{Op: Match, X: &Reference{Name: `a"b`}, Y: &Regex{Value: "/"}},
	} {
		require.Equal(t, want, FormatExpr(x))
	}
}

// checkFormat checks that formatting keeps the program and its comments, and changes nothing when
// it is done again.
func checkFormat(t *testing.T, src string) {
	t.Helper()
	prog, err := Parse("", src)
	if err != nil {
		return
	}
	once := Format(prog)
	again, err := Parse("", once)
	require.NoError(t, err, "script %q, formatted:\n%s", src, once)
	require.Equal(t, once, Format(again), "script %q", src)
	var comments, commentsAgain []string
	bare(reflect.ValueOf(prog), &comments)
	bare(reflect.ValueOf(again), &commentsAgain)
	require.Equal(t, prog.Stmts, again.Stmts, "script %q, formatted:\n%s", src, once)
	require.Equal(t, comments, commentsAgain, "script %q, formatted:\n%s", src, once)
}

// bare strips v of all that is layout, and collects the comments.
func bare(v reflect.Value, comments *[]string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			bare(v.Elem(), comments)
		}
	case reflect.Slice:
		for i := range v.Len() {
			bare(v.Index(i), comments)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			switch {
			case f.Type() == reflect.TypeFor[*Comment]():
				if c, _ := f.Interface().(*Comment); c != nil {
					for _, l := range c.Lines {
						if l != blockBreak {
							*comments = append(*comments, l)
						}
					}
				}
				f.SetZero()
			case f.Type() == reflect.TypeFor[Pos](), v.Type().Field(i).Name == "Lines":
				f.SetZero()
			default:
				bare(f, comments)
			}
		}
	}
}

func FuzzFormat(f *testing.F) {
	for _, s := range scripts(f) {
		f.Add(s)
	}
	f.Fuzz(checkFormat)
}
