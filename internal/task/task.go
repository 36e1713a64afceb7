// Package task turns a script into a running task.
//
// A task is single-threaded and has neither clock nor I/O. What happens outside comes in by calls:
// [Task.Push] brings a point, [Task.Tick] brings the time. What the task wants done outside comes
// out as values: [Task.Take] returns the effects of the calls since the last Take. The live agent,
// replays and tests differ only in who calls.
//
//	t, err := task.Load(task.Config{Name: "cpu", File: "cpu.tick", Script: text})
//	err = t.Start(now)
//	for each point: t.Tick(clock); t.Push(p); for _, e := range t.Take() { … }
//	t.Close()
//
// Nodes call each other directly along the graph: a Push returns when the point has gone all the way.
package task

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/lambda"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/syntax"
)

// A Config says what a task is made of.
type Config struct {
	Name   string // task name
	File   string // for error messages
	Script string // TICKscript

	// Program is the script if it has been parsed already; File and Script are not looked at then. One
	// program can be loaded any number of times.
	Program *syntax.Program

	Vars   map[string]spec.Arg // values for the script's variables
	DBRPs  []spec.DBRP         // of the task, unless the script has dbrp statements
	Topics *alert.Topics       // shared by the tasks of an engine; nil makes own ones
	Host   string              // host name, for templates
	Zone   *time.Location      // of hour(), weekday() …; nil is local time
	Wall   func() int64        // clock of now(); nil is the task's own time

	MaxGroups   int           // points of further groups are dropped and counted; 0 is no limit
	GroupExpiry time.Duration // a group without data for so long is deleted; 0 is never

	Deadman     spec.Deadman // has been checked
	ChangesOnly bool         // all alerts behave as if they said stateChangesOnly

	Long bool // points take no short way: all go from node to node

	// Ask answers what is asked while a script is loaded and started: about user-defined functions
	// ([spec.Function]), and whether there is what the nodes refer to ([spec.Reference]). Nil answers with
	// what is likely: it knows no function, and everything else.
	Ask func(b spec.Body) spec.Reply
}

// A Task is a running script. It is not safe for concurrent use.
type Task struct {
	cfg      Config
	dbrps    []spec.DBRP
	decls    []Declared
	graph    *graph
	udfs     []receiver
	groups   point.Groups
	none     *point.Group // the group of points without dimensions
	routes   spec.Routes
	source   *edge
	lanes    []lane     // of routes.Named
	other    lane       // of routes.Other
	takes    []nameOfDB // of the points that it wants
	effects  []spec.Effect
	fields   []point.Field // of the points in effects
	points   []point.Point
	frames   []byte // for user-defined functions, in effects
	udfData  []spec.UDFData
	asks     map[uint64]asked // those without a reply, by ID
	lastAsk  uint64
	input    point.Point
	timers   timers
	now      int64
	failed   error
	print    [sha256.Size]byte // see fingerprint
	at       *node             // node that is at work, for the report of a panic; on a short way the one before it
	stack    []byte
	warnings []*syntax.Error
	refused  int64 // points of groups beyond the limit
	refusal  int64 // time of the last report of them
}

// nameOfDB is a spec.DBRP.
type nameOfDB struct{ db, rp point.Name }

// A lane is the way of the points of one measurement.
type lane struct {
	name  point.Name
	times int64  // how often the source sends such a point
	to    []stop // who gets it then, in turn
}

// A stop is a node behind the source.
type stop struct {
	n    *node
	sink point.Sink
}

// Load parses, evaluates and checks a script and returns the task that it describes. Errors are
// *syntax.Error with file and position where there is one. Nothing outside is touched.
func Load(cfg Config) (*Task, error) { return load(cfg, false) }

