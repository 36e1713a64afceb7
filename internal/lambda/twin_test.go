package lambda

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// A twin evaluates expressions the naive way: by walking the tree, twice at each level, first for
// the type and then for the value. It knows a few functions only.
type twin struct {
	p  *point.Point
	st *State
}

var errNotInTwin = errors.New("the twin does not know that")

func (w *twin) result(x syntax.Expr) (any, error) {
	k, err := w.typeOf(x)
	if err != nil {
		return nil, err
	}
	switch k {
	case "missing":
		if r, ok := x.(*syntax.Reference); ok {
			return nil, fmt.Errorf("missing value: \"%s\"", r.Name)
		}
		return w.value(x)
	case "time", "regex":
		return nil, fmt.Errorf("expression returned unexpected type %s", k)
	}
	return w.value(x)
}

func (w *twin) reference(name string) (any, error) {
	if name == "time" {
		return time.Unix(0, w.p.Time), nil
	}
	v := w.p.Field(name)
	t, isTag := w.p.Tag(name)
	switch {
	case v.Kind == point.Null:
		return nil, fmt.Errorf("referenced value \"%s\" is nil.", name)
	case v.Kind == point.Float:
		return v.Float(), nil
	case v.Kind == point.Int:
		return v.Int(), nil
	case v.Kind == point.String:
		return v.Text, nil
	case v.Kind == point.Bool:
		return v.Bool(), nil
	case v.Kind == point.Duration:
		return v.Duration(), nil
	case isTag:
		return t, nil
	}
	return nil, nil
}

func kindName(v any) string {
	switch v.(type) {
	case float64:
		return "float"
	case int64:
		return "int"
	case string:
		return "string"
	case bool:
		return "boolean"
	case time.Duration:
		return "duration"
	case time.Time:
		return "time"
	case *regexp.Regexp:
		return "regex"
	}
	return "missing"
}

func (w *twin) typeOf(x syntax.Expr) (string, error) {
	switch x := x.(type) {
	case *syntax.Unary:
		if x.Op == syntax.Not {
			return "boolean", nil
		}
		return w.typeOf(x.X)
	case *syntax.Binary:
		if !strings.Contains("+-*/%", x.Op.String()) {
			return "boolean", nil
		}
		l, err := w.typeOf(x.X)
		if err != nil {
			return "", err
		}
		r, err := w.typeOf(x.Y)
		if err != nil {
			return "", err
		}
		switch l + x.Op.String() + r {
		case "float+float", "float-float", "float*float", "float/float":
			return "float", nil
		case "int+int", "int-int", "int*int", "int/int", "int%int", "duration/duration":
			return "int", nil
		case "duration+duration", "duration-duration", "duration*int", "int*duration", "duration*float", "float*duration",
			"duration/int", "duration/float":
			return "duration", nil
		case "string+string":
			return "string", nil
		}
		return "", w.mismatch(x, l, r)
	case *syntax.Call:
		var kinds []string
		for i, a := range x.Args {
			k, err := w.typeOf(a)
			if err != nil {
				return "", fmt.Errorf("Failed to handle %d argument: %w", i+1, err)
			}
			kinds = append(kinds, k)
		}
		switch x.Name + "(" + strings.Join(kinds, ",") + ")" {
		case "isPresent(missing)", "isPresent(boolean)", "isPresent(int)", "isPresent(float)", "isPresent(string)":
			return "boolean", nil
		case "if(boolean,float,float)", "if(boolean,int,int)", "if(boolean,string,string)", "if(boolean,boolean,boolean)",
			"if(boolean,regex,regex)", "if(boolean,time,time)", "if(boolean,duration,duration)":
			return kinds[1], nil
		case "sqrt(float)", "float(int)", "float(float)", "float(boolean)", "sigma(float)", "spread(float)":
			return "float", nil
		case "strLength(string)", "int(int)", "int(float)", "int(boolean)", "int(string)", "unixNano(time)", "count()":
			return "int", nil
		case "string(int)", "string(float)", "string(boolean)", "string(string)", "string(duration)", "strSubstring(string,int,int)":
			return "string", nil
		}
		return "", errNotInTwin
	case *syntax.Lambda:
		return w.typeOf(x.X)
	case *syntax.Reference:
		v, err := w.reference(x.Name)
		return kindName(v), err
	}
	v, err := w.value(x)
	return kindName(v), err
}

