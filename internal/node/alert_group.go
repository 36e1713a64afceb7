package node

import (
	"fmt"
	"html"
	"slices"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// This file follows the level of one group and makes the events.

// alertGroup is the state of one group of an alert.
type alertGroup struct {
	n *alertNode
	spec.Forward
	fresh      bool // no data yet: where to go on is to be looked up
	calm       bool // data that leaves the group at OK changes nothing
	saved      alertState
	inhibitors []*alert.Inhibitor
}

type alertState struct {
	State    alert.State
	Inhibits bool             // the last event was not OK
	Begun    bool             // there is an ID; a template may make it ""
	ID       string           // last one rendered
	Name     string           // measurement of what raised the last event
	Tags     []point.Tag      // of it
	Stored   alert.EventState // what the node's topic held of the ID, texts left out
	Last     int64            // time of the last event
	Same     int              // number of events at that time
}

// begun reports whether there is an ID. States saved by older versions have no Begun.
func (s *alertState) begun() bool { return s.Begun || s.ID != "" }

func (g *alertGroup) State() any {
	g.saved.Stored = g.stored()
	return &g.saved
}

// stored returns what the node's topic holds of the group's last ID.
func (g *alertGroup) stored() alert.EventState {
	if !g.saved.begun() {
		return alert.EventState{}
	}
	s, _ := g.n.env.Topics().Event(g.n.own, g.saved.ID)
	return alert.EventState{Time: s.Time, Duration: s.Duration, Level: s.Level, Nth: s.Nth}
}

// Restored makes the loaded state fit the script, which may have changed, and the topics, which may
// have seen an event since the state was saved. They must be loaded by now.
func (g *alertGroup) Restored() {
	g.saved.State.Repair(int(g.n.history))
	g.inhibit(g.saved.Inhibits)
	if !g.saved.begun() {
		return
	}
	g.fresh = false
	g.n.env.Topics().Open(g.n.own)
	// No entry at all is no news: those of OK do not last.
	if s := g.stored(); s != g.saved.Stored && s != (alert.EventState{}) {
		g.resume(s.Time, s)
	}
	g.settle()
}

// settle notes whether the group is calm, after each change of its state.
func (g *alertGroup) settle() { g.calm = g.saved.State.Calm(&g.n.rules) }

// begin finds out, when a group's first data comes, at which level the group was before a restart.
func (g *alertGroup) begin(s *alert.Source, t int64) bool {
	g.fresh = false
	id, err := g.n.templates.ID(s)
	if err != nil {
		g.n.env.Fail(err)
		return false
	}
	g.saved.Begun, g.saved.ID, g.saved.Name, g.saved.Tags = true, id, s.Name, s.Tags
	topics := g.n.env.Topics()
	topics.Open(g.n.own)
	if stored, ok := topics.Resume(g.n.own, g.n.topic, id); ok {
		g.resume(t, stored)
	}
	g.settle()
	return true
}

func (g *alertGroup) resume(t int64, stored alert.EventState) {
	if g.saved.State.Resume(t, stored, &g.n.rules) {
		g.inhibit(stored.Level != alert.OK)
	}
	// The next event at this time has another ID.
	g.saved.Last, g.saved.Same = stored.Time, stored.Nth+1
}

func (g *alertGroup) inhibit(on bool) {
	g.saved.Inhibits = on
	for _, i := range g.inhibitors {
		i.Set(on)
	}
}

func (g *alertGroup) Point(p *point.Point) {
	if g.fresh && !g.begin(g.source(p.Name, p.Group, p.Tags), p.Time) {
		return
	}
	st := &g.saved.State
	l := g.n.level(p, st.Level())
	if l == alert.OK && g.calm {
		return
	}
	st.Add(p.Time, l, &g.n.rules)
	g.settle()
	if st.PointRaises(&g.n.rules) {
		g.raisePoint(p)
	}
}

func (g *alertGroup) raisePoint(p *point.Point) {
	row, _ := point.AppendPointRow(nil, p) // null where JSON has no number
	e := g.raise(g.source(p.Name, p.Group, p.Tags), p.Group, p.Time, p.Fields, row)
	if e == nil {
		return
	}
	q := *p
	q.Tags = g.addTags(e, p.Tags)
	q.Fields = g.addFields(e, slices.Clone(p.Fields))
	if g.regroups(p.Group) {
		q.Group = g.n.env.Groups().Get(p.Name, q.Tags, p.Group.Dims, p.Group.ByName)
	}
	g.Out.Point(&q)
}

func (g *alertGroup) Batch(b *point.Batch) {
	if len(b.Points) == 0 {
		return
	}
	if g.fresh && !g.begin(g.source(b.Name, b.Group, b.Group.Tags), b.TMax) {
		return
	}
	// The first of the worst points is the one that the event tells of.
	st := &g.saved.State
	before := st.Level()
	lowest, highest, worst := alert.Critical, alert.OK, 0
	for i := range b.Points {
		l := g.n.level(&b.Points[i], before)
		lowest = min(lowest, l)
		if l > highest {
			highest, worst = l, i
		}
	}
	l, t := highest, b.Points[worst].Time
	if g.n.all {
		l = lowest
	}
	if g.n.all || l == alert.OK {
		t = b.TMax
	}
	st.Add(t, l, &g.n.rules)
	g.settle()
	if st.BatchRaises(&g.n.rules) {
		g.raiseBatch(b, t, b.Points[worst].Fields)
	}
}

func (g *alertGroup) raiseBatch(b *point.Batch, t int64, fields []point.Field) {
	row, _ := point.AppendBatchRow(nil, b) // null where JSON has no number
	e := g.raise(g.source(b.Name, b.Group, b.Group.Tags), b.Group, t, fields, row)
	if e == nil {
		return
	}
	w := &g.n.batch
	w.begin(b)
	for i := range b.Points {
		q := b.Points[i]
		q.Tags = g.addTags(e, q.Tags)
		q.Fields = g.addFields(e, slices.Clone(q.Fields))
		w.add(&q)
	}
	if g.n.levelTag != "" || g.n.idTag != "" {
		// A batch's tags are its group's dimensions.
		tags := g.addTags(e, b.Group.Tags)
		dims := make([]string, len(tags))
		for i := range tags {
			dims[i] = tags[i].Key
		}
		w.batch.Group = g.n.env.Groups().Get(b.Name, tags, dims, b.Group.ByName)
	}
	g.Out.Batch(&w.batch)
}

func (g *alertGroup) Delete(group *point.Group) {
	if since, ok := group.Expired(); ok {
		g.expire(group, since)
	}
	if len(g.inhibitors) > 0 {
		g.inhibit(false)
		delete(g.n.inhibitors, g)
	}
	g.Out.Delete(group)
}

// raise makes the newest level an event and sends it. It returns nil if there is none after all,
// and otherwise the event, whether it was inhibited or not.
func (g *alertGroup) raise(s *alert.Source, group *point.Group, t int64, fields []point.Field, row []byte) *alert.Event {
	st := &g.saved.State
	l := st.Level()
	st.Trigger(t)
	g.inhibit(l != alert.OK)
	if g.n.noRecoveries && l == alert.OK {
		return nil
	}
	e := &alert.Event{
		Time: t, Duration: st.Duration(), Level: l, Recoverable: !g.n.noRecoveries,
		Topic: g.n.topic, Category: g.n.category, Name: s.Name, Task: s.Task, Node: g.n.env.Node(),
		Group: group.ID, GroupTags: group.Tags, Tags: s.Tags, Fields: slices.Clone(fields), ValueKey: g.n.valueKey(l, fields),
		Data: point.AppendSeries(nil, row), Handlers: g.n.handlers,
	}
	if err := g.n.templates.Render(s, e); err != nil {
		g.n.env.Fail(err)
		return nil
	}
	g.saved.ID, g.saved.Name, g.saved.Tags = e.ID, e.Name, e.Tags
	g.identify(e)
	g.send(e)
	return e
}

// identify gives e what tells it from all other events.
func (g *alertGroup) identify(e *alert.Event) {
	if e.Time != g.saved.Last {
		g.saved.Last, g.saved.Same = e.Time, 0
	}
	e.Nth = g.saved.Same
	g.saved.Same++
	e.SetEventID()
}

// expire ends the alert of a group that has had no data since the given time, or its receivers would
// wait for its end for ever. The script's templates are for data, of which there is none.
func (g *alertGroup) expire(group *point.Group, since int64) {
	if !g.saved.Inhibits || g.n.noRecoveries {
		return
	}
	st, t := &g.saved.State, max(g.n.env.Now(), g.saved.Last)
	st.LastTriggered = t
	g.inhibit(false)
	text := fmt.Sprintf("%s is OK: gone, no data since %s", g.saved.ID, time.Unix(0, since).UTC().Format(time.RFC3339))
	row, _ := point.AppendPointRow(nil, &point.Point{Name: g.saved.Name, Time: t, Tags: g.saved.Tags}) // nothing that JSON cannot say
	e := &alert.Event{
		ID: g.saved.ID, Message: text, Details: html.EscapeString(text),
		Time: t, Duration: st.Duration(), Level: alert.OK, Recoverable: true,
		Topic: g.n.topic, Category: g.n.category, Name: g.saved.Name, Task: g.n.env.Task(), Node: g.n.env.Node(),
		Group: group.ID, GroupTags: group.Tags, Tags: g.saved.Tags,
		Data: point.AppendSeries(nil, row), Handlers: g.n.handlers,
	}
	g.identify(e)
	g.send(e)
}

// send counts e, stores it in its topics and hands it out, unless another alert inhibits it.
func (g *alertGroup) send(e *alert.Event) {
	topics := g.n.env.Topics()
	if topics.Inhibitors().Inhibits(e.Category, e.Tags) {
		*g.n.counts.inhibited++
		return
	}
	*g.n.counts.triggered++
	*g.n.counts.levels[e.Level]++
	e.NodePrevious = topics.Collect(g.n.own, e)
	e.Previous = e.NodePrevious
	if g.n.topic != "" {
		e.Previous = topics.Collect(g.n.topic, e)
	}
	g.n.env.Emit(spec.Effect{Kind: spec.AlertEffect, Event: e})
}

func (g *alertGroup) source(name string, group *point.Group, tags []point.Tag) *alert.Source {
	return &alert.Source{Name: name, Task: g.n.env.Task(), Group: group.ID, Tags: tags, Host: g.n.env.Host()}
}

// addTags returns tags with those of the event that the script wants.
func (g *alertGroup) addTags(e *alert.Event, tags []point.Tag) []point.Tag {
	if g.n.levelTag != "" {
		tags = point.SetTag(tags, g.n.levelTag, e.Level.String())
	}
	if g.n.idTag != "" {
		tags = point.SetTag(tags, g.n.idTag, e.ID)
	}
	return tags
}

// regroups reports whether the tags that the event adds change a point's group.
func (g *alertGroup) regroups(group *point.Group) bool {
	return g.n.levelTag != "" && slices.Contains(group.Dims, g.n.levelTag) || g.n.idTag != "" && slices.Contains(group.Dims, g.n.idTag)
}

// addFields sets the fields of the event that the script wants.
func (g *alertGroup) addFields(e *alert.Event, fields []point.Field) []point.Field {
	if g.n.levelField != "" {
		fields = point.SetField(fields, g.n.levelField, point.StringValue(e.Level.String()))
	}
	if g.n.messageField != "" {
		fields = point.SetField(fields, g.n.messageField, point.StringValue(e.Message))
	}
	if g.n.durationField != "" {
		fields = point.SetField(fields, g.n.durationField, point.IntValue(int64(e.Duration)))
	}
	if g.n.idField != "" {
		fields = point.SetField(fields, g.n.idField, point.StringValue(e.ID))
	}
	return fields
}
