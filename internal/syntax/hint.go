package syntax

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// This file words the parser's errors: what was found, what was expected, and what a known mistake
// should be.

// operandKinds is what Kapacitor says it expects wherever a value may stand.
var operandKinds = []kind{number, str, duration, ident, trueWord, falseWord, equal, lparen, minus, not}

// unexpected raises the error that the next token is none of kinds. want says what they are. Without
// kinds it is one that Kapacitor does not have.
func (p *parser) unexpected(want string, kinds ...kind) {
	t := p.tok
	hint := p.hint(kinds)
	msg := p.found(t)
	if t.kind != illegal || strings.HasPrefix(t.msg, "unknown") {
		msg = "unexpected " + msg
		if t.kind != illegal || hint == "" {
			msg += ", expected " + want
		}
	}
	if hint != "" {
		msg += "; " + hint
	}
	ref := ""
	if len(kinds) > 0 {
		ref = p.ref(t, kinds...)
	}
	p.fail(t.pos, ref, "%s", msg)
}

// found describes a token.
func (p *parser) found(t token) string {
	text := p.text(t)
	switch t.kind {
	case eof:
		return "end of the text"
	case ident, number, duration:
		return fmt.Sprintf("%s %s", t.kind, strconv.Quote(clip(text)))
	case str, reference, regex:
		return fmt.Sprintf("%s %s", t.kind, clip(text))
	case illegal:
		switch {
		case strings.HasPrefix(t.msg, "unknown"):
			r, _ := utf8.DecodeRuneInString(text)
			return fmt.Sprintf("character %q", r)
		case t.msg == "multiple decimals in number":
			return fmt.Sprintf("number %q has more than one decimal point", clip(text))
		}
		return t.msg
	}
	return strconv.Quote(t.kind.String())
}

// clip shortens text for a message.
func clip(text string) string {
	const longest = 40
	text, _, more := strings.Cut(text, "\n")
	if len(text) > longest {
		n := longest
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		text, more = text[:n], true
	}
	if more {
		return text + "…"
	}
	return text
}

// ref words the error as Kapacitor does.
func (p *parser) ref(t token, kinds ...kind) string {
	const around = 10
	found := t.kind.String()
	if t.kind == illegal {
		found = t.msg
	}
	src, off := p.scan.src, t.pos.Offset
	before := src[max(0, off-around):off]
	before = before[strings.LastIndexByte(before, '\n')+1:]
	after, _, _ := strings.Cut(src[off:min(len(src), off+around)], "\n")
	expected := make([]string, len(kinds))
	for i, k := range kinds {
		expected[i] = `"` + k.String() + `"`
	}
	return fmt.Sprintf(`parser: unexpected %s line %d char %d in "%s%s". expected: %s`, found, t.pos.Line, t.pos.Col,
		before, after, strings.Join(expected, ","))
}

// hint returns what to write instead of the next token, if the mistake is a known one. kinds are
// the tokens that could stand there.
func (p *parser) hint(kinds []kind) string {
	t, prev := p.tok, p.prev
	text, before := p.text(t), p.text(prev)
	if prev.end == t.pos.Offset && (prev.kind == number || prev.kind == duration) {
		if h := numberHint(p.scan.src[prev.pos.Offset:], prev.kind, t.kind, text); h != "" {
			return h
		}
	}
	if (prev.kind == str || prev.kind == reference) && prev.pos.Line != t.pos.Line && strings.Contains(before, "\n") &&
		!strings.HasPrefix(before, "'''") {
		return fmt.Sprintf("the %s at %d:%d ends only here", prev.kind, prev.pos.Line, prev.pos.Col)
	}
	if len(kinds) == 1 && kinds[0] == lparen {
		return fmt.Sprintf("write |%s()", clip(before))
	}
	switch t.kind {
	case ident:
		switch strings.ToLower(text) {
		case "and", "or":
			return "write " + strings.ToUpper(text)
		}
	case number, duration, str, reference, trueWord, falseWord:
		switch {
		case prev.kind == ident && strings.EqualFold(before, "not"):
			return "write ! in place of " + before
		case t.kind == reference && len(kinds) > 1:
			return "strings stand in single quotes"
		}
	case assign, percent, star:
		return p.operatorHint()
	case pipe:
		if strings.HasPrefix(p.scan.src[t.pos.Offset:], "||") {
			return "write OR"
		}
		return p.chainHint()
	case dot, at:
		return p.chainHint()
	case rparen:
		if p.depth == 0 {
			return `no "(" is open`
		}
	case slash:
		if prev.kind == lambda {
			return "a regular expression stands behind =~ or !~"
		}
	case illegal:
		return p.illegalHint(text)
	}
	return ""
}