// load is Load. If unreached, functions that cannot be asked are taken as they are used.
func load(cfg Config, unreached bool) (*Task, error) {
	prog, err := cfg.program()
	if err != nil {
		return nil, err
	}
	cfg.File, cfg.Script, cfg.Program = prog.File, "", nil // the task does without
	ld, err := evaluate(prog, &cfg, unreached)
	if err != nil {
		return nil, err
	}
	if cfg.Topics == nil {
		cfg.Topics = new(alert.Topics)
	}
	if cfg.Zone == nil {
		cfg.Zone = time.Local
	}
	t := &Task{cfg: cfg, dbrps: ld.dbrps, decls: ld.decls, graph: ld.graph, warnings: ld.warnings}
	if len(t.dbrps) == 0 {
		t.dbrps = cfg.DBRPs
	}
	if len(t.dbrps) == 0 {
		t.dbrps = []spec.DBRP{{DB: "telegraf", RP: "autogen"}}
	}
	for _, d := range t.dbrps {
		t.takes = append(t.takes, nameOfDB{point.NewName(d.DB), point.NewName(d.RP)})
	}
	t.print = t.fingerprint()
	t.unused()
	var all, children []spec.Declarer
	for _, n := range t.graph.nodes {
		all = append(all, n.decl)
		if d, ok := n.decl.(spec.Receiver); ok {
			t.udfs = append(t.udfs, receiver{n, d})
		}
	}
	for _, c := range t.graph.nodes[0].children {
		children = append(children, c.decl)
	}
	t.routes = t.graph.nodes[0].decl.(spec.Source).Routes(all, children) //nolint:forcetypeassert // the first node is
	return t, nil
}

// program returns the script, parsed.
func (c *Config) program() (*syntax.Program, error) {
	switch {
	case c.Program != nil:
		return c.Program, nil
	case c.File != "":
		return syntax.Parse(c.File, c.Script)
	}
	return syntax.Parse(c.Name, c.Script)
}

// Check loads a script and starts it without data. It returns what is wrong with it, and what is
// legal but cannot work, a call of an unknown function for example. What concerns user-defined
// functions that cannot be reached is not checked, of which it warns.
func Check(cfg Config) (warnings []*syntax.Error, err error) {
	t, err := load(cfg, true)
	if err != nil {
		return nil, err
	}
	err = t.Start(0)
	return t.warnings, err
}

// unused warns of supplied values that no variable takes, which Kapacitor accepts.
func (t *Task) unused() {
	names := make([]string, len(t.decls))
	for i := range t.decls {
		names[i] = t.decls[i].Name
	}
	for _, name := range slices.Sorted(maps.Keys(t.cfg.Vars)) {
		if slices.Contains(names, name) {
			continue
		}
		t.warnings = append(t.warnings, &syntax.Error{File: t.cfg.File, Msg: fmt.Sprintf("the script declares no variable %q%s", name, syntax.DidYouMean(name, "", names))})
	}
}

// prepare lets every node compile what it needs and connects them, children first.
func (t *Task) prepare() error {
	t.groups.Max, t.groups.Now = t.cfg.MaxGroups, t.now
	t.none = t.groups.Get("", nil, nil, false)
	t.groups.Hold(t.none)
	for _, n := range t.graph.nodes {
		t.at = n
		n.run.env = &env{t: t, n: n, name: n.name()}
		if err := t.refer(n); err != nil {
			return t.located(n, err)
		}
		if s, ok := n.decl.(spec.Starter); ok {
			if err := s.Start(n.run.env); err != nil {
				return t.located(n, err)
			}
		}
	}
	for _, n := range slices.Backward(t.graph.nodes) {
		t.at = n
		t.connect(n)
	}
	t.shorten()
	t.at = nil
	t.lay()
	t.watchIdle()
	return nil
}

// lay makes the lanes that the source describes.
func (t *Task) lay() {
	source := t.graph.nodes[0]
	t.source, t.lanes = &source.run.out, t.lanes[:0]
	if !t.routes.Grouped { // each node behind the source is asked about all points
		for _, b := range t.source.to {
			b.also = append(b.also, &t.source.many)
		}
	}
	lane := func(r *spec.Route) lane {
		l := lane{name: point.NewName(r.Measurement), times: int64(r.Times)}
		for _, i := range r.To {
			c := source.children[i]
			l.to = append(l.to, stop{c.node, c.run.inputs[c.input].to})
		}
		return l
	}
	for i := range t.routes.Named {
		t.lanes = append(t.lanes, lane(&t.routes.Named[i]))
	}
	t.other = lane(&t.routes.Other)
}

