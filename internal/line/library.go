package line

import (
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file reads points with the library.

// byLibrary reads the point that begins at r.r.
func (r *Reader) byLibrary(p *point.Point) error {
	in := lineFeed{Reader: r}
	d := lineprotocol.NewDecoder(&in)
	d.Next()
	err := r.decode(d, p)
	if in.err != nil && !errors.Is(in.err, io.EOF) {
		return in.err
	}
	if err == nil {
		r.number += in.lines
		return nil
	}
	return locate(err, r.number, r.number+max(in.lines, 1)-1)
}

// locate adds its place to an error of a decoder whose first line was the first one, and which has read as far
// as the last one.
func locate(err error, first, last int64) error {
	var de *lineprotocol.DecodeError
	if errors.As(err, &de) {
		return &Error{first + de.Line - 1, de.Column, de.Err}
	}
	return &Error{last, 1, err}
}

// A lineFeed consumes what it gives to a decoder. It gives a line at a time, so that it is known how far a point
// goes.
type lineFeed struct {
	*Reader
	lines int64
	given int
	err   error
}

func (f *lineFeed) Read(b []byte) (int, error) {
	n, err := f.line()
	if err == nil && f.given+n > Max {
		err = &Error{f.number, 1, errLong}
	}
	if err != nil {
		f.err = err
		return 0, err
	}
	whole := min(n+1, f.w-f.r) // with the line end
	k := copy(b, f.buf[f.r:f.r+whole])
	if k == whole {
		f.lines++
	}
	f.r += k
	f.given += k
	return k, nil
}

// decode takes p from a decoder that is before one.
func (d *decoder) decode(dec *lineprotocol.Decoder, p *point.Point) error {
	if err := d.decodeHead(dec, "", p); err != nil {
		return err
	}
	p.Fields = d.some[:0]
	for {
		k, v, err := dec.NextField()
		if err != nil {
			return err
		}
		if k == nil {
			break
		}
		p.Fields = append(p.Fields, point.Field{Key: d.names.Name(k), Value: value(v)})
	}
	d.some = p.Fields
	p.Fields = point.SortFields(p.Fields)
	t, err := dec.Time(lineprotocol.Nanosecond, time.Time{})
	if err != nil {
		return err
	}
	if t.IsZero() {
		return errNoTime
	}
	p.Time = t.UnixNano()
	return nil
}

// decodeHead takes name and tags of p from a decoder that is before a point. They become parts of text, what the
// decoder reads, unless that has escapes or is "".
func (d *decoder) decodeHead(dec *lineprotocol.Decoder, text string, p *point.Point) error {
	name, err := dec.Measurement()
	if err != nil {
		return err
	}
	p.Name, p.Tags = d.names.Name(name), nil
	plain := text != "" && strings.IndexByte(text, '\\') < 0
	for at := len(name) + 1; ; {
		k, v, err := dec.NextTag()
		if err != nil {
			d.names.Tags() // it is in vain
			return err
		}
		switch {
		case k == nil && plain:
			p.Tags = slices.Clip(point.SortTags(p.Tags))
			return nil
		case k == nil:
			p.Tags = d.names.Tags()
			return nil
		case plain:
			mid, end := at+len(k), at+len(k)+1+len(v)
			p.Tags = append(p.Tags, point.Tag{Key: text[at:mid], Value: text[mid+1 : end]})
			at = end + 1
		default:
			d.names.TagBytes(k, v)
		}
	}
}

func value(v lineprotocol.Value) point.Value {
	switch v.Kind() {
	case lineprotocol.Int:
		return point.IntValue(v.IntV())
	case lineprotocol.Uint:
		return point.IntValue(int64(min(v.UintV(), math.MaxInt64)))
	case lineprotocol.Float:
		return point.FloatValue(v.FloatV())
	case lineprotocol.Bool:
		return point.BoolValue(v.BoolV())
	case lineprotocol.String:
		return point.StringValue(v.StringV())
	}
	return point.Value{}
}