// operatorHint is about an operator that is none where it stands.
func (p *parser) operatorHint() string {
	s, _ := p.last.(*ExprStmt)
	switch {
	case p.prev.kind == regex:
		return "put the comparison with the regular expression in parentheses"
	case p.tok.kind != assign || p.prev.kind == assign:
	case p.depth > 0 || p.links > 0:
		return "write == to compare"
	case s != nil && p.prev.kind == ident:
		if x, ok := s.X.(*Ident); ok {
			return fmt.Sprintf("write var %s = to declare it", clip(x.Name))
		}
	}
	return ""
}

// chainHint is about a link that no name or call precedes.
func (p *parser) chainHint() string {
	if p.prev.kind == lambda || p.depth > 0 {
		return ""
	}
	return "a chain starts with a name or a call"
}

// illegalHint is about what is no token.
func (p *parser) illegalHint(text string) string {
	switch p.tok.msg {
	case "unterminated string":
		if !strings.HasPrefix(text, "'''") && strings.Contains(text, `\'`) {
			return `\' does not end a string; write '''…''' for one that ends in a backslash`
		}
		return ""
	case "unterminated regex":
		if strings.HasPrefix(text, "/*") {
			return "comments start with //"
		}
		return ""
	}
	r, _ := utf8.DecodeRuneInString(text)
	switch r {
	case '#':
		return "comments start with //"
	case '‘', '’', '‚', '‛', '`', '´', '«', '»', '‹', '›':
		return "write ' around a string"
	case '“', '”', '„', '‟':
		return "write ' around a string and \" around a field or tag"
	case ';':
		return "statements need no terminator"
	case '&':
		return "write AND"
	case '–', '−':
		return "write -"
	case '_':
		return "names start with a letter"
	case ':':
		if p.prev.kind == ident && p.text(p.prev) == "lambda" {
			return "write lambda: without a blank"
		}
	case '>':
		if p.prev.kind == less {
			return "write !="
		}
	case '\u200b', '\u200c', '\u200d', '\u2060', '\ufeff':
		return "it is invisible, delete it"
	}
	return p.operatorHint()
}

// numberHint is about a number or duration, as prev says, that text follows without a blank. src is
// what begins with the number.
func numberHint(src string, prev, next kind, text string) string {
	const unitNames = "the units of a duration are u, ms, s, m, h, d and w"
	digits := src[:len(src)-len(strings.TrimLeft(src, "0123456789."))]
	switch {
	case strings.HasPrefix(text, "_"):
		return "digits are not grouped"
	case prev == duration && (next == duration || next == number):
		var sum time.Duration
		for ok := true; ok; {
			var d time.Duration
			if d, src, ok = cutDuration(src); ok && sum > math.MaxInt64-d {
				return "a duration has one unit"
			}
			if ok {
				sum += d
			}
		}
		if src != "" && isDigit(src[0]) {
			return "a duration has one unit"
		}
		return "a duration has one unit, write " + FormatDuration(sum)
	case next != ident:
		return ""
	case prev == duration:
		return unitNames
	case text[0]|0x20 == 'e':
		return exponentHint(digits, src[len(digits)+1:])
	case digits == "0" && text[0]|0x20 == 'x':
		if v, err := strconv.ParseInt(text[1:], 16, 64); err == nil {
			return fmt.Sprintf("numbers are decimal or octal, write %d", v)
		}
		return "numbers are decimal or octal"
	case unitLen(text) == len(text):
		v, err := strconv.ParseFloat(digits, 64)
		one, _, ok := cutDuration("1" + text)
		if d := v * float64(one/time.Microsecond); err == nil && ok && d == math.Trunc(d) && d < 1e15 {
			return "durations are whole numbers, write " + FormatDuration(time.Duration(d)*time.Microsecond)
		}
		return "durations are whole numbers"
	}
	return unitNames
}

// exponentHint is about a number that an e and then rest follow.
func exponentHint(digits, rest string) string {
	const msg = "numbers have no exponent"
	n := 0
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		n = 1
	}
	for n < len(rest) && isDigit(rest[n]) {
		n++
	}
	v, err := strconv.ParseFloat(digits+"e"+rest[:n], 64)
	if err != nil || v != 0 && (v < 1e-15 || v > 1e21) {
		return msg
	}
	return msg + ", write " + formatFloat(v)
}
