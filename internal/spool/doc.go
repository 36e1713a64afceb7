// Package spool keeps alert events until nothing is left to deliver of them, and remembers for a while
// which events there were and what their receivers know.
//
// All of it is in memory. With a folder a journal has what happened to it, from which the next process
// makes it again. What happens to one event is one record, so a crash leaves all or nothing of it.
//
// An event is safe, and whoever handed it over may forget it, when its record is synced. One sync covers
// all events that have come meanwhile. What deliveries were made is written at once but synced some time
// later: a crash of the process forgets none of it, one of the machine what happened in the last second,
// so that receivers get those events again.
//
// Without a folder, or while its disk fails, an event is safe when nothing is left to deliver of it. When
// the disk works again everything is written to it.
package spool
