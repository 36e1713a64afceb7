// Package agent is for authors of user-defined functions: programs that take points from a
// TICKscript, compute, and give points back. The script calls a function as @name().
//
// A function is a [Handler]. An [Agent] connects it to one node of one running script over two
// streams: it reads requests, calls the methods of the Handler one after the other, answers
// keepalives by itself and writes what the Handler sends to Agent.Responses:
//
//	a := agent.New(os.Stdin, os.Stdout)
//	a.Handler = &mirror{a}
//	if err := a.Start(); err != nil {
//		log.Fatal(err)
//	}
//	if err := a.Wait(); err != nil {
//		log.Fatal(err)
//	}
//
// That is a function that runs as a child process. Its standard output belongs to the protocol; what
// it writes to its standard error appears in the log. A function that serves a socket has a
// [Server], which makes an Agent for each connection: one for each node of each script, and short
// ones that only ask for Info.
//
// The calls come in the order Info or Init, then Restore if there is a snapshot, then data and
// Snapshot as they come, then Stop. A stream function gets Point, a batch function BeginBatch, Point
// for each point, and EndBatch.
//
// The API is that of Kapacitor's package of the same name: a function written for it needs nothing
// but the other import path.
package agent
