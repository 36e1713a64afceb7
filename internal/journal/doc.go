// Package journal is a log of records that outlives the process: what one has appended and synced, the
// next one reads, whatever ended the first.
//
// It is a log and no database (bbolt was at hand) because an alert event must be on the disk before it
// goes on, and events come in storms: appending costs one sync of one file and as many bytes as the
// record has, a commit of bbolt two syncs and several pages. What a crash can do to a log is plain,
// too: its end may be missing.
//
// The log is cut into segments. When one has grown enough, the next begins with a copy of what its
// owner still needs, and when that is synced the older ones are removed. So there may be several at
// any time. A reader begins with the last segment whose copy is complete; what is before counts no
// more, even if a crash has brought a removed segment back.
//
// Whoever wants records to be safe calls [Log.Sync], which covers all that others have appended
// meanwhile: a storm costs few syncs.
//
// When the disk fails, the owner goes on without the log, which returns to the disk with a new segment
// as soon as that works again. The owner and the log share one lock, so that a copy is consistent.
package journal