// refer asks the configuration about what n refers to.
func (t *Task) refer(n *node) error {
	r, ok := n.decl.(spec.Referrer)
	if !ok {
		return nil
	}
	ref := r.Refers()
	if ref == (spec.Reference{}) {
		return nil
	}
	if x := askNow[spec.Referred](t.cfg.Ask, ref); x.Error != "" {
		return errors.New(x.Error)
	}
	return nil
}

// located returns err as one of n, at its own place in the script or at that of n.
func (t *Task) located(n *node, err error) error {
	return syntax.Located(t.cfg.File, n.pos, syntax.Within(n.spec.Name, err))
}

// Name returns the task's name.
func (t *Task) Name() string { return t.cfg.Name }

// Now returns the task's time in nanoseconds since the Unix epoch.
func (t *Task) Now() int64 { return t.now }

// Topics returns the event states that the task works on.
func (t *Task) Topics() *alert.Topics { return t.cfg.Topics }

// DBRPs returns the databases and retention policies that the task works on.
func (t *Task) DBRPs() []spec.DBRP { return t.dbrps }

// Vars returns the variables that the script declares.
func (t *Task) Vars() []Declared { return t.decls }

// Measurements returns the measurements that the task wants; all is true if it wants every one.
func (t *Task) Measurements() (names []string, all bool) {
	for i := range t.routes.Named {
		names = append(names, t.routes.Named[i].Measurement)
	}
	return names, t.routes.Other.Times > 0
}

// Wants reports whether the task does anything with points of a measurement.
func (t *Task) Wants(d spec.DBRP, measurement string) bool {
	names, all := t.Measurements()
	return slices.Contains(t.dbrps, d) && (all || slices.Contains(names, measurement))
}

// Start begins the task's time, in nanoseconds since the Unix epoch: nodes compile what they need
// and are connected. Errors are those that Kapacitor finds when a task is enabled.
func (t *Task) Start(now int64) (err error) {
	t.now = now
	if e := t.guard(nil, func() { err = t.prepare() }); e != nil {
		return e
	}
	return err
}

// Push brings a point. It must not change until Push returns, and its Group is ignored. The error
// is what stopped the task; errors that concern single points are effects.
func (t *Task) Push(p *point.Point) error {
	for i := range t.takes {
		if d := &t.takes[i]; d.db.Is(p.DB) && d.rp.Is(p.RP) {
			l := &t.other
			for k := range t.lanes {
				if t.lanes[k].name.Is(p.Name) {
					l = &t.lanes[k]
					break
				}
			}
			if l.times > 0 {
				t.push(p, l)
			}
			break
		}
	}
	return t.failed
}

// push sends a point to the nodes behind the source.
func (t *Task) push(p *point.Point, l *lane) {
	if t.failed != nil {
		return
	}
	done := false
	defer func() {
		if !done { // which is quicker than to ask recover
			if r := recover(); r != nil {
				t.caught(r)
			}
		}
	}()
	if !t.routes.Grouped { // there is no need for a copy then
		t.source.many += l.times
		for i := range l.to {
			x := &l.to[i]
			t.at = x.n
			x.sink.Point(p)
		}
		t.at = nil
	} else {
		for range l.times {
			t.input = *p
			t.input.Group = t.none
			t.source.Point(&t.input)
		}
	}
	done = true
}

// guard runs f inside the task's border, unless the task has failed. A panic is n's, as long as f does
// not say that another node is at work; without a node it is the task's.
func (t *Task) guard(n *node, f func()) error {
	if t.failed == nil {
		t.enter(n, f)
	}
	return t.failed
}

