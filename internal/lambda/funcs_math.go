package lambda

import (
	"fmt"
	"math"
)

func mathFuncs() []builtin {
	float1 := func(name, doc, example, result string, f func(float64) float64) builtin {
		return builtin{name: name, doc: doc, example: example, result: result, sigs: []signature{take1(f)}}
	}
	float2 := func(name, doc, example, result string, f func(x, y float64) float64) builtin {
		return builtin{name: name, doc: doc, example: example, result: result, sigs: []signature{take2(f)}}
	}
	return []builtin{
		float1("abs", "Absolute value.", "abs(-2.5)", "2.5", math.Abs),
		float1("acos", "Arccosine, in radians.", "acos(1.0)", "0.0", math.Acos),
		float1("acosh", "Inverse hyperbolic cosine.", "acosh(1.0)", "0.0", math.Acosh),
		float1("asin", "Arcsine, in radians.", "asin(0.0)", "0.0", math.Asin),
		float1("asinh", "Inverse hyperbolic sine.", "asinh(0.0)", "0.0", math.Asinh),
		float1("atan", "Arctangent, in radians.", "atan(0.0)", "0.0", math.Atan),
		float1("atanh", "Inverse hyperbolic tangent.", "atanh(0.0)", "0.0", math.Atanh),
		float1("cbrt", "Cube root.", "cbrt(27.0)", "3.0", math.Cbrt),
		float1("ceil", "Least integer value that is not less.", "ceil(1.2)", "2.0", math.Ceil),
		float1("cos", "Cosine of an angle in radians.", "cos(0.0)", "1.0", math.Cos),
		float1("cosh", "Hyperbolic cosine.", "cosh(0.0)", "1.0", math.Cosh),
		float1("erf", "Error function.", "erf(0.0)", "0.0", math.Erf),
		float1("erfc", "Complementary error function.", "erfc(0.0)", "1.0", math.Erfc),
		float1("exp", "e to the power of x.", "exp(0.0)", "1.0", math.Exp),
		float1("exp2", "2 to the power of x.", "exp2(3.0)", "8.0", math.Exp2),
		float1("expm1", "e to the power of x, minus 1; accurate near zero.", "expm1(0.0)", "0.0", math.Expm1),
		float1("floor", "Greatest integer value that is not greater.", "floor(-1.2)", "-2.0", math.Floor),
		float1("gamma", "Gamma function.", "gamma(5.0)", "24.0", math.Gamma),
		float1("j0", "Bessel function of the first kind, order 0.", "j0(0.0)", "1.0", math.J0),
		float1("j1", "Bessel function of the first kind, order 1.", "j1(0.0)", "0.0", math.J1),
		float1("log", "Natural logarithm.", "log(1.0)", "0.0", math.Log),
		float1("log10", "Decimal logarithm.", "log10(100.0)", "2.0", math.Log10),
		float1("log1p", "Natural logarithm of 1 plus x; accurate near zero.", "log1p(0.0)", "0.0", math.Log1p),
		float1("log2", "Binary logarithm.", "log2(8.0)", "3.0", math.Log2),
		float1("logb", "Binary exponent.", "logb(10.0)", "3.0", math.Logb),
		float1("sin", "Sine of an angle in radians.", "sin(0.0)", "0.0", math.Sin),
		float1("sinh", "Hyperbolic sine.", "sinh(0.0)", "0.0", math.Sinh),
		float1("sqrt", "Square root; NaN of a negative number.", "sqrt(9.0)", "3.0", math.Sqrt),
		float1("tan", "Tangent of an angle in radians.", "tan(0.0)", "0.0", math.Tan),
		float1("tanh", "Hyperbolic tangent.", "tanh(0.0)", "0.0", math.Tanh),
		float1("trunc", "Integer part.", "trunc(-1.7)", "-1.0", math.Trunc),
		float1("y0", "Bessel function of the second kind, order 0.", "y0(1.0) < 0.1", "TRUE", math.Y0),
		float1("y1", "Bessel function of the second kind, order 1.", "y1(1.0) < 0.0", "TRUE", math.Y1),

		float2("atan2", "Angle of the point (x, y), called as atan2(y, x), in radians.", "atan2(0.0, 1.0)", "0.0", math.Atan2),
		float2("hypot", "Square root of x² + y².", "hypot(3.0, 4.0)", "5.0", math.Hypot),
		float2("max", "Greater of two numbers.", "max(1.0, 2.5)", "2.5", math.Max),
		float2("min", "Lesser of two numbers.", "min(1.0, 2.5)", "1.0", math.Min),
		float2("mod", "Remainder of x / y, with the sign of x.", "mod(7.5, 2.0)", "1.5", math.Mod),
		float2("pow", "x to the power of y.", "pow(2.0, 10.0)", "1024.0", math.Pow),

		{
			name: "pow10", doc: "10 to the power of an integer.", example: "pow10(3)", result: "1000.0",
			sigs: []signature{take1(pow10)},
		},
		{
			name: "jn", doc: "Bessel function of the first kind of an integer order.", example: "jn(0, 0.0)", result: "1.0",
			sigs: []signature{try2(bessel(math.Jn))},
		},
		{
			name: "yn", doc: "Bessel function of the second kind of an integer order.", example: "yn(1, 1.0) < 0.0", result: "TRUE",
			sigs: []signature{try2(bessel(math.Yn))},
		},
	}
}

func pow10(n int64) float64 { return math.Pow10(int(max(-1000, min(n, 1000)))) }

// maxOrder bounds the order of a Bessel function, whose computation takes as many steps.
const maxOrder = 100_000

func bessel(f func(n int, x float64) float64) func(int64, float64) (float64, error) {
	return func(n int64, x float64) (float64, error) {
		if n < -maxOrder || n > maxOrder {
			return 0, fmt.Errorf("order %d is out of range", n)
		}
		return f(int(n), x), nil
	}
}
