//go:build linux

package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A mutant is a change of one place.
type mutant struct {
	file     string
	source   []byte // of the file
	line     int
	from, to int // of the text that goes
	text     string
	was      string // with what stands around it, for people
	tests    []string
}

func (m *mutant) String() string { return fmt.Sprintf("%s:%d: %s", m.file, m.line, m.was) }

// mutated returns the mutated text of the file.
func (m *mutant) mutated() []byte {
	return bytes.Join([][]byte{m.source[:m.from], m.source[m.to:]}, []byte(m.text))
}

// findMutants returns all mutants of the files in a folder.
func findMutants(dir string) ([]*mutant, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var all []*mutant
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		found, err := mutantsOf(file, text)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// A finder finds the mutants of one file.
type finder struct {
	file  string
	text  []byte
	fset  *token.FileSet
	found []*mutant
	stack []ast.Node // around the node that is looked at
}

func mutantsOf(file string, text []byte) ([]*mutant, error) {
	f := &finder{file: file, text: text, fset: token.NewFileSet()}
	tree, err := parser.ParseFile(f.fset, file, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	if ast.IsGenerated(tree) {
		return nil, nil
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		if n == nil {
			f.stack = f.stack[:len(f.stack)-1]
			return true
		}
		if f.skip(n) {
			return false
		}
		f.look(n)
		f.stack = append(f.stack, n)
		return true
	})
	return f.found, nil
}

// parent returns the n-th node around the one that is looked at, counted from 1.
func (f *finder) parent(n int) ast.Node {
	if n > len(f.stack) {
		return nil
	}
	return f.stack[len(f.stack)-n]
}

// skip reports whether nothing in n is mutated: imports, and hints at how much space something will need.
func (f *finder) skip(n ast.Node) bool {
	if _, ok := n.(*ast.ImportSpec); ok {
		return true
	}
	call, ok := f.parent(1).(*ast.CallExpr)
	if !ok || len(call.Args) == 0 || n == call.Fun {
		return false
	}
	name, ok := call.Fun.(*ast.Ident)
	if !ok || name.Name != "make" {
		return false
	}
	_, isMap := call.Args[0].(*ast.MapType)
	return len(call.Args) == 3 && n == call.Args[2] || isMap && n != call.Args[0]
}

// operators are those that take the place of others.
var operators = map[token.Token][]token.Token{
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
	token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO}, token.QUO: {token.MUL}, token.REM: {token.MUL},
	token.SHL: {token.SHR}, token.SHR: {token.SHL}, token.AND: {token.OR}, token.OR: {token.AND}, token.XOR: {token.AND}, token.AND_NOT: {token.AND},
	token.ADD_ASSIGN: {token.SUB_ASSIGN, token.ASSIGN}, token.SUB_ASSIGN: {token.ADD_ASSIGN}, token.MUL_ASSIGN: {token.QUO_ASSIGN},
	token.QUO_ASSIGN: {token.MUL_ASSIGN}, token.OR_ASSIGN: {token.AND_ASSIGN, token.ASSIGN}, token.AND_ASSIGN: {token.OR_ASSIGN, token.ASSIGN},
	token.INC: {token.DEC}, token.DEC: {token.INC}, token.BREAK: {token.CONTINUE}, token.CONTINUE: {token.BREAK},
}

func (f *finder) look(n ast.Node) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		f.operator(n, n.OpPos, n.Op)
	case *ast.IncDecStmt:
		f.operator(n, n.TokPos, n.Tok)
		f.delete(n)
	case *ast.BranchStmt:
		if n.Label == nil {
			f.operator(n, n.TokPos, n.Tok)
		}
	case *ast.AssignStmt:
		f.operator(n, n.TokPos, n.Tok)
		if n.Tok != token.DEFINE {
			f.delete(n)
		}
	case *ast.ExprStmt, *ast.DeferStmt, *ast.SendStmt:
		f.delete(n)
	case *ast.IfStmt:
		f.negate(n.Cond)
		if n.Else == nil && n.Init == nil {
			f.delete(n)
		}
	case *ast.ForStmt:
		if n.Cond != nil {
			f.replace(n.Cond, n.Cond.Pos(), n.Cond.End(), "false")
		}
	case *ast.RangeStmt:
		f.delete(n)
	case *ast.UnaryExpr:
		if n.Op == token.NOT || n.Op == token.SUB {
			f.replace(n, n.OpPos, n.X.Pos(), "")
		}
	case *ast.BasicLit:
		sign, ok := f.parent(1).(*ast.UnaryExpr)
		if negative := ok && sign.Op == token.SUB; !negative && (n.Kind == token.INT || n.Kind == token.FLOAT) { // the sign goes, too
			f.replace(f.around(n), n.Pos(), n.End(), "("+n.Value+"+1)")
		}
	case *ast.Ident:
		switch n.Name {
		case "true":
			f.replace(f.around(n), n.Pos(), n.End(), "false")
		case "false":
			f.replace(f.around(n), n.Pos(), n.End(), "true")
		}
	case *ast.ReturnStmt:
		f.results(n)
	}
}