// enter is guard for a task that may have failed.
func (t *Task) enter(n *node, f func()) {
	defer t.border()
	t.at = n
	f()
	t.at = nil
}

// border turns a panic below it into the failure of this task: a bug in a node must not take the
// agent down.
func (t *Task) border() {
	if r := recover(); r != nil {
		t.caught(r)
	}
}

// caught notes a panic as what stopped the task.
func (t *Task) caught(r any) {
	t.stack = debug.Stack()
	name := "task"
	if n := t.at; n != nil {
		if at := n.run.short.node(); at != nil {
			n = at
		}
		name = n.name()
	}
	t.fail(panicked(t.cfg.Name+": "+name, r))
}

// Stack returns the stack of the panic that stopped the task, if one did.
func (t *Task) Stack() []byte { return t.stack }

// Failed returns what stopped the task, or nil.
func (t *Task) Failed() error { return t.failed }

func (t *Task) fail(err error) {
	if t.failed == nil {
		t.failed = err
	}
}

// Close ends the input: nodes that hold data back until more comes send it on, and all give up
// what they share with other tasks. A task that has failed only does the latter.
func (t *Task) Close() error {
	for _, n := range t.graph.nodes {
		t.close(n)
	}
	return t.failed
}

// close closes n, once.
func (t *Task) close(n *node) {
	if n.run.closed {
		return
	}
	n.run.closed = true
	if c, ok := n.decl.(spec.Closer); ok {
		t.enter(n, c.Close)
	}
}

// keepFrames is the size of the largest buffer for frames that a task keeps.
const keepFrames = 1 << 20

// Take returns the effects since the last Take, in order. They are valid until the next call of
// any other method.
func (t *Task) Take() []spec.Effect {
	e := t.effects
	if len(e) == 0 {
		return nil
	}
	t.effects, t.fields, t.points = t.effects[:0], t.fields[:0], t.points[:0]
	t.frames, t.udfData = t.frames[:0], t.udfData[:0]
	if cap(t.frames) > keepFrames {
		t.frames = nil
	}
	return e
}

// HTTPOut returns the content of the httpOut node with the given endpoint as result JSON.
func (t *Task) HTTPOut(endpoint string) (result []byte, ok bool) {
	for _, n := range t.graph.nodes {
		if h, ok := n.decl.(spec.Publisher); ok && h.Endpoint() == endpoint {
			err := t.guard(n, func() { result = h.Result() })
			return result, err == nil
		}
	}
	return nil, false
}

// HTTPOuts returns the endpoints of the task's httpOut nodes, sorted.
func (t *Task) HTTPOuts() []string {
	var out []string
	for _, n := range t.graph.nodes {
		if h, ok := n.decl.(spec.Publisher); ok {
			out = append(out, h.Endpoint())
		}
	}
	slices.Sort(out)
	return out
}

// Stats calls f for every node with its statistics since the start.
func (t *Task) Stats(f func(NodeStats)) {
	for _, n := range t.graph.nodes {
		f(NodeStats{Node: n.name(), Kind: n.spec.Name, In: n.run.came(), Out: n.run.out.sent(), Errors: n.run.errors, Groups: n.run.groups, Own: n.run.counters})
	}
}

// NodeStats are the statistics of one node.
type NodeStats struct {
	Node, Kind string
	In, Out    int64 // points taken and sent, those in batches included
	Errors     int64
	Groups     int64
	Own        []Counter
}

// A Counter is a statistic of a node's own.
type Counter struct {
	Name string
	N    *int64
}

func (t *Task) lambdaOptions() lambda.Options {
	now := t.cfg.Wall
	if now == nil {
		now = func() int64 { return t.now }
	}
	return lambda.Options{Now: now, Zone: t.cfg.Zone}
}

// panicked returns a panic's value as an error.
func panicked(where string, r any) error {
	if err, ok := r.(error); ok {
		return fmt.Errorf("%s: internal error: %w", where, err)
	}
	return fmt.Errorf("%s: internal error: %v", where, r)
}
