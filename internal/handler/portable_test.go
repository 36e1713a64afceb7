package handler

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/options.txt")

// TestOptions compares with a list of all options of all handlers: whether a new one may leave the agent
// with a copy of an event, and be taken from one, is a decision.
func TestOptions(t *testing.T) {
	var b strings.Builder
	for _, k := range Kinds() {
		o := k.Options()
		if l, ok := o.(Local); ok && l.Local() {
			fmt.Fprintf(&b, "%s local\n", k.Name)
		}
		for f := range fields(o) {
			word := "travels"
			if s, ok := f.Tag.Lookup("stays"); ok {
				require.Contains(t, []string{"secret", "place", "template"}, s)
				word = s
			}
			fmt.Fprintf(&b, "%s %s %s\n", k.Name, optionName(f), word)
		}
	}
	const file = "testdata/options.txt"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "decide, then run with -update")
}

func fields(options any) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		typ := reflect.TypeOf(options).Elem()
		for i := range typ.NumField() {
			if f := typ.Field(i); optionName(f) != "" && !yield(f) {
				return
			}
		}
	}
}

// TestPortable sets every option of every handler, the ones that stay to a word that must not be in what
// leaves, nor come in.
func TestPortable(t *testing.T) {
	const secret = "hunter2"
	for _, k := range Kinds() {
		o := k.Options()
		v := reflect.ValueOf(o).Elem()
		stays := 0
		for f := range fields(o) {
			text := "plain"
			if f.Tag.Get("stays") != "" {
				text = secret
				stays++
			}
			fill(v.FieldByIndex(f.Index), text)
		}
		raw, err := json.Marshal(o)
		require.NoError(t, err)
		out, err := k.Portable(event(), raw)
		believed, refused, errBelieve := k.Believe(raw)
		if l, ok := o.(Local); ok && l.Local() {
			require.ErrorIs(t, err, ErrLocal)
			require.ErrorIs(t, errBelieve, ErrLocal)
			continue
		}
		require.NoError(t, err, k.Name)
		require.NoError(t, errBelieve, k.Name)
		require.NotContains(t, string(out), secret)
		require.Equal(t, string(out), string(believed), k.Name)
		require.Len(t, refused, stays, k.Name)
		require.Equal(t, strings.Count(string(raw), "plain"), strings.Count(string(out), "plain"), "%s: all else travels", k.Name)
	}
}

// fill sets all text in v, and flags.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text)
	case reflect.Map:
		x := reflect.New(v.Type().Elem()).Elem()
		if x.Kind() == reflect.Interface {
			x.Set(reflect.ValueOf(text))
		} else {
			fill(x, text)
		}
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), x)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), text)
		}
	default:
		panic(v.Type().String())
	}
}

// Templates are filled in where the event was decided, and those of others are not carried out.
func TestPortableTemplates(t *testing.T) {
	for _, c := range []struct{ kind, options, portable, believed, refused string }{
		{"slack", `{"channel":"#c"}`, `{"channel":"#c"}`, `{"channel":"#c"}`, ``},
		{"slack", ``, `{}`, `{}`, ``},
		{"email", `{"to":["a@x"],"to-templates":["{{ .Name }}@x","b@x"]}`, `{"to":["a@x"],"to-templates":["cpu@x","b@x"]}`, `{"to":["a@x"],"to-templates":["b@x"]}`, `to-templates`},
		{"alerta", `{"resource":"{{ .Nope }}","token":"t","service":["{{ .Name }}"]}`, `{"service":["cpu"]}`, `{"service":[]}`, `resource service token`},
		{"alerta", `{"resource":"{{ .Name }}","timeout":9007199254740993}`, `{"resource":"cpu","timeout":9007199254740993}`, `{"timeout":9007199254740993}`, `resource`},
		{"alerta", `{"resource":"\u007b\u007b .Name }}"}`, `{"resource":"cpu"}`, `{}`, `resource`},
		{
			"alertmanager", `{"labels":{"a":"{{ .Level }}","b":"x","{{":"y"}}`,
			`{"labels":{"a":"CRITICAL","b":"x"}}`, `{"labels":{"b":"x"}}`, `labels`,
		},
		{"bigPanda", `{"attributes":{"n":12,"l":["{{ .ID }}"],"m":{"k":"{{ .ID }}"}}}`, `{"attributes":{"l":["cpu:host=a"],"m":{"k":"cpu:host=a"},"n":12}}`, `{"attributes":{"l":[],"m":{},"n":12}}`, `attributes`},
		{"kafka", `{"cluster":"c","template":"{{ .ID }}"}`, `{"cluster":"c"}`, `{"cluster":"c"}`, `template`},
		{"post", `{"endpoint":"e","url":"http://x","headers":{"A":"b"}}`, `{"endpoint":"e"}`, `{"endpoint":"e"}`, `url headers`},
	} {
		k := Lookup(c.kind)
		out, err := k.Portable(event(), json.RawMessage(c.options))
		require.NoError(t, err)
		require.Equal(t, c.portable, string(out))
		out, refused, err := k.Believe(json.RawMessage(c.options))
		require.NoError(t, err)
		require.Equal(t, c.believed, string(out))
		require.Equal(t, c.refused, strings.Join(refused, " "))
	}
	for _, c := range []struct{ kind, options, want string }{
		{"post", `{"url":"http://x"}`, "may say where to go"},
		{"exec", ``, "may say where to go"},
		{"slack", `{"chanel":"x"}`, "unknown field"},
		{"slack", `[]`, "cannot unmarshal"},
	} {
		_, err := Lookup(c.kind).Portable(event(), json.RawMessage(c.options))
		require.ErrorContains(t, err, c.want)
		_, _, err = Lookup(c.kind).Believe(json.RawMessage(c.options))
		require.ErrorContains(t, err, c.want)
	}
	evil := event()
	evil.Name = "{{ .ID }}"
	out, err := Lookup("email").Portable(evil, json.RawMessage(`{"to-templates":["{{ .Name }}"]}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"to-templates":[]}`, string(out), "what data says is no template")
}

func FuzzBelieve(f *testing.F) {
	for _, k := range Kinds() {
		f.Add(k.Name, []byte(`{"to":["{{ .ID }}"],"labels":{"a":"{{"}}`))
	}
	f.Fuzz(func(t *testing.T, kind string, options []byte) {
		k := Lookup(kind)
		if k == nil {
			return
		}
		out, _, err := k.Believe(options)
		if err != nil {
			return
		}
		again, refused, err := k.Believe(out)
		require.NoError(t, err)
		require.Empty(t, refused)
		require.Equal(t, string(out), string(again))
	})
}
