package spec

import "github.com/telegraf-tigk/telegraf-tigk/internal/point"

// This file defines what sideload, the autoscale nodes and user-defined functions ask of the outside.

// Documents are what a source of sideload holds: flat maps, by name. A value of kind Null stands for
// one that is no scalar. Nobody changes documents once they have been handed on.
type Documents map[string]map[string]point.Value

// A Load asks for the documents of a source: file:///folder, http(s)://… or the name of a configured
// endpoint. The task's AnswerLoad must be called with them, and with what is wrong with single ones;
// nil documents mean that the node keeps those it has.
type Load struct {
	Source string
	Answer func(docs Documents, errs []error)
}

// A Reloader is a node that loads something. Reload asks for it anew.
type Reloader interface{ Reload() }

// A Scale asks an orchestrator for a resource's number of replicas, or to set it. The task's
// AnswerScale must be called with the outcome; until then points of the resource wait.
type Scale struct {
	System   string // k8s, swarm or ec2
	Cluster  string // configured cluster; "" is the default one
	Resource Resource
	Set      bool
	Old      int64 // replicas before a change
	Replicas int64 // those wanted; of a question the likely answer, which a replay gives
	Answer   func(replicas int64, err error)
}

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

// A Reference is what a script names that stands outside of it.
type Reference struct {
	Kind string // endpoint of httpPost, source of sideload, or the System of a Scale
	Name string // of the endpoint, source or cluster; "" is the default cluster
}

// A Referrer is a node that refers to something outside. A task asks it when it starts, so that a
// name which the configuration does not know is found then and not by the first point. The zero
// Reference is to nothing.
type Referrer interface{ Refers() Reference }
