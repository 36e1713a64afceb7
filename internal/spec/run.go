package spec

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// This file defines how nodes run: what they implement and what they can ask for.

// A Starter prepares itself when its task starts: it compiles lambdas and templates. An error
// stops the start; wrap it in a *syntax.Error to give it a better position than the node's. Start
// has no effects but through env, so that a check can start a task and throw it away.
type Starter interface{ Start(env Env) error }

// A Grouper keeps state per group: Group makes the sink that gets one group's data, and sends on
// to out. The task calls it when the group's first point, batch or barrier arrives. A sink with
// state worth keeping implements [Stateful].
type Grouper interface {
	Group(g *point.Group, out point.Sink) point.Sink
}

// An Opener has one sink for all groups.
type Opener interface {
	Open(out point.Sink) point.Sink
}

// A Merger has several parents. It is told how many before it is checked; then Input makes the sink for
// the i-th of them, beginning with 0.
type Merger interface {
	Parents(n int)
	Input(i int, out point.Sink) point.Sink
}

// A Closer sends on what it still holds when the input ends.
type Closer interface{ Close() }

// A Leaver shares something with other tasks: Leave gives it up, without a word, because another task
// goes on with the state that has been saved.
type Leaver interface{ Leave() }

// Stateful state survives a restart: State returns a pointer to a struct with exported fields that
// encoding/gob can encode. A sink of a [Grouper] has it per group, a node itself for what all
// groups share. After loading, a [Restorer] is told.
type Stateful interface{ State() any }

// A Restorer is told when its State has been loaded, to rearm timers for example.
type Restorer interface{ Restored() }

// A Macro stands for a chain of other nodes, which Expand makes: the first comes behind the parent node,
// whose name is given, and each other one behind the one before.
type Macro interface {
	Declarer
	Expand(parent string) []Link
}

// A Link is a node with its TICKscript word.
type Link struct {
	Word string
	Node Declarer
}

// A Receiver is the node of a user-defined function. It speaks with nobody: what the function is to get
// leaves the task as an effect, and what it gives back is brought.
type Receiver interface {
	// Call returns the function's name and the options that the script sets.
	Call() (function string, options []udf.Option)
	// Receive takes a point, or the begin or end of a batch, that the function gives back.
	Receive(r *udf.Response)
	// Restarted says that the conversation has begun anew: a batch that has begun does not end.
	Restarted()
	// Snapshot returns the function's last state, which is saved with the node; nil if there is none.
	Snapshot() []byte
	// KeepSnapshot keeps a state, which must not change afterwards.
	KeepSnapshot(state []byte)
}

// A Publisher keeps its last result for whoever asks for it by name.
type Publisher interface {
	Endpoint() string
	Result() []byte // as JSON
}

// A DBRP is a database and a retention policy.
type DBRP struct{ DB, RP string }

// Env is what a running node has of the world around it.
type Env interface {
	Task() string           // name of the task
	Node() string           // name of the node, "window3" for example
	Input() Edge            // kind of data that the node gets
	DBRPs() []DBRP          // those of the task
	Groups() *point.Groups  // the task's groups
	Lambda() lambda.Options // what lambdas may use
	Topics() *alert.Topics  // event states of the alert topics, shared by the tasks
	Host() string           // host name for templates

	// Now returns the current time in nanoseconds since the Unix epoch: simulated in a replay.
	Now() int64
	// At calls f when the clock reaches t. Timers due at one instant fire in the order of prio.
	At(t int64, prio int, f func()) *Timer
	// Emit hands an effect to the outside. A point in it is copied, and so are a function's frames.
	Emit(e Effect)
	// Ask asks the outside. The node, an [Asker], gets the reply with the same id, which grows.
	Ask(b Body) (id uint64)
	// Error counts an error of this node and reports it, unless the node is quiet. The point that
	// caused it is to be dropped by the caller.
	Error(err error)
	// Fail stops the whole task with err once the current call has returned.
	Fail(err error)
	// Warn notes what is suspicious but legal, while the node starts.
	Warn(err *syntax.Error)
	// Keep has a state, a pointer as in [Stateful], saved with the node.
	Keep(state any)
	// Delete deletes a group as if the node's parent had: the node's own state of it goes, and what
	// the nodes behind have.
	Delete(g *point.Group)
	// Counter returns the node's own statistic called name, 0 at first.
	Counter(name string) *int64
}

// A Timer is one call in the future.
type Timer struct {
	At      int64
	Prio    int
	Node    int // place of its node in the script
	Seq     uint64
	F       func()
	Stopped bool
}

// Stop makes sure that the timer does not fire.
func (t *Timer) Stop() {
	if t != nil {
		t.Stopped = true
	}
}

// An EffectKind says what is to be done.
type EffectKind uint8

// The kinds of effects.
const (
	AlertEffect    EffectKind = iota // Event: hand it to its handlers
	WriteEffect                      // Point, Write: write to InfluxDB
	AskEffect                        // Ask: find out, and bring the reply
	UDFEffect                        // UDF: hand data to the user-defined function of the node
	LoopbackEffect                   // Point: feed it back into the engine
	LogEffect                        // Level, Text: write a log line
	ErrorEffect                      // Node, Text: a run-time error of a node
)

// An Effect is something a task wants done outside. It is valid until the task's next call, but for the
// body of a question.
type Effect struct {
	Kind  EffectKind
	Node  string
	Event *alert.Event
	Point *point.Point // DB, RP, Name, Tags, Fields, Time are the final ones
	Write *Write
	Ask   Ask
	UDF   *UDFData
	Level string // DEBUG, INFO, WARN or ERROR
	Text  string
}

// A Write says how an influxDBOut node wants its points written.
type Write struct {
	Cluster, Consistency, Precision string
	Buffer                          int64
	FlushInterval                   int64 // nanoseconds
	Create                          bool
}

// Forward sends everything on; sinks embed it and override what they treat differently.
type Forward struct{ Out point.Sink }

// Point sends p on.
func (f *Forward) Point(p *point.Point) { f.Out.Point(p) }

// Batch sends b on.
func (f *Forward) Batch(b *point.Batch) { f.Out.Batch(b) }

// Barrier sends the barrier on.
func (f *Forward) Barrier(g *point.Group, t int64) { f.Out.Barrier(g, t) }

// Delete sends the deletion on.
func (f *Forward) Delete(g *point.Group) { f.Out.Delete(g) }
