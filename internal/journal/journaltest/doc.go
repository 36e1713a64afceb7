// Package journaltest has a disk in memory for tests of what must outlive a crash.
//
// A [Disk] has folders. It knows what of them is on the disk for sure, can fail, and records what is done
// to it, so that a test can carry it out again step by step and look, at each step, at what a crash of the
// process or of the machine may leave.
//
// It promises no more than a file system of POSIX does:
//
//   - What was written is there for every process at once, but on the disk for sure only after a sync of the
//     file that began later. Until then a loss of power leaves all of it, nothing, a part, zeros in the
//     place of it or of a part; and what was written later may be there all the same.
//   - A file that was created, renamed or removed has its new name, or none, on the disk for sure only after
//     a sync of the folder that began later. Until then each of these changes may be there or not, whatever
//     became of the others. One change is there as a whole or not at all: a rename never leaves the file
//     with both names or with none of them.
//   - A sync of a file says nothing about its name.
//   - What a failed sync should have brought to the disk never is there for sure, even if the next sync
//     succeeds: systems forget what they could not write.
package journaltest
