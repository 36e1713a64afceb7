package point

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// This file writes points and batches as rows of InfluxDB's result JSON, which alerts carry as
// their data and httpOut and httpPost send.

// AppendPointRow appends p as a row {"name":…,"tags":{…},"columns":[…],"values":[[…]]}; a key
// without content is left out. A NaN or infinite number, which JSON cannot hold, is written as
// null and reported as an error: the row is complete in any case.
func AppendPointRow(dst []byte, p *Point) ([]byte, error) {
	dst = appendRowHead(dst, p.Name, p.Tags)
	dst = append(dst, `"columns":["time"`...)
	for i := range p.Fields {
		dst = append(dst, ',')
		dst = AppendJSONString(dst, p.Fields[i].Key)
	}
	dst = append(dst, `],"values":[[`...)
	dst = AppendJSONTime(dst, p.Time)
	var err error
	for i := range p.Fields {
		dst = append(dst, ',')
		dst = appendCell(dst, p.Fields[i].Key, p.Fields[i].Value, &err)
	}
	return append(dst, "]]}"...), err
}

// AppendBatchRow appends b as a row. The columns are the fields and the tags beside the group's
// that its first point has; what only later points have is left out, what they lack is null.
// Errors are as in [AppendPointRow].
func AppendBatchRow(dst []byte, b *Batch) ([]byte, error) {
	var tags []Tag
	if b.Group != nil {
		tags = b.Group.Tags
	}
	dst = appendRowHead(dst, b.Name, tags)
	if len(b.Points) == 0 {
		if dst[len(dst)-1] == ',' {
			dst = dst[:len(dst)-1]
		}
		return append(dst, '}'), nil
	}
	columns := batchColumns(&b.Points[0], tags)
	dst = append(dst, `"columns":["time"`...)
	for _, c := range columns {
		dst = append(dst, ',')
		dst = AppendJSONString(dst, c)
	}
	dst = append(dst, `],"values":[`...)
	var err error
	for i := range b.Points {
		p := &b.Points[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		dst = AppendJSONTime(dst, p.Time)
		j := 0
		for _, c := range columns {
			dst = append(dst, ',')
			for j < len(p.Fields) && p.Fields[j].Key < c { // both are sorted
				j++
			}
			if j < len(p.Fields) && p.Fields[j].Key == c {
				dst = appendCell(dst, c, p.Fields[j].Value, &err)
			} else if t, ok := p.Tag(c); ok {
				dst = AppendJSONString(dst, t)
			} else {
				dst = append(dst, "null"...)
			}
		}
		dst = append(dst, ']')
	}
	return append(dst, "]}"...), err
}

// AppendSeries appends {"series":[…]} around rows; without rows it is {"series":null}.
func AppendSeries(dst []byte, rows ...[]byte) []byte {
	if len(rows) == 0 {
		return append(dst, `{"series":null}`...)
	}
	dst = append(dst, `{"series":[`...)
	for i, r := range rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, r...)
	}
	return append(dst, "]}"...)
}

// appendRowHead appends the opening brace, name and tags, with a comma behind each.
func appendRowHead(dst []byte, name string, tags []Tag) []byte {
	dst = append(dst, '{')
	if name != "" {
		dst = append(dst, `"name":`...)
		dst = AppendJSONString(dst, name)
		dst = append(dst, ',')
	}
	if len(tags) > 0 {
		dst = append(dst, `"tags":`...)
		dst = AppendJSONTags(dst, tags)
		dst = append(dst, ',')
	}
	return dst
}

// batchColumns returns the sorted names of p's fields and of its tags that are not in group.
func batchColumns(p *Point, group []Tag) []string {
	columns := make([]string, 0, len(p.Fields)+len(p.Tags))
	for i := range p.Fields {
		columns = append(columns, p.Fields[i].Key)
	}
	for _, t := range p.Tags {
		if _, ok := Lookup(group, t.Key); !ok {
			columns = append(columns, t.Key)
		}
	}
	slices.Sort(columns)
	return slices.Compact(columns)
}

func appendCell(dst []byte, key string, v Value, err *error) []byte {
	dst, ok := AppendJSONValue(dst, v)
	if !ok && *err == nil {
		*err = fmt.Errorf("field %s: %v is no JSON value", key, v.Float())
	}
	return dst
}

// AppendJSONValue appends v as encoding/json writes it: durations are nanoseconds, times RFC 3339.
// For what JSON cannot hold it appends null and returns false.
func AppendJSONValue(dst []byte, v Value) ([]byte, bool) {
	switch v.Kind {
	case Float:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return append(dst, "null"...), false
		}
		return appendJSONFloat(dst, f), true
	case Int, Duration:
		return strconv.AppendInt(dst, v.Int(), 10), true
	case String, Regex:
		return AppendJSONString(dst, v.Text), true
	case Bool:
		return strconv.AppendBool(dst, v.Bool()), true
	case Time:
		return AppendJSONTime(dst, v.Time()), true
	}
	return append(dst, "null"...), true
}

// appendJSONFloat appends f as encoding/json does: shortest form, an exponent only for very large
// and very small numbers, and that without a leading zero.
func appendJSONFloat(dst []byte, f float64) []byte {
	a := math.Abs(f)
	if a == 0 || a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); n >= 4 && string(dst[n-4:n-1]) == "e-0" {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// AppendJSONTime appends t, nanoseconds since the Unix epoch, as a quoted RFC 3339 time in UTC with
// as many fractional digits as it needs.
func AppendJSONTime(dst []byte, t int64) []byte {
	dst = append(dst, '"')
	dst = time.Unix(0, t).UTC().AppendFormat(dst, time.RFC3339Nano)
	return append(dst, '"')
}

// AppendJSONTags appends a tag set as an object.
func AppendJSONTags(dst []byte, tags []Tag) []byte {
	dst = append(dst, '{')
	for i, t := range tags {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendJSONString(dst, t.Key)
		dst = append(dst, ':')
		dst = AppendJSONString(dst, t.Value)
	}
	return append(dst, '}')
}

// AppendJSONString appends s as a JSON string the way encoding/json writes it by default: <, > and
// & are escaped, bytes that are not UTF-8 are replaced.
func AppendJSONString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0 // s[start:i] needs no escape
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\b':
				dst = append(dst, `\b`...)
			case '\f':
				dst = append(dst, `\f`...)
			case '\n':
				dst = append(dst, `\n`...)
			case '\r':
				dst = append(dst, `\r`...)
			case '\t':
				dst = append(dst, `\t`...)
			default:
				dst = append(dst, `\u00`...)
				dst = append(dst, hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(append(dst, s[start:i]...), `\ufffd`...)
			start = i + n
		case r == '\u2028' || r == '\u2029': // line ends in JavaScript
			dst = append(append(dst, s[start:i]...), `\u202`...)
			dst = append(dst, hex[r&15])
			start = i + n
		}
		i += n
	}
	return append(append(dst, s[start:]...), '"')
}
