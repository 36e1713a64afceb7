package syntax

import (
	"errors"
	"fmt"
	"math"
	resyntax "regexp/syntax"
	"strconv"
	"strings"
	"time"
)

// This file defines the parser: recursive descent, with precedence climbing for binary operators.

// MaxScript is the size in bytes of the largest script.
const MaxScript = 1 << 20

// Bounds on what is accepted. maxLinks keeps the tree shallow enough for recursive functions, as
// chains and operators nest to the left without any parenthesis.
const (
	maxDepth = 1000     // nested parentheses, calls and unary operators
	maxLinks = 100_000  // binary operators and links of chains in one statement
	maxRegex = 64 << 10 // bytes of a regular expression
)

// blockBreak stands between two blocks in the lines of a comment.
const blockBreak = "\n"

// Parse parses a script. An error is an *Error; file is the name it goes by and may be "".
func Parse(file, src string) (_ *Program, err error) {
	defer catch(&err)
	p := newParser(file, src)
	prog := &Program{File: file, Text: src}
	for p.tok.kind != eof {
		p.last = p.statement()
		prog.Stmts = append(prog.Stmts, p.last)
	}
	p.next()
	prog.Tail = p.take()
	return prog, nil
}

// ParseExpr parses what may stand behind "lambda:". The word itself may be there and is dropped, as
// is a comment behind the expression.
func ParseExpr(file, src string) (x Expr, err error) {
	defer catch(&err)
	p := newParser(file, src)
	if p.tok.kind == lambda {
		p.next()
	}
	x = p.operation()
	if p.tok.kind != eof {
		p.unexpected("the end", eof)
	}
	return x, nil
}

// catch makes an error of the panic that raised it.
func catch(err *error) {
	switch x := recover().(type) {
	case nil:
	case *Error:
		*err = x
	default:
		panic(x)
	}
}

// A parser makes a tree of the tokens of scan.
type parser struct {
	file    string
	scan    scanner
	prev    token    // the last one consumed
	tok     token    // the next one
	pending *Comment // consumed, for the next node that begins
	last    Stmt     // the last statement parsed
	depth   int      // of nesting
	links   int      // of the statement
	chains  int      // so far, counted by their links
	special int      // chains, lists and lambdas so far
}

func newParser(file, src string) *parser {
	p := &parser{file: file, scan: newScanner(src)}
	if len(src) > MaxScript {
		p.fail(Pos{Line: 1, Col: 1}, "", "script has %d bytes, more than %d", len(src), MaxScript)
	}
	p.tok = p.scan.next()
	return p
}

// next consumes a token and returns it.
func (p *parser) next() token {
	p.pending = join(p.pending, p.tok.comment)
	p.prev = p.tok
	if p.tok.kind != eof {
		p.tok = p.scan.next()
	} else {
		p.tok.comment = nil
	}
	return p.prev
}

// take returns the comments in front of the last token consumed and of those before it that begin
// no node.
func (p *parser) take() *Comment {
	c := p.pending
	p.pending = nil
	return c
}

// join returns a and b as one comment.
func join(a, b *Comment) *Comment {
	if a == nil {
		return b
	}
	if b != nil {
		a.Lines = append(append(a.Lines, blockBreak), b.Lines...)
	}
	return a
}

// text returns the source of t.
func (p *parser) text(t token) string { return p.scan.src[t.pos.Offset:t.end] }

// fail raises an error. ref is Kapacitor's text, "" where it has none.
func (p *parser) fail(pos Pos, ref, format string, args ...any) {
	panic(&Error{File: p.file, Pos: pos, Msg: fmt.Sprintf(format, args...), Ref: ref})
}

// expect consumes a token of kind k; want says in a message what that is.
func (p *parser) expect(k kind, want string) token {
	if p.tok.kind != k {
		p.unexpected(want, k)
	}
	return p.next()
}

// enter and leave go around everything that nests.
func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.tok.pos, "", "nested too deeply, more than %d levels", maxDepth)
	}
}

func (p *parser) leave() { p.depth-- }

// link counts an operator or link.
func (p *parser) link() {
	if p.links++; p.links > maxLinks {
		p.fail(p.tok.pos, "", "statement too long, more than %d operators", maxLinks)
	}
}

