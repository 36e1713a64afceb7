package replay

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/klauspost/compress/gzip"

	"github.com/telegraf-tigk/telegraf-tigk/internal/line"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// Open returns the recording in r. Its kind is told by the name of file: .srpl is a recording of
// Kapacitor's, anything else line protocol (see [Lines]).
func Open(file string, r io.Reader, dbrp spec.DBRP) (Source, error) {
	if filepath.Ext(file) == ".srpl" {
		return newRecording(file, r)
	}
	return NewLines(file, r, dbrp)
}

// A recording reads Kapacitor's stream recordings: gzip; three lines for each point, the database,
// the retention policy and the point as line protocol with nanoseconds.
type recording struct{ Lines }

func newRecording(file string, r io.Reader) (*recording, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("%s: want a gzip file: %w", file, err)
	}
	return &recording{Lines{file: file, in: line.NewReader(z)}}, nil
}

// Next returns the next point.
func (r *recording) Next() (Item, error) {
	db, err := r.in.Line()
	if err != nil {
		return Item{}, r.locate(err)
	}
	if string(db) != r.dbrp.DB {
		r.dbrp.DB = string(db)
		r.in.Rewant()
	}
	rp, err := r.in.Line()
	if err != nil {
		return Item{}, r.cut(err)
	}
	if string(rp) != r.dbrp.RP {
		r.dbrp.RP = string(rp)
		r.in.Rewant()
	}
	kind, err := r.in.Point(&r.point)
	if err != nil {
		return Item{}, r.cut(err)
	}
	return r.item(kind), nil
}

// cut is the error for a recording that ends within a point.
func (r *recording) cut(err error) error {
	if err == io.EOF { //nolint:errorlint // the end, not that of something else
		return dataError(r.file, r.in.Number()-1, 1, io.ErrUnexpectedEOF)
	}
	return r.locate(err)
}
