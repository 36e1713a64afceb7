package syntax

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file defines the scanner.

// A kind is what a token is.
type kind uint8

const (
	none    kind = iota
	eof          // end of the text
	illegal      // what is no token; the token's msg says why

	ident     // größe_2
	number    // 123 0644 1.5 .5 5.
	duration  // 10s 5m 100ms 1µ
	str       // 'it\'s' '''raw'''
	reference // "field"
	regex     // /^a\/b$/

	lambda   // lambda:
	varWord  // var
	dbrpWord // dbrp
	trueWord // TRUE
	falseWord

	orWord    // OR
	andWord   // AND
	equal     // ==
	notEqual  // !=
	match     // =~
	notMatch  // !~
	less      // <
	lessEq    // <=
	greater   // >
	greaterEq // >=
	plus      // +
	minus     // -, unary or binary
	times     // * behind a value
	slash     // / behind a value
	percent   // %
	not       // !

	pipe   // |
	dot    // .
	at     // @
	star   // * where a value may stand
	assign // =
	comma  // ,
	lparen // (
	rparen // )
	lbrack // [
	rbrack // ]
)

// kindText names the kinds in messages.
var kindText = [...]string{
	none: "nothing", eof: "EOF", illegal: "illegal", ident: "identifier", number: "number", duration: "duration",
	str: "string", reference: "reference", regex: "regex", lambda: "lambda:", varWord: "var", dbrpWord: "dbrp",
	trueWord: "TRUE", falseWord: "FALSE", orWord: "OR", andWord: "AND", equal: "==", notEqual: "!=", match: "=~",
	notMatch: "!~", less: "<", lessEq: "<=", greater: ">", greaterEq: ">=", plus: "+", minus: "-", times: "*",
	slash: "/", percent: "%", not: "!", pipe: "|", dot: ".", at: "@", star: "*", assign: "=", comma: ",",
	lparen: "(", rparen: ")", lbrack: "[", rbrack: "]",
}

// kindOp has the operator of each kind that is one.
var kindOp = [rbrack + 1]Op{
	orWord: Or, andWord: And, equal: Eq, notEqual: Ne, match: Match, notMatch: NMatch, less: Lt, lessEq: Le,
	greater: Gt, greaterEq: Ge, plus: Add, minus: Sub, times: Mul, slash: Div, percent: Mod, not: Not,
	pipe: Pipe, dot: Dot, at: At,
}

func (k kind) String() string { return kindText[k] }

// endsValue reports whether an operator may follow a token of kind k, so that a slash behind it
// divides. Keywords count as such; a star, a list's bracket and a regular expression do not.
func (k kind) endsValue() bool {
	switch k {
	case ident, number, duration, str, reference, rparen, lambda, varWord, dbrpWord, trueWord, falseWord, orWord, andWord:
		return true
	}
	return false
}

// keywords are the words that are no identifiers. "lambda" is one only with its colon.
var keywords = map[string]kind{
	"AND": andWord, "OR": orWord, "TRUE": trueWord, "FALSE": falseWord, "var": varWord, "dbrp": dbrpWord,
}

// A token is a piece of the source: the bytes from pos.Offset to end.
type token struct {
	kind    kind
	pos     Pos
	end     int
	comment *Comment // in front of it
	msg     string   // of an illegal token: what is wrong with it
}

// A scanner makes tokens of src.
type scanner struct {
	src   string
	off   int  // of the next byte
	line  int  // that off is in, from 1
	start int  // offset of that line
	value bool // the last token ends a value
}

func newScanner(src string) scanner {
	s := scanner{src: src, line: 1}
	if strings.HasPrefix(src, "\ufeff") { // byte order mark
		s.off = len("\ufeff")
	}
	return s
}

// next returns the next token; at the end of the text, eof for ever.
func (s *scanner) next() token {
	c := s.space()
	t := token{pos: Pos{s.off, s.line, s.off - s.start + 1}, comment: c}
	t.kind = s.scan(&t)
	t.end = s.off
	s.value = t.kind.endsValue()
	return t
}

// space skips white space and comments, and returns the comments.
func (s *scanner) space() (c *Comment) {
	for s.off < len(s.src) {
		switch b := s.src[s.off]; {
		case b == '\n':
			s.newline()
		case b == ' ' || '\t' <= b && b <= '\r':
			s.off++
		case b == '/' && s.peek(1) == '/':
			c = s.comment(c)
		case b >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(s.src[s.off:])
			if !unicode.IsSpace(r) {
				return c
			}
			s.off += n
		default:
			return c
		}
	}
	return c
}

// newline steps over the line feed at off.
func (s *scanner) newline() {
	s.off++
	s.line++
	s.start = s.off
}

// comment adds the block of comment lines at off to c. The block goes on with every line that
// begins with a slash, even a single one: that is how Kapacitor reads it.
func (s *scanner) comment(c *Comment) *Comment {
	if c == nil {
		c = &Comment{Start: Pos{s.off, s.line, s.off - s.start + 1}}
	} else {
		c.Lines = append(c.Lines, blockBreak)
	}
	for {
		end := strings.IndexByte(s.src[s.off:], '\n')
		if end < 0 {
			end = len(s.src) - s.off
		}
		c.Lines = append(c.Lines, commentText(s.src[s.off:s.off+end]))
		s.off += end
		if s.off == len(s.src) {
			return c
		}
		rest := s.off + 1
		for rest < len(s.src) {
			r, n := utf8.DecodeRuneInString(s.src[rest:])
			if r == '\n' || !unicode.IsSpace(r) {
				break
			}
			rest += n
		}
		if rest == len(s.src) || s.src[rest] != '/' {
			return c
		}
		s.newline()
		s.off = rest
	}
}