// statement = declaration | dbrp | expression .
func (p *parser) statement() Stmt {
	p.links = 0
	if glued(p.prev, p.tok) {
		// Two statements, as in var x = 1h30m, but never what the author meant.
		p.unexpected("a blank")
	}
	switch p.tok.kind {
	case varWord:
		return p.declaration()
	case dbrpWord:
		return p.dbrp()
	}
	return &ExprStmt{X: p.expression("a statement")}
}

// declaration = "var" ident ( "=" expression | ident ) .
func (p *parser) declaration() Stmt {
	s := &Var{Start: p.next().pos}
	s.Name = p.name("a name")
	switch p.tok.kind {
	case assign:
		s.Comment = p.take()
		p.next()
		s.Value = p.expression("a value")
	case ident:
		s.Type = p.name("")
		s.Comment = p.take()
	default:
		p.unexpected(`"=" or a type`, assign, ident)
	}
	return s
}

// glued reports whether a number or duration and then a word or number follow one another without a
// blank.
func glued(a, b token) bool {
	return a.end == b.pos.Offset && (a.kind == number || a.kind == duration) &&
		(b.kind == ident || b.kind == number || b.kind == duration)
}

// name consumes an identifier and leaves its comment pending.
func (p *parser) name(want string) *Ident {
	t := p.expect(ident, want)
	return &Ident{Start: t.pos, Name: p.text(t)}
}

// dbrp = "dbrp" reference "." reference .
func (p *parser) dbrp() Stmt {
	const want = "a name in double quotes"
	s := &DBRP{Start: p.next().pos}
	db := p.expect(reference, want)
	p.expect(dot, `"."`)
	rp := p.expect(reference, want)
	s.DB = &Reference{Start: db.pos, Name: unescape(p.text(db))}
	s.RP = &Reference{Start: rp.pos, Name: unescape(p.text(rp))}
	s.Comment = p.take()
	return s
}

// expression = lambda | list | chain | operation .
//
// A chain and an operation may both begin with a call. The arguments of a chain's are expressions,
// but if they are no mere operations, no binary operator may follow.
func (p *parser) expression(want string) Expr {
	switch p.tok.kind {
	case lambda:
		return p.lambda()
	case lbrack:
		return p.list()
	case ident:
	default:
		return p.binary(p.primary(want), 0)
	}
	special := p.special
	x := p.identOrCall(p.expression)
	switch p.tok.kind {
	case pipe, dot, at:
		return p.chain(x)
	}
	if special != p.special && kindOp[p.tok.kind].Precedence() >= 0 {
		p.fail(p.tok.pos, p.ref(p.tok, operandKinds...),
			"unexpected %q behind a call whose arguments have a chain, a list or a lambda", p.tok.kind)
	}
	return p.binary(x, 0)
}

// lambda = "lambda:" operation .
func (p *parser) lambda() Expr {
	p.special++
	return &Lambda{Start: p.next().pos, Comment: p.take(), X: p.operation()}
}

// list = "[" [ item { "," item } [ "," ] ] "]" .
// item = ident | string | "*" .
func (p *parser) list() Expr {
	p.special++
	open := p.next()
	l := &List{Start: open.pos, Comment: p.take()}
	for p.tok.kind != rbrack {
		switch p.tok.kind {
		case ident, str, star:
			l.Items = append(l.Items, p.literal(p.next()))
		default:
			p.unexpected("a name, a string or *", ident, str, star)
		}
		if !p.comma() {
			break
		}
	}
	p.close(open, rbrack, `"," or "]"`)
	return l
}

// chain = ( ident | call ) { ( "|" | "." | "@" ) member } .
// member = call | ident .                                         (no ident after "|")
func (p *parser) chain(x Expr) Expr {
	p.special++
	for {
		switch p.tok.kind {
		case pipe, dot, at:
		default:
			return x
		}
		p.link()
		p.chains++
		op := p.next()
		id := p.name("a name")
		c := &Chain{Left: x, OpPos: op.pos, Op: kindOp[op.kind], Comment: p.take()}
		switch {
		case p.tok.kind == lparen:
			c.Member = p.call(id, p.expression)
		case op.kind == pipe:
			p.unexpected(`"("`, lparen)
		default:
			c.Member = id
		}
		x = c
	}
}

