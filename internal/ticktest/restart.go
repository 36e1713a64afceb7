package ticktest

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
	"github.com/telegraf-tigk/telegraf-tigk/internal/udf"
)

// A restarter lets the user-defined functions of a replay begin anew in the middle, each with the state
// that it has.
type restarter struct {
	open  func(u task.UDF) (replay.Function, error)
	conns map[string]*conn
}

// A conn is a conversation that the replay takes for one.
type conn struct{ replay.Function }

func (r *restarter) begin(u task.UDF) (replay.Function, error) {
	f, err := r.open(u)
	if err != nil {
		return nil, err
	}
	if r.conns == nil {
		r.conns = map[string]*conn{}
	}
	c := &conn{f}
	r.conns[u.Node] = c
	return c, nil
}

// save asks the functions of t for their states, and ends them.
func (r *restarter) save(t *task.Task) error {
	for node, c := range r.conns {
		err := c.Send(udf.AppendSnapshot(nil), func(resp *udf.Response) error {
			if resp.Kind == udf.SnapshotReply {
				t.KeepSnapshot(node, append([]byte(nil), resp.Snapshot...))
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.Close()
	}
	return nil
}

// restart begins the functions of t with the states that it has.
func (r *restarter) restart(t *task.Task) error {
	for _, u := range t.UDFs() {
		f, err := r.open(u)
		if err != nil {
			return err
		}
		r.conns[u.Node].Function = f
	}
	return nil
}
