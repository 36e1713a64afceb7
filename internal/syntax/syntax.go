package syntax

import (
	"fmt"
	"strings"
	"time"
)

// This file defines the abstract syntax tree.

// A Pos is a place in the source: the byte offset, the line (from 1) and the byte column (from 1).
type Pos struct {
	Offset, Line, Col int
}

// IsValid reports whether p is a place at all; the zero Pos is not.
func (p Pos) IsValid() bool { return p.Line > 0 }

// An Error is what is wrong with a script and where. Its text is "file:line:col: message";
// file and position are left out when they are not known.
type Error struct {
	File string
	Pos  Pos
	Msg  string
	Ref  string // what Kapacitor says in place of Msg, "" where it has no such error
	Err  error  // cause, may be nil
}

// maxMsg bounds a message in bytes: it may quote a script in which one name is megabytes long.
const maxMsg = 1000

func (e *Error) Error() string {
	msg := e.Msg
	if len(msg) > maxMsg {
		msg = strings.ToValidUTF8(msg[:maxMsg], "") + "…"
	}
	switch {
	case e.Pos.IsValid() && e.File != "":
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Pos.Line, e.Pos.Col, msg)
	case e.Pos.IsValid():
		return fmt.Sprintf("%d:%d: %s", e.Pos.Line, e.Pos.Col, msg)
	case e.File != "":
		return e.File + ": " + msg
	}
	return msg
}

func (e *Error) Unwrap() error { return e.Err }

// Within returns err with what it happened in before its message. A place that err has stays one.
func Within(what string, err error) error {
	e, ok := err.(*Error) //nolint:errorlint // one that something else wraps has its place in a text
	if !ok {
		return fmt.Errorf("%s: %w", what, err)
	}
	c := *e
	c.Msg = what + ": " + e.Msg
	return &c
}

// Located returns err at its own place in the file, or at pos if it has none.
func Located(file string, pos Pos, err error) *Error {
	c := Error{Msg: err.Error(), Err: err}
	if e, ok := err.(*Error); ok { //nolint:errorlint // as in Within
		c = *e
	}
	c.File = file
	if !c.Pos.IsValid() {
		c.Pos = pos
	}
	return &c
}

// A Node is a *Program, a Stmt or an Expr.
type Node interface{ Pos() Pos }

// A Program is a parsed script.
type Program struct {
	File  string
	Text  string // the source
	Stmts []Stmt
	Tail  *Comment // comment behind the last statement
}

// A Comment is a block of comment lines, without their slashes. It belongs to what follows it.
// Where a blank line separates two blocks, Lines has the entry "\n" between them.
type Comment struct {
	Start Pos
	Lines []string
}

// A Stmt is a statement: *Var, *DBRP or *ExprStmt.
type Stmt interface {
	Pos() Pos
	stmt()
}

// A Var is a declaration: "var name = value" or, with Type set, "var name type".
type Var struct {
	Start   Pos
	Comment *Comment // describes the variable
	Name    *Ident
	Value   Expr   // nil if typed
	Type    *Ident // nil if it has a value
}

// A DBRP is a statement dbrp "database"."retention policy".
type DBRP struct {
	Start   Pos
	Comment *Comment
	DB, RP  *Reference
}

// An ExprStmt is an expression that stands as a statement, a chain in most cases.
type ExprStmt struct{ X Expr }

// An Expr is an expression: *Ident, *Int, *Float, *String, *Bool, *Duration, *Regex, *Star,
// *Reference, *Unary, *Binary, *Call, *Lambda, *List or *Chain.
type Expr interface {
	Pos() Pos
	expr()
}

// An Ident is a name.
type Ident struct {
	Start   Pos
	Comment *Comment
	Name    string
}

// An Int is a decimal or octal integer literal.
type Int struct {
	Start   Pos
	Comment *Comment
	Value   int64
	Octal   bool
}

// A Float is a floating-point literal.
type Float struct {
	Start   Pos
	Comment *Comment
	Value   float64
}

// A String is a single- or triple-quoted string; Value has its escapes resolved.
type String struct {
	Start   Pos
	Comment *Comment
	Value   string
	Triple  bool
}

// A Bool is TRUE or FALSE.
type Bool struct {
	Start   Pos
	Comment *Comment
	Value   bool
}

// A Duration is a number with a unit; Text is what the source says.
type Duration struct {
	Start   Pos
	Comment *Comment
	Value   time.Duration
	Text    string
}

// A Regex is a regular expression between slashes. Value has \/ resolved and compiles.
type Regex struct {
	Start   Pos
	Comment *Comment
	Value   string
}

// A Star is the wildcard *.
type Star struct {
	Start   Pos
	Comment *Comment
}

// A Reference is a double-quoted name of a field or tag.
type Reference struct {
	Start   Pos
	Comment *Comment
	Name    string
}

// A Unary is - or ! applied to an operand.
type Unary struct {
	Start   Pos
	Comment *Comment
	Op      Op
	X       Expr
}

