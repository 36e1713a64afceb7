// Package syntax turns TICKscript text into a syntax tree and back.
//
// # Phases
//
// [Parse] works in one pass: the scanner (scan.go) makes tokens of the text, one at a time, and the
// parser (parse.go) makes the tree (syntax.go) of them by recursive descent. Above each function of
// the parser stands the production it implements. The tree says what the text says and no more:
// names are not resolved, lambdas not checked, nodes not known here. [Format] writes a tree in the
// one canonical layout. [Walk] visits it.
//
// TICKscript has no statement terminator: a statement ends where the next token cannot continue it.
// A slash is a division after a value and opens a regular expression anywhere else; the scanner
// decides that from the token before, see scanner.value. A comment belongs to the next node that
// begins, so comments survive formatting, the ones at the end of a line as part of what follows.
//
// # Positions
//
// A [Pos] is a byte offset with a line and a byte column, both from 1. Every node knows where it
// starts; a link of a chain is where its member's name is.
//
// # Errors
//
// Parsing stops at the first error. Scanner and parser raise it by a panic with an *[Error] that
// [Parse] recovers, so no panic leaves the package. Its text names what was found and what was
// expected, and for a known mistake, such as "and" for AND, what to write instead (hint.go). An
// unterminated string is reported where it begins. [Error.Caret] shows the place in the source.
// Error.Ref holds Kapacitor's wording for programs that compare it.
//
// # Bounds
//
// Scripts come from files and over the network. Their size, the depth of nesting, and the operators
// and links of a statement are limited, so that a recursive function may walk any parsed tree.
package syntax