// operation = primary { binaryOp primary } .
func (p *parser) operation() Expr { return p.binary(p.primary("a value"), 0) }

// argument is an operation as the argument of a call.
func (p *parser) argument(want string) Expr { return p.binary(p.primary(want), 0) }

// binary parses the operators of at least precedence least that follow the primary x, and their
// operands.
func (p *parser) binary(x Expr, least int) Expr {
	line := x.Pos().Line
	if b, ok := x.(*Binary); ok {
		line = b.End.Line
	}
	for {
		op := kindOp[p.tok.kind]
		prec := op.Precedence()
		if prec < least {
			return x
		}
		p.link()
		b := &Binary{OpPos: p.next().pos, Comment: p.take(), Op: op, X: x, Start: x.Pos()}
		if op == Div && p.tok.kind == star && p.prev.end == p.tok.pos.Offset {
			p.fail(b.OpPos, "", `unexpected "/*"; comments start with //`)
		}
		b.Y = p.primary("a value")
		b.Y = p.binary(b.Y, prec+1)
		b.Lines = line != b.Y.Pos().Line
		x = b
	}
}

// primary = "(" operation ")" | ( "-" | "!" ) primary | ident | call | literal .
func (p *parser) primary(want string) Expr {
	switch p.tok.kind {
	case lparen:
		return p.parens()
	case minus, not:
		p.enter()
		t := p.next()
		u := &Unary{Start: t.pos, Comment: p.take(), Op: kindOp[t.kind]}
		u.X = p.primary("a value")
		p.leave()
		return u
	case ident:
		return p.identOrCall(p.argument)
	case number, duration, str, trueWord, falseWord, regex, star, reference:
		return p.literal(p.next())
	}
	p.unexpected(want, operandKinds...)
	panic("unreachable")
}

// parens parses an operation in parentheses. Only binary operations remember them, and only the
// innermost pair.
func (p *parser) parens() Expr {
	p.enter()
	open := p.next()
	lead := p.take()
	x := p.operation()
	end := p.close(open, rparen, `")"`)
	p.leave()
	b, ok := x.(*Binary)
	if !ok {
		if c := leading(x); lead != nil {
			*c = join(lead, *c)
		}
		return x
	}
	if !b.Parens {
		b.Parens = true
		b.Start, b.End = open.pos, end
	}
	b.Lead = join(lead, b.Lead)
	return b
}

// leading returns where the comment in front of a primary that is no Binary is.
func leading(x Expr) **Comment {
	switch x := x.(type) {
	case *Ident:
		return &x.Comment
	case *Int:
		return &x.Comment
	case *Float:
		return &x.Comment
	case *String:
		return &x.Comment
	case *Bool:
		return &x.Comment
	case *Duration:
		return &x.Comment
	case *Regex:
		return &x.Comment
	case *Star:
		return &x.Comment
	case *Reference:
		return &x.Comment
	case *Unary:
		return &x.Comment
	case *Call:
		return &x.Comment
	}
	panic(fmt.Sprintf("unexpected node %T", x))
}

// identOrCall = ident [ "(" params ")" ] .
func (p *parser) identOrCall(param func(want string) Expr) Expr {
	id := p.name("a name")
	id.Comment = p.take()
	if p.tok.kind != lparen {
		return id
	}
	return p.call(id, param)
}

// params = [ param { "," param } [ "," ] ] .
func (p *parser) call(id *Ident, param func(want string) Expr) Expr {
	p.enter()
	open := p.next()
	c := &Call{Start: id.Start, Comment: id.Comment, Name: id.Name}
	for p.tok.kind != rparen {
		chains := p.chains
		c.Args = append(c.Args, param(`a value or ")"`+p.unclosed(open)))
		if !p.comma() {
			break
		}
		if chains != p.chains && p.tok.kind != rparen {
			c.Lines = true // a chain is written over several lines, so what follows begins on another
		}
	}
	if n := len(c.Args); n > 0 && first(c.Args[n-1]).Pos().Line != c.Start.Line {
		c.Lines = true
	}
	c.End = p.close(open, rparen, `"," or ")"`)
	p.leave()
	return c
}

