// Package lambda compiles and evaluates TICKscript's lambda expressions, and the binary
// expressions of a script outside of lambdas.
//
// # How an expression is evaluated
//
// An expression is untyped text: "x" may be an int on one point, a float on the next and missing on
// the third, and the operators mean something else each time. Looking all this up per point would be
// slow, so it is done once per type signature, the list of the kinds of all references:
//
//  1. [Compile] walks the tree once. It gives every referenced name a slot, compiles the regular
//     expressions, numbers the spliced lambdas and bounds the size of the whole.
//  2. An evaluation fills the slots from the point: field, else tag, else the [Scope], else missing.
//     Each slot remembers at which index its name was found last time.
//  3. If the kinds are those of the last evaluation, its program runs. Otherwise a small cache of
//     programs is searched, and if the signature is new, the tree is specialised for it: operand
//     types are checked, operators and functions become closures over Go's own types
//     (func(*env) float64 and so on), and what is constant is computed.
//  4. A type error does not end the specialisation. It becomes part of the program: the whole
//     program's answer, if the type of the whole depends on it, or else a closure that fails when
//     its turn comes. A point without the field is therefore as cheap as one with it, and its
//     error is made once per signature.
//
// # When operand types matter
//
// Arithmetic and calls have the types of their operands in theirs, so an error in an operand is an
// error of the whole. Comparisons and logical operators are bool whatever their operands are, so
// their errors show only if they are evaluated: isPresent("x") AND "x" > 5 is FALSE where x is
// missing. Before such an operator evaluates its left operand it wants the types of both, which
// makes TRUE OR "x" an error there.
//
// # Errors
//
// Closures return plain values. The first error is kept in env and the rest of the evaluation runs
// on with zero values; what has effects (the stateful functions) checks for an error before it acts,
// so the state is what it would be if the evaluation had stopped. The texts of the errors are
// Kapacitor's.
//
// # State
//
// count, sigma and spread keep their running values in a [State] that the caller holds, one for
// each group. A lambda that is used inside another one through a variable has a state of its own,
// shared by all groups; [Expr.Private] gives access to those.
package lambda