func (w *twin) mismatch(x *syntax.Binary, l, r string) error {
	known := map[string]string{
		"boolean": " AND OR == != ", "string": " == != < <= > >= =~ !~ + ", "regex": " =~ !~ ", "int": " == != < <= > >= + - * / % ",
		"float": " == != < <= > >= + - * / ", "duration": " == != < <= > >= + - * / ",
	}
	op := x.Op.String()
	class := "comparison"
	switch {
	case strings.Contains("+-*/%", op):
		class = "math"
	case op == "AND" || op == "OR":
		class = "logical"
	}
	if class != "math" {
		if ref, ok := x.X.(*syntax.Reference); ok && l == "missing" {
			return fmt.Errorf("left reference value \"%s\" is missing value", ref.Name)
		}
		if ref, ok := x.Y.(*syntax.Reference); ok && r == "missing" {
			return fmt.Errorf("right reference value \"%s\" is missing value", ref.Name)
		}
	}
	if !strings.Contains(known[l], " "+op+" ") {
		return fmt.Errorf("invalid %s operator %s for type %s", class, op, l)
	}
	return fmt.Errorf("mismatched type to binary operator. got %s %s %s. see bool(), int(), float(), string(), duration()", l, op, r)
}

// literalKind is the type of an expression that consists of literals, else "invalid type".
func literalKind(x syntax.Expr) string {
	if k, dynamic, err := literal(x); err == nil && !dynamic {
		return k.String()
	}
	return "invalid type"
}

func (w *twin) value(x syntax.Expr) (any, error) {
	switch x := x.(type) {
	case *syntax.Int:
		return x.Value, nil
	case *syntax.Float:
		return x.Value, nil
	case *syntax.String:
		return x.Value, nil
	case *syntax.Bool:
		return x.Value, nil
	case *syntax.Duration:
		return x.Value, nil
	case *syntax.Regex:
		return regexp.MustCompile(x.Value), nil
	case *syntax.Reference:
		return w.reference(x.Name)
	case *syntax.Lambda:
		return w.value(x.X)
	case *syntax.Unary:
		return w.unary(x)
	case *syntax.Binary:
		return w.binary(x)
	case *syntax.Call:
		return w.call(x)
	}
	return nil, errNotInTwin
}

func (w *twin) truth(x syntax.Expr) (bool, error) {
	if u, ok := x.(*syntax.Unary); ok && u.Op == syntax.Sub {
		if _, err := w.typeOf(x); err != nil {
			return false, err
		}
		return false, fmt.Errorf("TypeGuard: expression returned unexpected type %s, expected boolean", literalKind(x))
	}
	k, err := w.typeOf(x)
	if err != nil {
		return false, err
	}
	if _, ok := x.(*syntax.Binary); ok && k != "boolean" {
		if _, err := w.value(x); err != nil {
			return false, err
		}
		goTypes := map[string]string{"float": "float64", "int": "int64", "string": "string", "duration": "time.Duration"}
		return false, fmt.Errorf("expression returned unexpected type %s", goTypes[k])
	}
	if _, ok := x.(*syntax.Call); ok {
		v, err := w.value(x)
		if b, ok := v.(bool); ok || err != nil {
			return b, err
		}
	}
	switch {
	case k == "missing":
		return false, fmt.Errorf("reference \"%s\" is missing value", x.(*syntax.Reference).Name)
	case k != "boolean":
		return false, fmt.Errorf("TypeGuard: expression returned unexpected type %s, expected boolean", k)
	}
	v, err := w.value(x)
	if err != nil {
		return false, err
	}
	return v.(bool), nil
}

func (w *twin) unary(x *syntax.Unary) (any, error) {
	if x.Op == syntax.Not {
		b, err := w.truth(x.X)
		return !b, err
	}
	k, err := w.typeOf(x.X)
	if err != nil {
		return nil, err
	}
	switch k {
	case "missing":
		inner := x.X
		for {
			if u, ok := inner.(*syntax.Unary); ok {
				inner = u.X
				continue
			}
			return nil, fmt.Errorf("reference \"%s\" is missing value", inner.(*syntax.Reference).Name)
		}
	case "float", "int", "duration":
	default:
		return nil, fmt.Errorf("TypeGuard: expression returned unexpected type %s, expected %s", literalKind(x.X), k)
	}
	v, err := w.value(x.X)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case float64:
		return -v, nil
	case int64:
		return -v, nil
	case time.Duration:
		return -v, nil
	}
	return nil, errNotInTwin
}

