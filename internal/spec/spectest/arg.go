package spectest

import (
	"fmt"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// Args returns script values: of a string that begins with "lambda:" the lambda, of every other value the
// scalar of its type. It panics if there is none.
func Args(values ...any) []spec.Arg {
	args := make([]spec.Arg, len(values))
	for i, v := range values {
		args[i] = arg(v)
	}
	return args
}

func arg(v any) spec.Arg {
	switch v := v.(type) {
	case string:
		text, ok := strings.CutPrefix(v, "lambda:")
		if !ok {
			return spec.ValueArg(point.StringValue(v), syntax.Pos{})
		}
		x, err := syntax.ParseExpr("", text)
		if err != nil {
			panic(err)
		}
		return spec.Arg{Type: spec.LambdaType, Lambda: &syntax.Lambda{X: x}}
	case int:
		return spec.ValueArg(point.IntValue(int64(v)), syntax.Pos{})
	case float64:
		return spec.ValueArg(point.FloatValue(v), syntax.Pos{})
	case bool:
		return spec.ValueArg(point.BoolValue(v), syntax.Pos{})
	case time.Duration:
		return spec.ValueArg(point.DurationValue(v), syntax.Pos{})
	}
	panic(fmt.Sprintf("spectest: there is no script value of type %T", v))
}
