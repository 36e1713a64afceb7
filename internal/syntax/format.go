package syntax

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// This file defines the formatter.

// Format returns the program in the canonical layout. Formatting what Format returned changes
// nothing, and parsing it gives the same program.
func Format(prog *Program) string {
	p := printer{bol: true}
	for i, s := range prog.Stmts {
		if i > 0 {
			p.newline()
			p.guard = guardValue
			if takesOperator(prog.Stmts[i-1]) {
				p.guard = guardStmt
			}
		}
		p.callable = nil
		if i+1 < len(prog.Stmts) && beginsParen(prog.Stmts[i+1]) {
			p.callable = lastIdent(s)
		}
		p.stmt(s)
		p.newline()
	}
	if prog.Tail != nil {
		if len(prog.Stmts) > 0 {
			p.newline()
		}
		p.comment(0, prog.Tail)
		p.newline()
	}
	return string(p.buf)
}

// FormatExpr returns x in the canonical layout. It adds the parentheses that an expression put
// together by a program needs.
func FormatExpr(x Expr) string {
	p := printer{bol: true}
	p.expr(0, x)
	return string(p.buf)
}

// maxIndent bounds the indentation, in steps, so that deeply nested text does not grow out of
// proportion.
const maxIndent = 16

// A guard says which nodes need parentheses here, lest the parser reads something else.
type guard uint8

const (
	guardNone  guard = iota
	guardValue       // behind a keyword: / and * would be operators
	guardStmt        // behind a statement that takesOperator: - would be an operator, too
)

// A printer writes formatted text. Indentation and blanks are written together with what follows
// them, so no line ends in a blank.
type printer struct {
	buf      []byte
	bol      bool   // at the beginning of a line
	blank    bool   // a blank is due
	slash    bool   // the last thing written is a comment, which a slash would continue
	guard    guard  // for the next token
	bare     int    // end of a regular expression or star at bareFrom, behind which there are no operators
	bareFrom int    // see bare
	callable *Ident // that needs parentheses, lest it is called with what follows
}

// text writes one or more tokens of one line.
func (p *printer) text(indent int, s string) {
	if p.bol {
		if p.slash && s[0] == '/' {
			p.buf = append(p.buf, '\n')
		}
		p.indent(indent)
	} else if p.blank {
		p.buf = append(p.buf, ' ')
	}
	p.bol, p.blank, p.slash, p.guard = false, false, false, guardNone
	p.buf = append(p.buf, s...)
}

func (p *printer) indent(n int) {
	for range min(n, maxIndent) {
		p.buf = append(p.buf, "    "...)
	}
}

func (p *printer) newline() {
	p.buf = append(p.buf, '\n')
	p.bol, p.blank = true, false
}

// comment writes c on lines of its own.
func (p *printer) comment(indent int, c *Comment) {
	if c == nil {
		return
	}
	if !p.bol {
		p.newline()
	}
	for _, line := range c.Lines {
		if line != blockBreak {
			p.indent(indent)
			p.buf = append(p.buf, "//"...)
			if line != "" {
				p.buf = append(p.buf, ' ')
				p.buf = append(p.buf, line...)
			}
		}
		p.newline()
	}
	p.slash = true
}

func (p *printer) stmt(s Stmt) {
	switch s := s.(type) {
	case *Var:
		p.comment(0, s.Comment)
		p.text(0, "var "+s.Name.Name)
		p.blank = true
		if s.Type != nil {
			p.text(0, s.Type.Name)
			return
		}
		p.text(0, "=")
		p.blank = true
		p.expr(0, s.Value)
	case *DBRP:
		p.comment(0, s.Comment)
		p.text(0, "dbrp "+quote(s.DB.Name, `"`)+"."+quote(s.RP.Name, `"`))
	case *ExprStmt:
		p.expr(0, s.X)
	default:
		panic(fmt.Sprintf("unexpected statement %T", s))
	}
}

func (p *printer) expr(indent int, x Expr) {
	switch x := x.(type) {
	case *Ident:
		p.operand(indent, x.Comment, x.Name, x == p.callable)
	case *Int:
		text := strconv.FormatInt(x.Value, 10)
		if x.Octal {
			text = "0" + strconv.FormatInt(x.Value, 8)
		}
		p.operand(indent, x.Comment, text, false)
	case *Float:
		p.operand(indent, x.Comment, formatFloat(x.Value), false)
	case *String:
		p.operand(indent, x.Comment, formatString(x), false)
	case *Bool:
		p.operand(indent, x.Comment, strings.ToUpper(strconv.FormatBool(x.Value)), false)
	case *Duration:
		text := x.Text
		if text == "" {
			text = FormatDuration(x.Value)
		}
		p.operand(indent, x.Comment, text, false)
	case *Regex:
		p.bareOperand(indent, x.Comment, quote(x.Value, "/"))
	case *Star:
		p.bareOperand(indent, x.Comment, "*")
	case *Reference:
		p.operand(indent, x.Comment, quote(x.Name, `"`), false)
	case *Unary:
		p.unary(indent, x)
	case *Binary:
		p.binary(indent, x, x.Parens)
	case *Call:
		p.comment(indent, x.Comment)
		p.call(indent, x)
	case *Lambda:
		p.comment(indent, x.Comment)
		p.text(indent, "lambda: ")
		p.guard = guardValue
		p.expr(indent, x.X)
	case *List:
		p.list(indent, x)
	case *Chain:
		p.chain(indent, x)
	default:
		panic(fmt.Sprintf("unexpected expression %T", x))
	}
}

