package udf

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

// lockstep begins a conversation with a function that play plays.
func lockstep(t *testing.T, r *rig, snapshot []byte, play func(p *peer)) (*Lockstep, error) {
	go func() {
		p := <-r.peers
		defer p.close()
		play(p)
	}()
	return r.Lockstep(t.Context(), AppendInit(nil, &Init{Task: "t", Node: "mirror2"}), snapshot)
}

func TestLockstep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := lockstep(t, newRig(t, nil), []byte("5"), func(p *peer) { p.mirror(nil) })
		require.NoError(t, err)
		var times []int64
		var snapshot string
		receive := func(r *Response) error {
			if r.Kind == SnapshotReply {
				snapshot = string(r.Snapshot)
			} else {
				times = append(times, r.Point.Time)
			}
			return nil
		}
		for i := range int64(3) {
			frames := AppendPoint(AppendPoint(nil, &point.Point{Time: 2*i + 1}), &point.Point{Time: 2*i + 2})
			require.NoError(t, l.Send(frames, receive))
			require.Len(t, times, int(2*i+2), "what the function gives back is there")
		}
		require.Equal(t, []int64{1, 2, 3, 4, 5, 6}, times)
		require.NoError(t, l.Send(AppendSnapshot(nil), receive))
		require.Equal(t, "11", snapshot, "the five of the snapshot count")
		require.NoError(t, l.End(receive))
		require.Error(t, l.Send(nil, receive))
		l.Close()
	})
}

// TestLockstepOvertaken answers a keepalive too early, as Kapacitor's agent for Go may.
func TestLockstepOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := lockstep(t, newRig(t, nil), nil, func(p *peer) {
			p.begin(false)
			x := p.skipTo(&agent.Request_Point{})
			for range 2 {
				k := p.skipTo(&agent.Request_Keepalive{})
				p.send(&agent.Response{Message: &agent.Response_Keepalive{Keepalive: &agent.KeepaliveResponse{Time: k.GetKeepalive().Time}}})
				p.send(pointReply(x.GetPoint()))
			}
		})
		require.NoError(t, err)
		n := 0
		require.NoError(t, l.Send(AppendPoint(nil, &point.Point{}), func(*Response) error { n++; return nil }))
		require.Equal(t, 1, n)
		l.Close()
	})
}

func TestLockstepErrors(t *testing.T) {
	refuse := func(p *peer) {
		p.skipTo(&agent.Request_Init{})
		p.send(&agent.Response{Message: &agent.Response_Init{Init: &agent.InitResponse{Error: "no\nway"}}})
	}
	for _, c := range []struct {
		name     string
		snapshot []byte
		play     func(p *peer)
		want     string
	}{
		{"refused", nil, refuse, "the function mirror: it refuses the init: no way"},
		{"restore refused", []byte("x"), func(p *peer) {
			p.begin(false)
			p.skipTo(&agent.Request_Restore{})
			p.send(&agent.Response{Message: &agent.Response_Restore{Restore: &agent.RestoreResponse{Error: "bad"}}})
		}, "the function mirror: it refuses the restore: bad"},
		{"silent", nil, func(p *peer) {
			p.begin(false)
			p.skipTo(&agent.Request_Keepalive{})
			p.next()
		}, "the function mirror: no answer in time (10s)"},
		{"deaf", nil, func(p *peer) {
			p.begin(false)
			time.Sleep(time.Minute)
		}, "the function mirror: no answer in time (10s)"},
		{"gone", nil, func(p *peer) { p.begin(false) }, "the function mirror: it closed the connection"},
		{"error", nil, func(p *peer) {
			p.begin(false)
			p.send(&agent.Response{Message: &agent.Response_Error{Error: &agent.ErrorResponse{Error: "oops"}}})
		}, "the function mirror: it gives up: oops"},
		{"garbage", nil, func(p *peer) {
			p.begin(false)
			_, _ = p.out.Write([]byte{0})
		}, "the function mirror: message without a known content"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, err := lockstep(t, newRig(t, nil), c.snapshot, c.play)
				if err == nil {
					err = l.Send(AppendPoint(nil, &point.Point{}), func(*Response) error { return nil })
					require.Equal(t, err, l.Send(nil, nil), "an error stays")
				}
				require.EqualError(t, err, c.want)
				time.Sleep(time.Hour) // nobody is left behind
			})
		})
	}
}

// TestLockstepReceiver ends the conversation when the responses are not wanted, and does not blame the
// function for the time that the receiver takes.
func TestLockstepReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := lockstep(t, newRig(t, nil), nil, func(p *peer) { p.mirror(nil) })
		require.NoError(t, err)
		frames := AppendPoint(nil, &point.Point{Name: "m"})
		require.NoError(t, l.Send(bytes.Repeat(frames, 3), func(*Response) error { time.Sleep(time.Minute); return nil }))
		stop := errors.New("stop")
		require.ErrorIs(t, l.Send(frames, func(*Response) error { return stop }), stop)
		require.ErrorIs(t, l.End(nil), stop)
	})
}
