// Package alert holds the alert machine: levels, state changes, flapping, topics and events. It
// reads no clock and does no I/O; times are nanoseconds since the Unix epoch that the caller gives.
//
// A node that raises alerts keeps one [State] per group. For each point (or batch) it finds the
// [Level] and calls [State.Add], which says whether the level has changed, whether the group is
// flapping and whether an unchanged level is due again. If the node decides that this is an event
// it calls [State.Trigger], which keeps the times that make up the event's duration, renders the
// [Templates] and fills in an [Event].
//
// [Topics] keeps the last state of every event ID, by topic: the topic that the script names, and
// one of the node's own. From there come an event's previous level and, after a restart, the level
// at which a group goes on. It also holds the [Inhibitors], by which alerts silence others. Both
// are shared by all tasks of an engine; all else in this package belongs to one task.
package alert
