package agent

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/proto"
)

//go:generate go run ./gen

// Handler is a user-defined function. Its methods are called one after the other, never two at a
// time. An error that one of them returns is sent as an ErrorResponse and ends the conversation.
type Handler interface {
	// Info says which edges the function has and which options scripts may give it.
	Info() (*InfoResponse, error)
	// Init takes the options of the script. An InitResponse without Success refuses them.
	Init(*InitRequest) (*InitResponse, error)
	// Snapshot returns the state. It may be called between any two points, also inside a batch.
	Snapshot() (*SnapshotResponse, error)
	// Restore brings back the state of an earlier Snapshot.
	Restore(*RestoreRequest) (*RestoreResponse, error)

	// BeginBatch opens a batch.
	BeginBatch(*BeginBatch) error
	// Point takes one point, which the Handler may keep, change and send.
	Point(*Point) error
	// EndBatch completes a batch.
	EndBatch(*EndBatch) error

	// Stop is called once, after the last of the other methods. The Handler must close
	// Agent.Responses, at once or when it has sent what it still has.
	Stop()
}

// Agent connects a Handler to one node of one script.
type Agent struct {
	// Responses takes what the Handler sends: points and batches. A send blocks while the other
	// side does not read. The Handler closes it when it is stopped.
	Responses chan<- *Response
	// Handler is the function. It is set before Start.
	Handler Handler

	in        io.ReadCloser
	out       io.WriteCloser
	responses chan *Response
	replies   chan *Response // what the Agent itself sends; not buffered, see write
	read      chan error
	written   chan error
}

// queued is how many responses may wait for the writer.
const queued = 256

// New returns an Agent that reads requests from in and writes responses to out. It closes both when
// it is done; they may be the same connection.
func New(in io.ReadCloser, out io.WriteCloser) *Agent {
	responses := make(chan *Response, queued)
	return &Agent{
		Responses: responses,
		in:        in,
		out:       out,
		responses: responses,
		replies:   make(chan *Response),
		read:      make(chan error, 1),
		written:   make(chan error, 1),
	}
}

// Start begins the conversation and returns.
func (a *Agent) Start() error {
	if a.Handler == nil {
		return errors.New("agent has no handler")
	}
	go func() {
		err := a.serve()
		if err != nil {
			a.replies <- errorResponse(err)
		}
		close(a.replies)
		a.Handler.Stop()
		a.read <- err
	}()
	go func() { a.written <- a.write() }()
	return nil
}

// Wait returns when the conversation is over: the other side has closed its stream, the Handler has
// closed Responses, and all of these are written. The error is that of the Handler or of a stream;
// the end of the input is none.
func (a *Agent) Wait() error {
	writeErr := <-a.written
	readErr := <-a.read
	closeErr := a.out.Close()
	_ = a.in.Close() // if it is the same connection it is closed already
	switch {
	case writeErr != nil:
		return fmt.Errorf("write error: %w", writeErr)
	case readErr != nil:
		return readErr
	default:
		return closeErr
	}
}

// serve reads requests up to the end of the input and has them answered.
func (a *Agent) serve() error {
	in := bufio.NewReaderSize(a.in, bufferSize)
	var buf []byte
	for {
		err := readFrame(&buf, in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		var request *Request
		if err == nil {
			request, err = unmarshalRequest(buf)
		}
		if err != nil {
			return fmt.Errorf("read error: %w", err)
		}
		if err := a.handle(request); err != nil {
			return err
		}
		if cap(buf) > bufferSize {
			buf = nil // a big snapshot must not hold its memory for ever
		}
	}
}

// handle calls the method of the Handler that a request is for and sends its answer.
func (a *Agent) handle(request *Request) error {
	reply := new(Response)
	var err error
	switch m := request.Message.(type) {
	case *Request_Keepalive:
		reply.Message = &Response_Keepalive{Keepalive: &KeepaliveResponse{Time: m.Keepalive.Time}}
	case *Request_Info:
		r := new(Response_Info)
		r.Info, err = a.Handler.Info()
		reply.Message = r
	case *Request_Init:
		r := new(Response_Init)
		r.Init, err = a.Handler.Init(m.Init)
		reply.Message = r
	case *Request_Snapshot:
		r := new(Response_Snapshot)
		r.Snapshot, err = a.Handler.Snapshot()
		reply.Message = r
	case *Request_Restore:
		r := new(Response_Restore)
		r.Restore, err = a.Handler.Restore(m.Restore)
		reply.Message = r
	case *Request_Begin:
		return a.Handler.BeginBatch(m.Begin)
	case *Request_Point:
		return a.Handler.Point(m.Point)
	case *Request_End:
		return a.Handler.EndBatch(m.End)
	default:
		return errors.New("unknown request")
	}
	if err != nil {
		return err
	}
	a.replies <- reply
	return nil
}

// write writes replies and responses until both are closed. After an error it goes on taking them,
// lest the Handler block, and ends the input.
func (a *Agent) write() error {
	out := bufio.NewWriterSize(a.out, bufferSize)
	var buf []byte
	var failed error
	put := func(r *Response) {
		if failed != nil {
			return
		}
		var err error
		if buf, err = appendResponse(buf[:0], r); err != nil {
			// No text of an error is too long for a message.
			buf, _ = appendMessage(buf[:0], errorResponse(err))
		}
		if _, failed = out.Write(buf); failed == nil && err != nil {
			_ = out.Flush()
			failed = err
		}
		if cap(buf) > bufferSize {
			buf = nil
		}
	}
	responses, replies := a.responses, a.replies
	for responses != nil || replies != nil {
		select {
		case r, ok := <-responses:
			if ok {
				put(r)
			} else {
				responses = nil
			}
		case r, ok := <-replies:
			// A reply does not overtake what the Handler had sent before: whoever waits for the
			// answer to a keepalive has all of it then.
			for range len(responses) {
				if r, ok := <-responses; ok {
					put(r)
				}
			}
			if ok {
				put(r)
			} else {
				replies = nil
			}
		}
		if failed == nil && len(responses) == 0 {
			failed = out.Flush()
		}
		if failed != nil {
			_ = a.in.Close() // nobody is there to be answered
		}
	}
	return failed
}

// unmarshalRequest decodes a request. A Handler may keep its point, so each is a new one.
func unmarshalRequest(b []byte) (*Request, error) {
	if r := unmarshalPoint(b); r != nil {
		return r, nil
	}
	r := new(Request)
	return r, proto.Unmarshal(b, r)
}

// appendResponse appends a response with its length in front.
func appendResponse(b []byte, r *Response) ([]byte, error) {
	if m, ok := r.Message.(*Response_Point); ok && len(r.unknownFields) == 0 {
		if out, ok := appendPoint(b, m.Point); ok {
			return out, nil
		}
	}
	return appendMessage(b, r)
}

// errorResponse returns the response that tells the other side of an error.
func errorResponse(err error) *Response {
	text := strings.ToValidUTF8(err.Error(), "\uFFFD")
	return &Response{Message: &Response_Error{Error: &ErrorResponse{Error: text}}}
}