// A Binary is an operator between two operands.
type Binary struct {
	OpPos   Pos
	Comment *Comment // in front of the operator
	Op      Op
	X, Y    Expr
	Parens  bool     // stands in parentheses in the source
	Lead    *Comment // in front of the parenthesis
	Lines   bool     // the source has a line break between X and Y; within X, too, except in parentheses it starts with
	Start   Pos      // of the parenthesis or of X
	End     Pos      // of the closing parenthesis
}

// A Call is a function call: a lambda function, or a chain's first link.
type Call struct {
	Start   Pos
	Comment *Comment
	Name    string
	Args    []Expr
	Lines   bool // the source has a line break between the name and the last argument
	End     Pos  // of the closing parenthesis
}

// A Lambda is "lambda: expression".
type Lambda struct {
	Start   Pos
	Comment *Comment
	X       Expr
}

// A List is [a, b]; the items are *Ident, *String or *Star.
type List struct {
	Start   Pos
	Comment *Comment
	Items   []Expr
}

// A Chain is one link: Left, an operator and a member. Member is a *Call, or an *Ident for a
// property that is read.
type Chain struct {
	Left    Expr
	OpPos   Pos
	Op      Op // Pipe, Dot or At
	Comment *Comment
	Member  Expr
}

// An Op is an operator of an expression or a chain.
type Op uint8

// The operators; behind each its text.
const (
	_      Op = iota
	Or        // OR
	And       // AND
	Eq        // ==
	Ne        // !=
	Match     // =~
	NMatch    // !~
	Lt        // <
	Le        // <=
	Gt        // >
	Ge        // >=
	Add       // +
	Sub       // - (binary and unary)
	Mul       // *
	Div       // /
	Mod       // %
	Not       // ! (unary)
	Pipe      // | chains a node
	Dot       // . sets or reads a property
	At        // @ chains a user-defined function
)

var opText = [...]string{
	Or: "OR", And: "AND", Eq: "==", Ne: "!=", Match: "=~", NMatch: "!~", Lt: "<", Le: "<=", Gt: ">",
	Ge: ">=", Add: "+", Sub: "-", Mul: "*", Div: "/", Mod: "%", Not: "!", Pipe: "|", Dot: ".", At: "@",
}

func (o Op) String() string { return opText[o] }

// Compares reports whether the operator is ==, !=, <, <=, > or >=.
func (o Op) Compares() bool { return o == Eq || o == Ne || o >= Lt && o <= Ge }

// Precedence returns how tightly a binary operator binds; 0 is loosest, -1 means not binary.
func (o Op) Precedence() int {
	switch o {
	case Or:
		return 0
	case And:
		return 1
	case Eq, Ne, Match, NMatch:
		return 2
	case Lt, Le, Gt, Ge:
		return 3
	case Add, Sub:
		return 4
	case Mul, Div, Mod:
		return 5
	}
	return -1
}

// Pos returns where the statement or expression starts; of a Chain, where its member's name is,
// which is what errors about a link point at.
func (p *Program) Pos() Pos   { return Pos{Line: 1, Col: 1} }
func (s *Var) Pos() Pos       { return s.Start }
func (s *DBRP) Pos() Pos      { return s.Start }
func (s *ExprStmt) Pos() Pos  { return s.X.Pos() }
func (x *Ident) Pos() Pos     { return x.Start }
func (x *Int) Pos() Pos       { return x.Start }
func (x *Float) Pos() Pos     { return x.Start }
func (x *String) Pos() Pos    { return x.Start }
func (x *Bool) Pos() Pos      { return x.Start }
func (x *Duration) Pos() Pos  { return x.Start }
func (x *Regex) Pos() Pos     { return x.Start }
func (x *Star) Pos() Pos      { return x.Start }
func (x *Reference) Pos() Pos { return x.Start }
func (x *Unary) Pos() Pos     { return x.Start }
func (x *Binary) Pos() Pos    { return x.Start }
func (x *Call) Pos() Pos      { return x.Start }
func (x *Lambda) Pos() Pos    { return x.Start }
func (x *List) Pos() Pos      { return x.Start }
func (x *Chain) Pos() Pos     { return x.Member.Pos() }

func (*Var) stmt()      {}
func (*DBRP) stmt()     {}
func (*ExprStmt) stmt() {}

func (*Ident) expr()     {}
func (*Int) expr()       {}
func (*Float) expr()     {}
func (*String) expr()    {}
func (*Bool) expr()      {}
func (*Duration) expr()  {}
func (*Regex) expr()     {}
func (*Star) expr()      {}
func (*Reference) expr() {}
func (*Unary) expr()     {}
func (*Binary) expr()    {}
func (*Call) expr()      {}
func (*Lambda) expr()    {}
func (*List) expr()      {}
func (*Chain) expr()     {}

// Text returns the lines of the comment as one text.
func (c *Comment) Text() string { return strings.Join(c.Lines, "\n") }
