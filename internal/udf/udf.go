package udf

import (
	"errors"
	"fmt"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// An Edge is the kind of data that a function takes or gives. The values are those on the wire.
type Edge uint8

// The kinds of edges.
const (
	Stream Edge = iota
	Batch
)

func (e Edge) String() string {
	if e == Batch {
		return "batch"
	}
	return "stream"
}

// A ValueType is the type of an option's value. The values are those on the wire.
type ValueType uint8

// The types of values.
const (
	Bool ValueType = iota
	Int
	Double
	String
	Duration
	valueTypes = 5
)

// String returns the name of the type as scripts have it.
func (t ValueType) String() string {
	return [...]string{"boolean", "int", "float", "string", "duration"}[t]
}

// Kind returns the kind of the values of type t.
func (t ValueType) Kind() point.Kind {
	return [...]point.Kind{point.Bool, point.Int, point.Float, point.String, point.Duration}[t]
}

// typeOf returns the type of v, which an option can have.
func typeOf(v point.Value) ValueType {
	switch v.Kind {
	case point.Bool:
		return Bool
	case point.Int:
		return Int
	case point.Float:
		return Double
	case point.String:
		return String
	case point.Duration:
		return Duration
	}
	panic(fmt.Sprintf("udf: an option cannot be a %s", v.Kind))
}

// An Info is what a function says about itself.
type Info struct {
	Wants, Provides Edge
	Options         map[string][]ValueType // the types of each option's values
}

// An Init is how a script uses a function.
type Init struct {
	Task, Node string
	Options    []Option // in the order of the script; one name may come several times
}

// An Option is one option with its values: booleans, ints, floats, strings and durations.
type Option struct {
	Name   string
	Values []point.Value
}

// ErrUnknown and ErrUnreachable are wrapped by the error of whoever looks for a function by its name:
// there is none of that name, or it cannot be asked now.
var (
	ErrUnknown     = errors.New("unknown function")
	ErrUnreachable = errors.New("function cannot be reached")
)

// An UnknownError is an [ErrUnknown] that knows which functions there are.
type UnknownError struct {
	Name  string
	Known []string
}

func (e *UnknownError) Error() string { return fmt.Sprintf("%v %q", ErrUnknown, e.Name) }

// Unwrap returns ErrUnknown.
func (e *UnknownError) Unwrap() error { return ErrUnknown }

// Errors of a [Reader], which wrap these, mean that the function does not keep to the protocol.
var (
	ErrTruncated    = errors.New("stream ends inside a frame")
	ErrOversized    = errors.New("frame is too large")
	ErrMalformed    = errors.New("malformed message")
	ErrEmpty        = errors.New("message without a known content")
	ErrNegativeSize = errors.New("begin of a batch has a negative size")
	ErrNoBegin      = errors.New("end of a batch without a begin")
)

// A Kind says what a response is about. The values are those on the wire.
type Kind uint8

// The kinds of responses.
const (
	InfoReply      Kind = 1
	InitReply      Kind = 2
	KeepaliveReply Kind = 3
	SnapshotReply  Kind = 4
	RestoreReply   Kind = 5
	ErrorReply     Kind = 6
	BeginReply     Kind = 16
	PointReply     Kind = 17
	EndReply       Kind = 18
)

var kindNames = map[Kind]string{
	InfoReply: "info", InitReply: "init", KeepaliveReply: "keepalive", SnapshotReply: "snapshot", RestoreReply: "restore",
	ErrorReply: "error", BeginReply: "begin", PointReply: "point", EndReply: "end",
}

func (k Kind) String() string {
	if s, ok := kindNames[k]; ok {
		return s
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Data reports whether the response is a point, or begins or ends a batch.
func (k Kind) Data() bool { return k >= BeginReply }

// A Response is a message of a function. Which fields count depends on Kind. The next Read into the
// same Response uses its slices again, but for Tags and Point.Tags, which may be kept.
type Response struct {
	Kind     Kind
	Success  bool // InitReply, RestoreReply
	ByName   bool // PointReply, BeginReply: grouped by measurement
	Info     Info
	Error    string // InitReply, RestoreReply, ErrorReply
	Snapshot []byte
	Time     int64       // KeepaliveReply: that of the request, if the function echoes it
	Point    point.Point // without Group. Those of a batch have no more than Time, Tags and Fields
	Dims     []string    // PointReply: names of the tags that the point is grouped by
	Size     int64       // BeginReply: number of points, if the function knows it
	Name     string      // EndReply, and those below
	Tags     []point.Tag // of the batch's group
	TMax     int64       // end time of the batch
}

// reset makes r empty; it keeps its buffers.
func (r *Response) reset() {
	*r = Response{Snapshot: r.Snapshot[:0], Dims: r.Dims[:0], Point: point.Point{Fields: r.Point.Fields[:0]}}
}
