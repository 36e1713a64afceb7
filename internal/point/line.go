package point

import (
	"strconv"
	"strings"
)

// This file writes points as InfluxDB line protocol.

// AppendLine appends p as a line without a line end; its time is written as it is. Tags without a
// value and fields that are null are left out: a point of nothing but such fields gives a line
// without fields, which no database takes. Durations become strings ("1m30s"). A line end in a
// name or a tag is written as \n, and backslashes at their end are dropped, since they would
// escape what follows.
func AppendLine(dst []byte, p *Point) []byte {
	dst = appendEscaped(dst, p.Name, ", ")
	for _, t := range p.Tags {
		if t.Value == "" || t.Key == "" {
			continue
		}
		dst = append(dst, ',')
		dst = appendEscaped(dst, t.Key, ",= ")
		dst = append(dst, '=')
		dst = appendEscaped(dst, t.Value, ",= ")
	}
	sep := byte(' ')
	for i := range p.Fields {
		f := &p.Fields[i]
		if f.Value.Kind == Missing || f.Value.Kind == Null {
			continue
		}
		dst = append(dst, sep)
		sep = ','
		dst = appendEscaped(dst, f.Key, ",= ")
		dst = append(dst, '=')
		dst = appendLineValue(dst, f.Value)
	}
	dst = append(dst, ' ')
	return strconv.AppendInt(dst, p.Time, 10)
}

func appendLineValue(dst []byte, v Value) []byte {
	switch v.Kind {
	case Float:
		return strconv.AppendFloat(dst, v.Float(), 'f', -1, 64)
	case Int:
		return append(strconv.AppendInt(dst, v.Int(), 10), 'i')
	case Bool:
		return strconv.AppendBool(dst, v.Bool())
	case Duration:
		return appendQuoted(dst, v.Duration().String())
	case Time:
		return AppendJSONTime(dst, v.Time())
	}
	return appendQuoted(dst, v.Text)
}

// appendQuoted appends s as a string field.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

// appendEscaped appends a name, key or tag value with the bytes in special escaped.
func appendEscaped(dst []byte, s, special string) []byte {
	if n := len(s); n > 0 && s[n-1] == '\\' {
		s = strings.TrimRight(s, `\`)
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case strings.IndexByte(special, c) >= 0:
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