// commentText returns what a comment line says.
func commentText(line string) string {
	return strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "//"), " ")
}

// peek returns the byte n bytes on, 0 behind the end.
func (s *scanner) peek(n int) byte {
	if s.off+n < len(s.src) {
		return s.src[s.off+n]
	}
	return 0
}

// skip steps over n bytes that may hold line feeds.
func (s *scanner) skip(n int) {
	part := s.src[s.off : s.off+n]
	if i := strings.LastIndexByte(part, '\n'); i >= 0 {
		s.line += strings.Count(part, "\n")
		s.start = s.off + i + 1
	}
	s.off += n
}

// scan steps over one token and returns its kind.
func (s *scanner) scan(t *token) kind {
	if s.off == len(s.src) {
		return eof
	}
	b := s.src[s.off]
	switch {
	case isLetter(b):
		return s.word()
	case isDigit(b), b == '.' && isDigit(s.peek(1)):
		return s.number(t)
	}
	switch b {
	case '\'':
		return s.string(t)
	case '"':
		return s.quoted(t, reference, '"', "unterminated field reference")
	case '/':
		if !s.value {
			return s.quoted(t, regex, '/', "unterminated regex")
		}
	}
	if k, n := s.operator(b); k != none {
		s.off += n
		return k
	}
	r, n := utf8.DecodeRuneInString(s.src[s.off:])
	if unicode.IsLetter(r) {
		return s.word()
	}
	s.off += n
	t.msg = fmt.Sprintf("unknown state, last char: %q", r)
	return illegal
}

// operator returns the operator or punctuation mark that b begins and its length. Binary operators
// exist only behind a value.
func (s *scanner) operator(b byte) (kind, int) {
	switch b {
	case '(':
		return lparen, 1
	case ')':
		return rparen, 1
	case '[':
		return lbrack, 1
	case ']':
		return rbrack, 1
	case ',':
		return comma, 1
	case '.':
		return dot, 1
	case '|':
		return pipe, 1
	case '@':
		return at, 1
	case '-':
		return minus, 1
	}
	if !s.value {
		switch b {
		case '*':
			return star, 1
		case '!':
			return not, 1
		case '=':
			return assign, 1
		}
		return none, 0
	}
	second := s.peek(1)
	switch {
	case b == '=' && second == '=':
		return equal, 2
	case b == '=' && second == '~':
		return match, 2
	case b == '!' && second == '=':
		return notEqual, 2
	case b == '!' && second == '~':
		return notMatch, 2
	case b == '<' && second == '=':
		return lessEq, 2
	case b == '>' && second == '=':
		return greaterEq, 2
	}
	switch b {
	case '=':
		return assign, 1
	case '!':
		return not, 1
	case '<':
		return less, 1
	case '>':
		return greater, 1
	case '+':
		return plus, 1
	case '*':
		return times, 1
	case '/':
		return slash, 1
	case '%':
		return percent, 1
	}
	return none, 0
}

// word scans an identifier or keyword. off is at a letter.
func (s *scanner) word() kind {
	from := s.off
	for s.off < len(s.src) {
		if b := s.src[s.off]; b < utf8.RuneSelf {
			if !isLetter(b) && !isDigit(b) && b != '_' {
				break
			}
			s.off++
			continue
		}
		r, n := utf8.DecodeRuneInString(s.src[s.off:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		s.off += n
	}
	word := s.src[from:s.off]
	if word == "lambda" && s.peek(0) == ':' {
		s.off++
		return lambda
	}
	if k, ok := keywords[word]; ok {
		return k
	}
	return ident
}

// number scans a number or, if a unit follows the digits, a duration.
func (s *scanner) number(t *token) kind {
	dots := 0
	for ; isDigit(s.peek(0)) || s.peek(0) == '.'; s.off++ {
		if s.peek(0) == '.' {
			dots++
		}
	}
	if dots > 1 {
		t.msg = "multiple decimals in number"
		return illegal
	}
	if dots == 1 {
		return number
	}
	n := unitLen(s.src[s.off:])
	s.off += n
	if n == 0 {
		return number
	}
	return duration
}

// unitLen returns the length of the unit of a duration that text begins with, 0 if there is none.
func unitLen(text string) int {
	switch {
	case strings.HasPrefix(text, "ms"), strings.HasPrefix(text, "µ"):
		return 2
	case text != "" && strings.IndexByte("usmhdw", text[0]) >= 0:
		return 1
	}
	return 0
}

// string scans a single- or triple-quoted string.
func (s *scanner) string(t *token) kind {
	const msg = "unterminated string"
	if !strings.HasPrefix(s.src[s.off:], "'''") {
		return s.quoted(t, str, '\'', msg)
	}
	end := strings.Index(s.src[s.off+3:], "'''")
	if end < 0 {
		return s.unterminated(t, msg)
	}
	s.skip(end + 6)
	return str
}

// quoted scans what stands between two delimiters; a backslash escapes the delimiter and nothing
// else.
func (s *scanner) quoted(t *token, k kind, delim byte, msg string) kind {
	for i := 1; ; i++ {
		switch b := s.peek(i); {
		case b == delim:
			s.skip(i + 1)
			return k
		case b == '\\' && s.peek(i+1) == delim:
			i++
		case s.off+i >= len(s.src):
			return s.unterminated(t, msg)
		}
	}
}

func (s *scanner) unterminated(t *token, msg string) kind {
	t.msg = msg
	s.skip(len(s.src) - s.off)
	return illegal
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