func (w *twin) binary(x *syntax.Binary) (any, error) {
	lk, err := w.typeOf(x.X)
	if err != nil {
		return nil, err
	}
	rk, err := w.typeOf(x.Y)
	if err != nil {
		return nil, err
	}
	if _, ok := operators[opKey{x.Op, kindByName(lk), kindByName(rk)}]; !ok {
		return nil, w.mismatch(x, lk, rk)
	}
	l, err := w.value(x.X)
	if err != nil {
		return nil, err
	}
	if b, ok := l.(bool); ok && (x.Op == syntax.And && !b || x.Op == syntax.Or && b) {
		return b, nil
	}
	r, err := w.value(x.Y)
	if err != nil {
		return nil, err
	}
	switch a := l.(type) {
	case bool:
		switch x.Op {
		case syntax.Eq:
			return a == r.(bool), nil
		case syntax.Ne:
			return a != r.(bool), nil
		}
		return r, nil
	case string:
		if re, ok := r.(*regexp.Regexp); ok {
			return re.MatchString(a) == (x.Op == syntax.Match), nil
		}
		if x.Op == syntax.Add {
			return a + r.(string), nil
		}
		return ordered(x.Op, float64(strings.Compare(a, r.(string))), 0), nil
	case float64:
		switch b := r.(type) {
		case int64:
			return ordered(x.Op, a, float64(b)), nil
		case time.Duration:
			return time.Duration(truncate(a * float64(b))), nil
		case float64:
			switch x.Op {
			case syntax.Add:
				return a + b, nil
			case syntax.Sub:
				return a - b, nil
			case syntax.Mul:
				return a * b, nil
			case syntax.Div:
				return a / b, nil
			}
			return ordered(x.Op, a, b), nil
		}
	case int64:
		switch b := r.(type) {
		case float64:
			return ordered(x.Op, float64(a), b), nil
		case time.Duration:
			return time.Duration(a) * b, nil
		case int64:
			return integers(x.Op, a, b, func(n int64) any { return n })
		}
	case time.Duration:
		switch b := r.(type) {
		case float64:
			if x.Op == syntax.Mul {
				return time.Duration(truncate(float64(a) * b)), nil
			}
			return time.Duration(truncate(float64(a) / b)), nil
		case int64:
			return integers(x.Op, int64(a), b, func(n int64) any { return time.Duration(n) })
		case time.Duration:
			return integers(x.Op, int64(a), int64(b), func(n int64) any {
				if x.Op == syntax.Div {
					return n
				}
				return time.Duration(n)
			})
		}
	}
	return nil, errNotInTwin
}

func kindByName(name string) point.Kind {
	for k := point.Missing; k <= point.Null; k++ {
		if k.String() == name {
			return k
		}
	}
	return point.Null
}

func ordered(op syntax.Op, a, b float64) bool {
	switch op {
	case syntax.Eq:
		return a == b
	case syntax.Ne:
		return a != b
	case syntax.Lt:
		return a < b
	case syntax.Le:
		return a <= b
	case syntax.Gt:
		return a > b
	}
	return a >= b
}

func integers(op syntax.Op, a, b int64, wrap func(int64) any) (any, error) {
	switch op {
	case syntax.Add:
		return wrap(a + b), nil
	case syntax.Sub:
		return wrap(a - b), nil
	case syntax.Mul:
		return wrap(a * b), nil
	case syntax.Div, syntax.Mod:
		if b == 0 {
			return nil, errDivide
		}
		if op == syntax.Div {
			return wrap(a / b), nil
		}
		return wrap(a % b), nil
	case syntax.Eq:
		return a == b, nil
	case syntax.Ne:
		return a != b, nil
	case syntax.Lt:
		return a < b, nil
	case syntax.Le:
		return a <= b, nil
	case syntax.Gt:
		return a > b, nil
	}
	return a >= b, nil
}