// operator puts others in the place of an operator.
func (f *finder) operator(n ast.Node, pos token.Pos, op token.Token) {
	for _, other := range operators[op] {
		f.replace(n, pos, pos+token.Pos(len(op.String())), other.String())
	}
}

// negate negates a condition, unless another operator does that.
func (f *finder) negate(cond ast.Expr) {
	switch c := cond.(type) {
	case *ast.UnaryExpr:
		return
	case *ast.BinaryExpr:
		if c.Op != token.LAND && c.Op != token.LOR {
			return
		}
	}
	f.replace(cond, cond.Pos(), cond.End(), "!("+f.source(cond.Pos(), cond.End())+")")
}

// delete deletes a statement of a block.
func (f *finder) delete(n ast.Node) {
	switch f.parent(1).(type) {
	case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
		f.replace(n, n.Pos(), n.End(), "")
	}
}

// around returns what is to be shown of a change of n, which says little alone.
func (f *finder) around(n ast.Node) ast.Node {
	switch p := f.parent(1).(type) {
	case *ast.BlockStmt, *ast.File, *ast.GenDecl, nil:
		return n
	default:
		return p
	}
}

// results puts the zero value of its type in the place of each result.
func (f *finder) results(n *ast.ReturnStmt) {
	var types []ast.Expr
	var fn *ast.FuncType
	for i := 1; fn == nil && f.parent(i) != nil; i++ {
		switch p := f.parent(i).(type) {
		case *ast.FuncDecl:
			fn = p.Type
		case *ast.FuncLit:
			fn = p.Type
		}
	}
	if fn == nil || fn.Results == nil {
		return
	}
	for _, field := range fn.Results.List {
		for range max(1, len(field.Names)) {
			types = append(types, field.Type)
		}
	}
	if len(types) != len(n.Results) {
		return
	}
	for i, r := range n.Results {
		typ := f.source(types[i].Pos(), types[i].End())
		switch was := f.source(r.Pos(), r.End()); {
		case was == "nil" || was == "true" || was == "false":
		case was == "0" || was == `""`:
		case typ == "bool":
			f.replace(n, r.Pos(), r.End(), "!("+was+")")
		default:
			f.replace(n, r.Pos(), r.End(), "*new("+typ+")")
		}
	}
}

func (f *finder) source(from, to token.Pos) string {
	return string(f.text[f.fset.Position(from).Offset:f.fset.Position(to).Offset])
}

// replace notes a mutant in which a text takes the place of another one in the node n.
func (f *finder) replace(n ast.Node, from, to token.Pos, text string) {
	m := &mutant{file: f.file, source: f.text, text: text, line: f.fset.Position(from).Line, from: f.fset.Position(from).Offset, to: f.fset.Position(to).Offset}
	if m.from == m.to || string(f.text[m.from:m.to]) == text {
		return
	}
	was := f.source(n.Pos(), n.End())
	at := m.from - f.fset.Position(n.Pos()).Offset
	is := was[:at] + text + was[at+m.to-m.from:]
	if strings.TrimSpace(is) == "" {
		m.was = "deleted: " + short(was)
	} else {
		m.was = short(was) + " -> " + short(is)
	}
	f.found = append(f.found, m)
}

// short returns a text on one line.
func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 100 {
		s = strconv.Quote(s[:97])
		s = s[1:len(s)-1] + "..."
	}
	return s
}
