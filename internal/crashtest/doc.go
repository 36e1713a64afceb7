// Package crashtest shows that alerts survive whatever a crash or a disk does to the files that keep them.
//
// It runs the real engine, outbox, delivery and mutes on disks in memory, through storms of alerts with
// restarts in their midst, and records all that happens to the disks and at the receivers. Then it goes
// through the recording: at each operation it takes what a crash of the process or a loss of power may have
// left there, starts a new agent on it, lets that run to its end, and compares what the receivers have got
// in all with what is promised.
package crashtest
