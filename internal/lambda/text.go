package lambda

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// text returns an expression as errors show the arguments of a call: values bare, references quoted.
func text(x syntax.Expr) string {
	switch x := x.(type) {
	case *syntax.Int:
		return strconv.FormatInt(x.Value, 10)
	case *syntax.Float:
		return strconv.FormatFloat(x.Value, 'g', -1, 64)
	case *syntax.String:
		return x.Value
	case *syntax.Bool:
		return strconv.FormatBool(x.Value)
	case *syntax.Duration:
		return x.Value.String()
	case *syntax.Regex:
		return x.Value
	case *syntax.Reference:
		return quote(x.Name)
	case *syntax.Unary:
		return x.Op.String() + text(x.X)
	case *syntax.Binary:
		return text(x.X) + " " + x.Op.String() + " " + text(x.Y)
	case *syntax.Call:
		args := make([]string, len(x.Args))
		for i, a := range x.Args {
			args[i] = text(a)
		}
		return x.Name + "(" + strings.Join(args, ", ") + ")"
	case *syntax.Lambda:
		return text(x.X)
	}
	panic(fmt.Sprintf("lambda: unknown syntax node %T", x))
}