func (w *twin) call(x *syntax.Call) (any, error) {
	if _, err := w.typeOf(x); err != nil {
		return nil, err
	}
	args := make([]any, len(x.Args))
	for i, a := range x.Args {
		var err error
		if args[i], err = w.value(a); err != nil {
			if errors.As(err, new(*crash)) {
				return nil, err
			}
			return nil, fmt.Errorf("Failed to handle %d argument: %w", i+1, err)
		}
	}
	switch x.Name {
	case "isPresent":
		return args[0] != nil, nil
	case "if":
		if args[0].(bool) {
			return args[1], nil
		}
		return args[2], nil
	case "sqrt":
		return math.Sqrt(args[0].(float64)), nil
	case "strLength":
		return int64(len(args[0].(string))), nil
	case "unixNano":
		return args[0].(time.Time).UnixNano(), nil
	case "count":
		return w.st.count(), nil
	case "sigma":
		return w.st.sigma(args[0].(float64)), nil
	case "spread":
		return w.st.spread(args[0].(float64)), nil
	case "strSubstring":
		s, start, stop := args[0].(string), args[1].(int64), args[2].(int64)
		v, err := substring(s, start, stop)
		if err != nil {
			return nil, inCall("strSubstring", err)
		}
		return v, nil
	case "int":
		switch v := args[0].(type) {
		case float64:
			return truncate(v), nil
		case bool:
			return boolToNumber[int64](v), nil
		case string:
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return nil, inCall("int", err)
			}
			return n, nil
		}
		return args[0], nil
	case "float":
		switch v := args[0].(type) {
		case int64:
			return float64(v), nil
		case bool:
			return boolToNumber[float64](v), nil
		}
		return args[0], nil
	case "string":
		switch v := args[0].(type) {
		case int64:
			return strconv.FormatInt(v, 10), nil
		case float64:
			return formatFloat(v), nil
		case bool:
			return strconv.FormatBool(v), nil
		case time.Duration:
			return syntax.FormatDuration(v), nil
		}
		return args[0], nil
	}
	return nil, errNotInTwin
}

// twinPoints have every name with several kinds.
func twinPoints() []*point.Point {
	return []*point.Point{
		newPoint("a", 7, "b", 2.5, "s", "42", "t", true, "d", time.Minute),
		newPoint("a", 7.5, "b", 2, "s", tag("x"), "t", false, "d", 5),
		newPoint("a", "7", "b", "", "s", 1, "t", tag("x"), "d", -time.Second),
		newPoint("b", 0, "s", 0.0, "t", nil),
		newPoint("a", time.Second, "b", time.Duration(0), "s", true, "t", 0, "d", math.Inf(1)),
		newPoint("a", true, "b", false, "t", true),
		newPoint(),
		newPoint("a", 7, "b", 2.5, "s", "42", "t", true, "d", time.Minute),
	}
}

// compareWithTwin evaluates x on several points with states that go on, both ways.
func compareWithTwin(t testing.TB, x syntax.Expr) {
	e, err := Compile(x, options)
	if err != nil {
		return
	}
	if e.Check() != nil {
		return // such an expression never runs
	}
	e.Lint()
	var st, naive State
	known := true
	for _, p := range twinPoints() {
		for range 2 {
			before := st
			got := outcome(e.Eval(p, &st))
			w := twin{p: p, st: &naive}
			v, err := w.result(x)
			if errors.Is(err, errNotInTwin) || strings.Contains(got, "Cannot call function") || strings.Contains(got, "undefined function") || len(e.Private()) > 0 {
				known = false // go on, for panics
			}
			if !known {
				continue
			}
			want := outcomeOf(v, err)
			if got != want {
				t.Fatalf("%s on %v %v: got %s, want %s", text(x), p.Fields, p.Tags, got, want)
			}
			if fmt.Sprint(st) != fmt.Sprint(naive) { // as text, for NaN
				t.Fatalf("%s on %v: state %v, want %v", text(x), p.Fields, st, naive)
			}
			truth, err := e.Bool(p, &before)
			w.st = new(State)
			if (err == nil) != (got == "TRUE" || got == "FALSE") || truth != (got == "TRUE") {
				t.Fatalf("%s on %v: Bool %v %v, Eval %s", text(x), p.Fields, truth, err, got)
			}
			if _, werr := w.truth(x); err != nil && !e.Stateful() && !errors.Is(werr, errNotInTwin) && fmt.Sprint(werr) != err.Error() {
				t.Fatalf("%s on %v: Bool %v, want %v", text(x), p.Fields, err, werr)
			}
		}
	}
}

func outcomeOf(v any, err error) string {
	if err != nil {
		return "<" + err.Error() + ">"
	}
	switch v := v.(type) {
	case float64:
		return show(point.FloatValue(v))
	case int64:
		return show(point.IntValue(v))
	case string:
		return show(point.StringValue(v))
	case bool:
		return show(point.BoolValue(v))
	case time.Duration:
		return show(point.DurationValue(v))
	}
	return kindName(v)
}
