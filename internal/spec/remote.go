package spec

import (
	"errors"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// This file defines what nodes ask of the outside, and what user-defined functions get.

func init() {
	RegisterAsk("post", Post{}, Posted{})
	RegisterAsk("load", Load{}, Loaded{})
	RegisterAsk("scale", Scale{}, Scaled{})
	RegisterAsk("function", Function{}, FunctionInfo{})
	RegisterAsk("reference", Reference{}, Referred{})
}

// A Post asks for an HTTP request.
type Post struct {
	URL      string
	Endpoint string // configured endpoint, instead of URL
	Headers  []point.Tag
	Body     []byte
	Rows     Rows  // what an endpoint's templates see
	Timeout  int64 // nanoseconds; 0 is none
	Capture  bool  // report the response of a request that failed
}

// Posted is the status code of the response, 0 if there was none.
type Posted struct{ Status int }

// Likely is that the request works.
func (Post) Likely() Reply { return Posted{Status: 200} }

// Rows are points that share tags.
type Rows struct {
	Name   string
	Tags   []point.Tag
	Group  []point.Tag   // those that are no columns, unless it is nil
	Points []point.Point // their groups are of no meaning
}

// A Row is what templates of URLs and bodies see of Rows.
type Row struct {
	Name   string
	Tags   map[string]string
	Values []map[string]any // column to value, time included
}

// Row returns r for templates.
func (r *Rows) Row() Row {
	row := Row{Name: r.Name, Tags: make(map[string]string, len(r.Tags))}
	for _, t := range r.Tags {
		row.Tags[t.Key] = t.Value
	}
	for i := range r.Points {
		p := &r.Points[i]
		v := map[string]any{"time": time.Unix(0, p.Time).UTC()}
		for _, f := range p.Fields {
			v[f.Key] = f.Value.Any()
		}
		for _, t := range p.Tags {
			if _, ok := point.Lookup(r.Group, t.Key); r.Group != nil && !ok {
				v[t.Key] = t.Value
			}
		}
		row.Values = append(row.Values, v)
	}
	return row
}

// A Load asks for the documents of a source: file:///folder, http(s)://… or the name of a configured
// endpoint.
type Load struct{ Source string }

// Loaded are the documents, and what is wrong with single ones. Nil documents mean that the node keeps
// those it has.
type Loaded struct {
	Documents Documents
	Errors    []string
}

// Likely is that there are none.
func (Load) Likely() Reply { return Loaded{} }

// Documents are what a source of sideload holds: flat maps, by name. A value of kind Null stands for
// one that is no scalar. Nobody changes documents once they have been handed on.
type Documents map[string]map[string]point.Value

// A Reloader is a node that loads something. Reload asks for it anew.
type Reloader interface{ Reload() }

// A Scale asks an orchestrator for a resource's number of replicas, or to set it.
type Scale struct {
	System   string // k8s, swarm or ec2
	Cluster  string // configured cluster; "" is the default one
	Resource Resource
	Set      bool
	Old      int64 // replicas before a change
	Replicas int64 // those wanted; if they are not set, the likely number
}

// Scaled is the number of replicas that there are now, unless there is an error.
type Scaled struct {
	Replicas int64
	Error    string
}

// Likely is that it works.
func (s Scale) Likely() Reply { return Scaled{Replicas: s.Replicas} }

// A Resource is what an autoscale node scales. Only those of Kubernetes have a namespace and a kind.
type Resource struct{ Namespace, Kind, Name string }

func (r Resource) String() string {
	if r.Kind == "" {
		return r.Name
	}
	return r.Namespace + "/" + r.Kind + "/" + r.Name
}

// UDFData are points or batches for a user-defined function, as whole frames of its protocol. What it
// gives back is brought with the task's Receive.
type UDFData struct {
	Frames []byte
	Points int
}

// A Function asks what a user-defined function says about itself. The question comes up while a script is
// loaded, and is answered at once.
type Function struct{ Name string }

// FunctionInfo is what the function says, unless there is an error.
type FunctionInfo struct {
	Info        udf.Info
	Error       string
	Unreachable bool     // it cannot be asked
	Unknown     bool     // there is no such function
	Known       []string // but these
}

// Likely is that it is unknown.
func (f Function) Likely() Reply { return Described(udf.Info{}, &udf.UnknownError{Name: f.Name}) }

// Described returns the reply that says what is known of a function, or an error that wraps
// [udf.ErrUnknown] or [udf.ErrUnreachable].
func Described(info udf.Info, err error) FunctionInfo {
	if err == nil {
		return FunctionInfo{Info: info}
	}
	f := FunctionInfo{Error: err.Error(), Unreachable: errors.Is(err, udf.ErrUnreachable), Unknown: errors.Is(err, udf.ErrUnknown)}
	if u := (*udf.UnknownError)(nil); errors.As(err, &u) {
		f.Known = u.Known
	}
	return f
}

// Err returns the error, if there is one.
func (f *FunctionInfo) Err() error {
	switch {
	case f.Error == "":
		return nil
	case f.Unreachable:
		return &functionError{f.Error, udf.ErrUnreachable}
	case f.Unknown:
		return &functionError{f.Error, udf.ErrUnknown}
	}
	return errors.New(f.Error)
}

// A functionError is an error that was written down.
type functionError struct {
	text string
	is   error
}

func (e *functionError) Error() string { return e.text }
func (e *functionError) Unwrap() error { return e.is }

// A Reference is what a script names that stands outside of it. It is also the question whether there is
// such a thing, which comes up when a task starts, and is answered at once. The zero Reference is to
// nothing.
type Reference struct {
	Kind string // endpoint of httpPost, source of sideload, or the System of a Scale
	Name string // of the endpoint, source or cluster; "" is the default cluster
}

// Referred says why a script cannot have what it refers to, unless there is no error.
type Referred struct{ Error string }

// Likely is that it is there.
func (Reference) Likely() Reply { return Referred{} }

// A Referrer is a node that refers to something outside, so that a name which the configuration does not
// know is found when its task starts and not by the first point.
type Referrer interface{ Refers() Reference }
