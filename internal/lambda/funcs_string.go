package lambda

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

func stringFuncs() []builtin {
	test := func(name, doc, example, result string, f func(s, t string) bool) builtin {
		return builtin{name: name, doc: doc, example: example, result: result, sigs: []signature{take2(f)}}
	}
	find := func(name, doc, example, result string, f func(s, t string) int) builtin {
		return builtin{name: name, doc: doc, example: example, result: result, sigs: []signature{
			take2(func(s, t string) int64 { return int64(f(s, t)) }),
		}}
	}
	edit1 := func(name, doc, example, result string, f func(string) string) builtin {
		return builtin{name: name, doc: doc, example: example, result: result, sigs: []signature{take1(f)}}
	}
	edit2 := func(name, doc, example, result string, f func(s, t string) string) builtin {
		return builtin{name: name, doc: doc, example: example, result: result, sigs: []signature{take2(f)}}
	}
	return []builtin{
		test("strContains", "Whether s contains t.", "strContains('hello', 'ell')", "TRUE", strings.Contains),
		test("strContainsAny", "Whether s contains any of the characters of t.", "strContainsAny('hello', 'xyz')", "FALSE", strings.ContainsAny),
		test("strHasPrefix", "Whether s begins with t.", "strHasPrefix('hello', 'he')", "TRUE", strings.HasPrefix),
		test("strHasSuffix", "Whether s ends with t.", "strHasSuffix('hello', 'lo')", "TRUE", strings.HasSuffix),

		find("strCount", "How often s contains t; the number of characters plus one if t is empty.", "strCount('hello', 'l')", "2", strings.Count),
		find("strIndex", "Byte index of the first t in s, -1 if there is none.", "strIndex('hello', 'l')", "2", strings.Index),
		find("strIndexAny", "Byte index of the first of any of the characters of t in s, or -1.", "strIndexAny('hello', 'ol')", "2", strings.IndexAny),
		find("strLastIndex", "Byte index of the last t in s, or -1.", "strLastIndex('hello', 'l')", "3", strings.LastIndex),
		find("strLastIndexAny", "Byte index of the last of any of the characters of t in s, or -1.", "strLastIndexAny('hello', 'eh')", "1", strings.LastIndexAny),

		edit1("strToLower", "s in lower case.", "strToLower('Hello')", "'hello'", strings.ToLower),
		edit1("strToUpper", "s in upper case.", "strToUpper('Hello')", "'HELLO'", strings.ToUpper),
		edit1("strTrimSpace", "s without white space at its ends.", "strTrimSpace(' hello ')", "'hello'", strings.TrimSpace),
		edit2("strTrim", "s without the characters of t at its ends.", "strTrim('--hello-', '-')", "'hello'", strings.Trim),
		edit2("strTrimLeft", "s without the characters of t at its start.", "strTrimLeft('--hello-', '-')", "'hello-'", strings.TrimLeft),
		edit2("strTrimRight", "s without the characters of t at its end.", "strTrimRight('--hello-', '-')", "'--hello'", strings.TrimRight),
		edit2("strTrimPrefix", "s without t at its start.", "strTrimPrefix('hello', 'he')", "'llo'", strings.TrimPrefix),
		edit2("strTrimSuffix", "s without t at its end.", "strTrimSuffix('hello', 'lo')", "'hel'", strings.TrimSuffix),

		{
			name: "strLength", doc: "Length of a string in bytes.", example: "strLength('héllo')", result: "6",
			sigs: []signature{take1(func(s string) int64 { return int64(len(s)) })},
		},
		{
			name: "strReplace", doc: "s with the first n occurrences of a string replaced by another, all if n is negative.",
			example: "strReplace('hello', 'l', 'L', 1)", result: "'heLlo'",
			sigs: []signature{try4(replace)},
		},
		{
			name: "strSubstring", doc: "Bytes of s from start up to but not including stop, which must be less than the length of s.",
			example: "strSubstring('hello', 1, 3)", result: "'el'",
			sigs: []signature{try3(substring)},
		},
		{
			name: "regexReplace", doc: "s with all matches of a regular expression replaced; $1 and ${name} in the replacement stand for groups.",
			example: "regexReplace(/l+(.)/, 'hello', '$1')", result: "'heo'",
			sigs: []signature{try3(regexReplace)},
		},
	}
}

func replace(s, from, to string, n int64) (string, error) {
	if n > int64(len(s))+1 {
		n = -1
	}
	if grow := len(to) - len(from); grow > 0 {
		m := int64(strings.Count(s, from))
		if n >= 0 {
			m = min(m, n)
		}
		if m > 0 && m > int64(maxString-min(len(s), maxString))/int64(grow) {
			return "", errStringTooLong
		}
	}
	return strings.Replace(s, from, to, int(max(n, -1))), nil
}

func substring(s string, start, stop int64) (string, error) {
	switch {
	case start < 0:
		return "", fmt.Errorf("found negative index for strSubstring: %d", start)
	case stop < 0:
		return "", fmt.Errorf("found negative index for strSubstring: %d", stop)
	case stop >= int64(len(s)):
		return "", fmt.Errorf("stop index too large for string in strSubstring: %d", stop)
	case start > stop:
		return "", &crash{fmt.Sprintf("slice bounds out of range [%d:%d]", start, stop)}
	}
	return s[start:stop], nil
}

func regexReplace(re pattern, s, to string) (string, error) {
	if re == nil {
		return "", errors.New("no regular expression") // only behind an error
	}
	// A match adds the replacement, and with each group that it names no more than the match.
	most := len(s)*(1+strings.Count(to, "$")) + (len(s)+1)*len(to)
	if len(s) > maxString || len(to) > maxString || most > maxString {
		return "", errStringTooLong
	}
	return (*regexp.Regexp)(re).ReplaceAllString(s, to), nil
}

// formatFloat writes a float as scripts see it: the shortest decimal, never with an exponent.
func formatFloat(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
