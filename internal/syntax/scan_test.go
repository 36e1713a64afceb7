package syntax

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func typeName(x any) string { return fmt.Sprintf("%T", x) }

func TestScan(t *testing.T) {
	for _, test := range []struct{ src, want string }{
		{"", ""},
		{" \t\r\n\v\f\u00a0", ""},
		{"a größe_2 Ωx9 x_", "identifier:a identifier:größe_2 identifier:Ωx9 identifier:x_"},
		{"AND OR TRUE FALSE var dbrp", "AND OR TRUE FALSE var dbrp"},
		{"and or true false Var lambda", "identifier:and identifier:or identifier:true identifier:false identifier:Var identifier:lambda"},
		{"lambda:x lambda : y", "lambda: identifier:x identifier:lambda illegal:: identifier:y"},
		{"0 12 010 .5 5. 1.5 0.", "number:0 number:12 number:010 number:.5 number:5. number:1.5 number:0."},
		{"1.2.3 1..2", "illegal:1.2.3 illegal:1..2"},
		{"1e5 0x1F 1_0", "number:1 identifier:e5 number:0 identifier:x1F number:1 illegal:_ number:0"},
		{"1u 2µ 3ms 4s 5m 6h 7d 8w 010s", "duration:1u duration:2µ duration:3ms duration:4s duration:5m duration:6h duration:7d duration:8w duration:010s"},
		{"1h30m 10ns 1.5s 5 s", "duration:1h duration:30m number:10 identifier:ns number:1.5 identifier:s number:5 identifier:s"},
		{`'' 'it\'s' 'a\n' '\\'`, `string:'' string:'it\'s' string:'a\n' illegal:'\\'`},
		{"'''''' '''it's \\''' ''''a'''", `string:'''''' string:'''it's \''' string:''''a'''`},
		{"'a\nb' c", "string:'a\nb' identifier:c"},
		{`"" "a\"b.c"`, `reference:"" reference:"a\"b.c"`},
		{`"a`, `illegal:"a`},
		{`'a`, `illegal:'a`},
		{`'''a''`, `illegal:'''a''`},
		{`/a`, `illegal:/a`},
		{`a|b.c@d`, "identifier:a | identifier:b . identifier:c @ identifier:d"},
		{`a.5 .b`, "identifier:a number:.5 . identifier:b"},
		{"([,", "( [ ,"},

		// Binary operators behind a value.
		{"a+b-c*d/e%f", "identifier:a + identifier:b - identifier:c * identifier:d / identifier:e % identifier:f"},
		{"a==b!=c<d<=e>f>=g=~h!~i=j!k", "identifier:a == identifier:b != identifier:c < identifier:d <= identifier:e > identifier:f >= identifier:g =~ identifier:h !~ identifier:i = identifier:j ! identifier:k"},
		{`1/2 1s/2 'a'/2 "a"/2 (a)/2 TRUE/2`, `number:1 / number:2 duration:1s / number:2 string:'a' / number:2 reference:"a" / number:2 ( identifier:a ) / number:2 TRUE / number:2`},
		{"lambda: /a/", "lambda: / identifier:a /"},
		{"AND /a/", "AND / identifier:a /"},

		// Elsewhere there are none.
		{"*", "star"},
		{"(*,*)", "( star , star )"},
		{"! = == + < %", "! = = = illegal:+ illegal:< illegal:%"},
		{`x = /a\/b/ y`, `identifier:x = regex:/a\/b/ identifier:y`},
		{"x=~/a/ y!~/b/", "identifier:x =~ regex:/a/ identifier:y !~ regex:/b/"},
		{"(/a/,/b/ [/c/", "( regex:/a/ , regex:/b/ [ regex:/c/"},
		{"/a/ /b/", "regex:/a/ regex:/b/"},
		{"/a/ * - ==", "regex:/a/ star - = ="},
		{"] * /a/", "] star regex:/a/"},
		{"- /a/", "- regex:/a/"},
		{"a + /b/", "identifier:a + regex:/b/"},

		// Comments.
		{"// a\nb", "[a] identifier:b"},
		{"b // a", "identifier:b [a]"},
		{"//\n//  a  \r\n\n//b\nc", "[| a|\n|b] identifier:c"},
		{"// a\n \t/b/ c\nd", "[a|/b/ c] identifier:d"},
		{"// a\n\n/b/", "[a] regex:/b/"},
		{"a // b\n\n/ 2", "identifier:a [b] / number:2"},
		{"a //// b", "identifier:a [// b]"},

		{"# ‘ \x00", "illegal:# illegal:‘ illegal:\x00"},
		{"_x", "illegal:_ identifier:x"},
		{"\xff", "illegal:\xff"},
	} {
		var got []string
		s := newScanner(test.src)
		for {
			tok := s.next()
			if tok.comment != nil {
				got = append(got, "["+strings.Join(tok.comment.Lines, "|")+"]")
			}
			if tok.kind == eof {
				break
			}
			text := test.src[tok.pos.Offset:tok.end]
			switch tok.kind {
			case illegal, ident, number, duration, str, reference, regex:
				text = tok.kind.String() + ":" + text
			case star:
				text = "star"
			default:
				require.Equal(t, tok.kind.String(), text)
			}
			got = append(got, text)
		}
		require.Equal(t, test.want, strings.Join(got, " "), "%q", test.src)
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "90s": 90 * time.Second, "1m": time.Minute, "1d": 24 * time.Hour, "2w": 14 * 24 * time.Hour,
		"1500ms": 1500 * time.Millisecond, "1500u": 1500 * time.Microsecond, "1001ns": 1001, "-30s": -30 * time.Second,
	} {
		require.Equal(t, text, FormatDuration(want))
		d, err := ParseDuration(text)
		require.NoError(t, err)
		require.Equal(t, want, d)
	}
	for text, want := range map[string]time.Duration{
		"1h30m": 90 * time.Minute, "-1h30m": -90 * time.Minute, "5µ": 5 * time.Microsecond, "1m1ms1ns": time.Minute + time.Millisecond + 1,
		"010s": 10 * time.Second, "168h": 7 * 24 * time.Hour, "9223372036854775807ns": 1<<63 - 1,
	} {
		d, err := ParseDuration(text)
		require.NoError(t, err)
		require.Equal(t, want, d, text)
	}
	for _, text := range []string{
		"", "-", "abc", "5", "s", "1.5s", "5x", "5 s", "1h30", "--5s", "+5s", "5us", "1h-5m", "9223372036854775808ns",
		"9223372036854775807ns1ns", "99999999w", "5μs",
	} {
		_, err := ParseDuration(text)
		require.EqualError(t, err, fmt.Sprintf("invalid duration string %q", text))
	}
	require.Equal(t, "-9223372036854775808ns", FormatDuration(-1<<63))
}

func TestNearest(t *testing.T) {
	known := []string{"measurement", "mean", "median", "crit", "info", "warn", "groupBy", "where", "as"}
	for name, want := range map[string]string{
		"mesurement": "measurement", "Measurement": "measurement", "measuremnet": "measurement", "groupby": "groupBy",
		"crti": "crit", "wher": "where", "medain": "median", "critical": "", "foo": "", "x": "", "": "", "a": "as",
		strings.Repeat("x", 100): "",
	} {
		require.Equal(t, want, Nearest(name, known), name)
	}
	require.Equal(t, "aa", Nearest("ab", []string{"ac", "aa"}))
	require.Equal(t, "aa", Nearest("ab", []string{"aa", "ac"}))
	require.Empty(t, Nearest("ab", nil))
}
