package replay

import (
	"fmt"

	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// This file lets the user-defined functions of a script take part in a replay.

// A Function is a conversation with a user-defined function, for one node. What the function gives
// back for some frames comes before anything else happens, so a replay is the same each time.
type Function interface {
	// Send hands frames to the function, and what it gives back to receive.
	Send(frames []byte, receive func(*udf.Response) error) error
	// End tells it that nothing more comes, and hands what it still gives back to receive.
	End(receive func(*udf.Response) error) error
	// Close ends the conversation, if it has not ended yet.
	Close()
}

// open begins the conversations with the functions of the script.
func (p *player) open() error {
	for _, u := range p.t.UDFs() {
		if p.o.Function == nil {
			return fmt.Errorf("%s: nobody has said how to reach the user-defined function %s", u.Node, u.Function)
		}
		f, err := p.o.Function(u)
		if err != nil {
			return fmt.Errorf("%s: %w", u.Node, err)
		}
		if p.functions == nil {
			p.functions = map[string]Function{}
		}
		p.functions[u.Node] = f
	}
	return nil
}

func (p *player) closeFunctions() {
	for _, f := range p.functions {
		f.Close()
	}
}

// receiver returns what takes the responses of a node's function.
func (p *player) receiver(node string) func(*udf.Response) error {
	return func(r *udf.Response) error {
		err := p.after(p.t.Receive(node, r))
		if err != nil && p.failed == nil {
			p.failed = err
		}
		return err
	}
}

// blame returns err, an error of the conversation with a node's function, unless the reason is that the
// task did not take what came.
func (p *player) blame(node string, err error) error {
	if err == nil || p.failed != nil {
		return p.failed
	}
	return fmt.Errorf("%s: %w", node, err)
}

// exchange hands frames to the function of a node and brings what it gives back to the task.
func (p *player) exchange(node string, frames []byte) error {
	f := p.functions[node]
	if f == nil {
		return nil
	}
	return p.blame(node, f.Send(frames, p.receiver(node)))
}

// finish ends the input of the task as far as its functions, then theirs, and so on.
func (p *player) finish() error {
	if len(p.functions) == 0 {
		return nil
	}
	for {
		ended, err := p.t.Finish()
		if err := p.after(err); err != nil {
			return err
		}
		if len(ended) == 0 {
			return nil
		}
		for _, node := range ended {
			if err := p.blame(node, p.functions[node].End(p.receiver(node))); err != nil {
				return err
			}
		}
	}
}