// first returns what x starts with if it is a chain, else x.
func first(x Expr) Expr {
	for {
		c, ok := x.(*Chain)
		if !ok {
			return x
		}
		x = c.Left
	}
}

// comma consumes the comma behind an item, if there is one.
func (p *parser) comma() bool {
	if p.tok.kind != comma {
		return false
	}
	p.next()
	return true
}

// close consumes the bracket of kind k that belongs to open, and returns where it is.
func (p *parser) close(open token, k kind, want string) Pos {
	return p.expect(k, want+p.unclosed(open)).pos
}

// unclosed returns what to add to a message if the text ends here.
func (p *parser) unclosed(open token) string {
	if p.tok.kind != eof {
		return ""
	}
	return fmt.Sprintf("; the %q at %d:%d is not closed", open.kind, open.pos.Line, open.pos.Col)
}

// literal makes a node of a token that is one by itself.
func (p *parser) literal(t token) Expr {
	c := p.take()
	text := p.text(t)
	switch t.kind {
	case ident:
		return &Ident{Start: t.pos, Comment: c, Name: text}
	case number:
		return p.number(t, c)
	case duration:
		return p.duration(t, c)
	case str:
		if strings.HasPrefix(text, "'''") {
			return &String{Start: t.pos, Comment: c, Value: text[3 : len(text)-3], Triple: true}
		}
		return &String{Start: t.pos, Comment: c, Value: unescape(text)}
	case reference:
		return &Reference{Start: t.pos, Comment: c, Name: unescape(text)}
	case regex:
		return p.regex(t, c)
	case star:
		return &Star{Start: t.pos, Comment: c}
	case trueWord, falseWord:
		return &Bool{Start: t.pos, Comment: c, Value: t.kind == trueWord}
	}
	panic("unexpected token " + t.kind.String())
}

// unescape returns what stands between the delimiters that quoted begins and ends with.
func unescape(quoted string) string {
	delim := quoted[:1]
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\`+delim, delim)
}

func (p *parser) number(t token, c *Comment) Expr {
	text := p.text(t)
	ref := fmt.Sprintf("parser: illegal number syntax: %q", text)
	if strings.Contains(text, ".") {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			p.fail(t.pos, ref, "number %s is too large", clip(text))
		}
		return &Float{Start: t.pos, Comment: c, Value: v}
	}
	base := 10
	if len(text) > 1 && text[0] == '0' {
		base = 8
	}
	v, err := strconv.ParseInt(text, base, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		p.fail(t.pos, ref, "integer %s does not fit into 64 bits", clip(text))
	case err != nil:
		p.fail(t.pos, ref, "%s begins with 0, so it is octal and has no 8 or 9; write %s", clip(text),
			clip(strings.TrimLeft(text, "0")))
	}
	return &Int{Start: t.pos, Comment: c, Value: v, Octal: base == 8}
}

func (p *parser) duration(t token, c *Comment) Expr {
	text := p.text(t)
	d, _, ok := cutDuration(text)
	if !ok {
		p.fail(t.pos, fmt.Sprintf("parser: invalid duration string %q", text), "duration %s is too long, the longest is %s",
			clip(text), strconv.Itoa(int(time.Duration(math.MaxInt64)/(7*24*time.Hour)))+"w")
	}
	return &Duration{Start: t.pos, Comment: c, Value: d, Text: text}
}

func (p *parser) regex(t token, c *Comment) Expr {
	value := unescape(p.text(t))
	if len(value) > maxRegex {
		p.fail(t.pos, "", "regular expression has %d bytes, more than %d", len(value), maxRegex)
	}
	if _, err := resyntax.Parse(value, resyntax.Perl); err != nil {
		e := &Error{File: p.file, Pos: t.pos, Msg: err.Error(), Ref: "parser: " + err.Error(), Err: err}
		if strings.HasPrefix(value, "*") {
			e.Msg += "; comments start with //"
		}
		panic(e)
	}
	return &Regex{Start: t.pos, Comment: c, Value: value}
}
