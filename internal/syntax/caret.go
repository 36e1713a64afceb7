package syntax

import (
	"strings"
	"unicode/utf8"
)

// This file shows errors in their source.

// Caret returns the line of src that the error is in and below it a caret under the place, without
// a final line feed; "" if the place is unknown or not in src. Of a very long line it shows the
// part around the place.
func (e *Error) Caret(src string) string {
	const before, after = 80, 40
	off, col := e.Pos.Offset, e.Pos.Col
	if !e.Pos.IsValid() || off < 0 || off > len(src) || col < 1 || col > off+1 {
		return ""
	}
	start, end := off-(col-1), len(src)
	if i := strings.IndexByte(src[off:], '\n'); i >= 0 {
		end = off + i
	}
	var line, mark strings.Builder
	if off-start > before {
		start = off - before
		for start < off && !utf8.RuneStart(src[start]) {
			start++
		}
		line.WriteString("…")
		mark.WriteByte(' ')
	}
	for _, r := range src[start:off] {
		line.WriteRune(r)
		if r == '\t' {
			mark.WriteByte('\t')
		} else {
			mark.WriteByte(' ')
		}
	}
	rest, cut := strings.TrimSuffix(src[off:end], "\r"), ""
	if len(rest) > after {
		n := after
		for n > 0 && !utf8.RuneStart(rest[n]) {
			n--
		}
		rest, cut = rest[:n], "…"
	}
	line.WriteString(strings.ToValidUTF8(rest, "\ufffd"))
	return line.String() + cut + "\n" + mark.String() + "^"
}