// operand writes a value that is one token.
func (p *printer) operand(indent int, c *Comment, text string, parens bool) {
	p.comment(indent, c)
	if parens {
		text = "(" + text + ")"
	}
	p.text(indent, text)
}

// bareOperand writes a value that is read as an operator behind another value, and behind which in
// turn no operator is read.
func (p *printer) bareOperand(indent int, c *Comment, text string) {
	parens := p.guard != guardNone
	p.operand(indent, c, text, parens)
	if !parens {
		p.bare, p.bareFrom = len(p.buf), len(p.buf)-len(text)
	}
}

func (p *printer) unary(indent int, x *Unary) {
	p.comment(indent, x.Comment)
	parens := x.Op == Sub && p.guard == guardStmt
	op := x.Op.String()
	if parens {
		op = "(" + op
	}
	p.text(indent, op)
	if b, ok := x.X.(*Binary); ok {
		p.binary(indent, b, true)
	} else {
		p.expr(indent, x.X)
	}
	if parens {
		p.text(indent, ")")
	}
}

func (p *printer) binary(indent int, x *Binary, parens bool) {
	p.comment(indent, x.Lead)
	if parens {
		p.text(indent, "(")
		indent++
	}
	prec := x.Op.Precedence()
	p.side(indent, x.X, prec)
	if p.bare == len(p.buf) && x.Op != And && x.Op != Or && x.Op != Sub {
		p.buf = append(slices.Insert(p.buf, p.bareFrom, '('), ')')
	}
	if x.Comment != nil {
		p.comment(indent, x.Comment)
	} else {
		p.blank = true
	}
	p.text(indent, x.Op.String())
	if x.Lines && x.Comment == nil {
		p.newline()
	} else {
		p.blank = true
	}
	if x.Op == And || x.Op == Or {
		p.guard = guardValue
	}
	p.side(indent, x.Y, prec+1)
	if parens {
		p.text(indent, ")")
	}
}

// side writes an operand of an operator, in parentheses if it binds less than least.
func (p *printer) side(indent int, x Expr, least int) {
	if b, ok := x.(*Binary); ok {
		p.binary(indent, b, b.Parens || b.Op.Precedence() < least)
		return
	}
	p.expr(indent, x)
}

func (p *printer) call(indent int, x *Call) {
	p.text(indent, x.Name+"(")
	for i, a := range x.Args {
		if i > 0 {
			p.text(indent, ",")
			p.blank = true
		}
		if x.Lines {
			p.newline()
		}
		p.expr(indent+1, a)
	}
	if x.Lines {
		p.newline()
	}
	p.text(indent, ")")
}

// list writes a list on one line, unless an item has a comment.
func (p *printer) list(indent int, x *List) {
	p.comment(indent, x.Comment)
	p.text(indent, "[")
	lines := slices.ContainsFunc(x.Items, func(x Expr) bool { return *leading(x) != nil })
	for i, item := range x.Items {
		if i > 0 {
			p.text(indent, ",")
			p.blank = true
		}
		if lines {
			p.newline()
		}
		p.expr(indent+1, item)
	}
	if lines {
		p.newline()
	}
	p.text(indent, "]")
}

func (p *printer) chain(indent int, x *Chain) {
	links, left := splitChain(x, func(Node) bool { return true })
	p.expr(indent, left)
	for _, c := range slices.Backward(links) {
		in := indent + 1
		if c.Op == Dot {
			in++
		}
		p.newline()
		p.comment(in, c.Comment)
		p.text(in, c.Op.String())
		p.expr(in, c.Member)
	}
}

// quote puts text between delimiters.
func quote(text, delim string) string {
	return delim + strings.ReplaceAll(text, delim, `\`+delim) + delim
}

// formatString keeps the quotes of x unless its value cannot stand between them: triple quotes
// end at the first three in a row, and a backslash would escape a single one.
func formatString(x *String) string {
	switch {
	case x.Triple && !strings.Contains(x.Value, "'''") && !strings.HasSuffix(x.Value, "'"),
		!x.Triple && strings.HasSuffix(x.Value, `\`):
		return "'''" + x.Value + "'''"
	}
	return quote(x.Value, "'")
}

// formatFloat writes the fewest digits that give v again, with a point and without an exponent.
func formatFloat(v float64) string {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// value returns the expression that s is or ends with, nil if there is none.
func value(s Stmt) Expr {
	switch s := s.(type) {
	case *ExprStmt:
		return s.X
	case *Var:
		return s.Value
	}
	return nil
}

// takesOperator reports whether s would go on with a binary operator that followed it.
func takesOperator(s Stmt) bool {
	switch value(s).(type) {
	case nil, *Chain, *List:
		return false
	}
	return true
}

// beginsParen reports whether s, behind a statement that takesOperator, begins with a parenthesis.
func beginsParen(s Stmt) bool {
	e, ok := s.(*ExprStmt)
	if !ok {
		return false
	}
	x := e.X
	for {
		switch y := x.(type) {
		case *Binary:
			if y.Parens {
				return true
			}
			x = y.X
		case *Unary:
			return y.Op == Sub
		case *Regex, *Star:
			return true
		default:
			return false
		}
	}
}

// lastIdent returns the name that s ends with, if it does and a parenthesis behind it would make it
// a call.
func lastIdent(s Stmt) *Ident {
	x := value(s)
	for {
		switch y := x.(type) {
		case *Ident:
			return y
		case *Binary:
			if y.Parens {
				return nil
			}
			x = y.Y
		case *Unary:
			x = y.X
		case *Lambda:
			x = y.X
		default:
			return nil
		}
	}
}
