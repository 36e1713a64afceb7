// Package udf speaks with user-defined functions: programs of any language that take points and
// batches of a task and give others back.
//
// # The protocol
//
// It is Kapacitor's. A byte stream runs in each direction, over the standard input and output of a
// child process or over a socket. A stream is a sequence of frames: the length of a message as a
// varint of at most 32 bits, then that many bytes of a proto3 message. What the agent sends are
// requests, what the function sends are responses. Both have one of
//
//	 1 info       what the function wants and provides, and the options that it knows
//	 2 init       the options that the script sets; the response says whether they are right
//	 3 keepalive  echoed by the function
//	 4 snapshot   the function's state as bytes
//	 5 restore    a state to go on from
//	 6 error      (response only) the function gives up
//	16 begin      the points that follow, up to an end, are one batch
//	17 point
//	18 end
//
// A conversation begins with info alone, or with init and, if there is a state, restore. Then data and
// keepalives run in both directions, loosely coupled: a function answers with as many points as it
// likes, when it likes.
//
// The messages are encoded and decoded by hand. [AppendPoint] and its like append whole frames to a
// buffer and allocate nothing more; a [Reader] bounds what it reads and shares names and tag sets that
// come again.
package udf
