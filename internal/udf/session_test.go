package udf

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/udf/agent"
)

// TestConversation is one as it should be: init, restore, data, keepalives, snapshots, end.
func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		s := r.open("41")
		p := <-r.peers
		m := p.next()
		require.Equal(t, "cpu", m.GetInit().TaskID)
		require.Equal(t, "mirror2", m.GetInit().NodeID)
		sendTo(s, 1, 3)
		p.send(initOK())
		require.Equal(t, "41", string(p.next().GetRestore().Snapshot), "data comes after the restore")
		p.send(&agent.Response{Message: &agent.Response_Restore{Restore: &agent.RestoreResponse{Success: true}}})
		for want := range int64(3) {
			require.Equal(t, want+1, p.next().GetPoint().Time)
		}
		begin := time.Now()
		require.NotNil(t, p.next().GetKeepalive())
		require.Equal(t, 5*time.Second, time.Since(begin), "half of the timeout")
		p.send(pointReply(&agent.Point{Time: 7}))
		kinds := map[string]int{}
		for range 3 {
			kinds[fmt.Sprintf("%T", p.next().Message)]++
		}
		require.Equal(t, map[string]int{"*agent.Request_Keepalive": 2, "*agent.Request_Snapshot": 1}, kinds)
		p.send(snapshotReply("44"))
		synctest.Wait()
		require.Equal(t, []string{"44"}, r.snapshots)
		require.Equal(t, []int64{7}, r.times())

		go s.Close()
		require.NotNil(t, p.next().GetSnapshot())
		p.send(pointReply(&agent.Point{Time: 8}), snapshotReply("45"))
		require.Nil(t, p.next(), "the end of the stream")
		p.send(pointReply(&agent.Point{Time: 9}))
		p.close()
		s.Close()
		require.Equal(t, []int64{7, 8, 9}, r.times())
		require.Equal(t, []string{"44", "45"}, r.snapshots)
		x := r.Stats()
		require.Equal(t, Stats{In: 3, Out: 3, Snapshots: 2}, x)
		require.Empty(t, r.log.all())
	})
}

// TestRoundTrip takes the time of a keepalive that is echoed.
func TestRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		s := r.open("")
		p := <-r.peers
		p.begin(false)
		k := p.skipTo(&agent.Request_Keepalive{}).GetKeepalive()
		time.Sleep(20 * time.Millisecond)
		p.send(&agent.Response{Message: &agent.Response_Keepalive{Keepalive: &agent.KeepaliveResponse{Time: k.Time}}})
		synctest.Wait()
		require.Equal(t, 20*time.Millisecond, s.Stats().RoundTrip)
		p.close()
		s.Close()
	})
}

// TestRefused has a function that does not like its options: the session fails, and for good.
func TestRefused(t *testing.T) {
	for _, last := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			s := r.open("")
			p := <-r.peers
			p.skipTo(&agent.Request_Init{})
			p.send(&agent.Response{Message: &agent.Response_Init{Init: &agent.InitResponse{Error: "size must be positive\x1b"}}})
			if last {
				p.close()
			}
			synctest.Wait()
			require.EqualError(t, r.failed, "the function mirror refuses to begin: size must be positive")
			sendTo(s, 1, 5)
			s.Close()
			require.EqualValues(t, 5, s.Stats().Dropped)
			require.Equal(t, 1, r.dials)
		})
	}
}

// TestHang has functions that say nothing, at several points of a conversation.
func TestHang(t *testing.T) {
	for name, play := range map[string]func(p *peer){
		"at once":      func(*peer) {},
		"after init":   func(p *peer) { p.skipTo(&agent.Request_Init{}); go discard(p) },
		"restoring":    func(p *peer) { p.skipTo(&agent.Request_Init{}); p.send(initOK()); go discard(p) },
		"with data":    func(p *peer) { p.begin(true); go discard(p) },
		"not reading":  func(p *peer) { p.begin(true) },
		"half a frame": func(p *peer) { p.begin(true); _, _ = p.out.Write([]byte{200, 1, 5}); go discard(p) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				s := r.open("x")
				p := <-r.peers
				begin := time.Now()
				sendTo(s, 1, 100)
				go play(p)
				<-p.link.killed
				silence := time.Since(begin)
				require.GreaterOrEqual(t, silence, 10*time.Second)
				require.LessOrEqual(t, silence, 12*time.Second)
				p.close()
				p = <-r.peers
				require.Less(t, time.Since(begin), 13*time.Second)
				go p.mirror(nil)
				s.Close()
				require.EqualValues(t, 1, s.Stats().Restarts)
				require.Equal(t, upTo(1, 100), r.times())
				require.Contains(t, r.log.all(), "keepalive timed out")
			})
		})
	}
}

// TestSlow has a function that answers any frame in time, but keepalives late.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		s := r.open("")
		p := <-r.peers
		p.begin(false)
		for i := range int64(100) {
			sendTo(s, i, i)
			p.skipTo(&agent.Request_Point{})
			time.Sleep(9 * time.Second)
			p.send(pointReply(&agent.Point{Time: i}))
		}
		require.EqualValues(t, 0, s.Stats().Restarts)
		require.Equal(t, upTo(0, 99), r.times())
		p.close()
		s.Close()
	})
}

// TestGarbage has functions that do not keep to the protocol: it costs them the connection.
func TestGarbage(t *testing.T) {
	for name, x := range map[string]struct{ bytes, want string }{
		"no protobuf":       {"\x03\xff\xff\xff", "malformed"},
		"empty frame":       {"\x00", "without a known content"},
		"unknown message":   {"\x03\x9a\x06\x00", "without a known content"},
		"oversized":         {"\xff\xff\xff\xff\x0f", "too large"},
		"length of 70 bits": {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "32 bits"},
		"end without begin": {"\x03\x92\x01\x00", "without a begin"},
		"text":              {"Traceback (most recent call last):\n  File \"/etc/telegraf/udf/ttest.py\", line 12, in point\n    import scipy\n", "malformed"},
		"half a frame":      {"\x20\x01", "inside a frame"},
		"error":             {"\x08\x32\x06\x0a\x04oops", "oops"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(c *Config) { c.MaxFrame = 1 << 20 })
				s := r.open("")
				p := <-r.peers
				p.begin(false)
				sendTo(s, 1, 10)
				for range 4 {
					p.send(pointReply(p.skipTo(&agent.Request_Point{}).GetPoint()))
				}
				_, _ = p.out.Write([]byte(x.bytes))
				p.close()
				go (<-r.peers).mirror(nil)
				s.Close()
				require.Contains(t, r.log.all(), x.want)
				require.Equal(t, upTo(1, 10), r.times(), "nothing is missing and nothing comes twice")
				st := r.Stats()
				require.EqualValues(t, 1, st.Restarts)
				require.EqualValues(t, 4, st.Repeated)
				require.EqualValues(t, 10, st.Out)
			})
		})
	}
}

// TestUnexpected has replies that nobody asked for; they are ignored.
func TestUnexpected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		s := r.open("")
		p := <-r.peers
		p.send(snapshotReply("x"), &agent.Response{Message: &agent.Response_Restore{Restore: &agent.RestoreResponse{}}})
		p.begin(false)
		for range 10 {
			p.send(initOK(), &agent.Response{Message: &agent.Response_Info{Info: &agent.InfoResponse{}}})
		}
		go p.mirror(nil)
		sendTo(s, 1, 3)
		s.Close()
		require.Equal(t, upTo(1, 3), r.times())
		require.EqualValues(t, 22, r.Stats().Unexpected)
		require.Equal(t, []string{"3"}, r.snapshots, "the last one")
	})
}

// TestBackoff has a function that is not there, and then is.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.refuse = 20
		begin := time.Now()
		s := r.open("")
		sendTo(s, 1, 5)
		p := <-r.peers
		took := time.Since(begin)
		require.Greater(t, took, 2*time.Minute)
		require.Less(t, took, 10*time.Minute)
		go p.mirror(nil)
		s.Close()
		require.Equal(t, upTo(1, 5), r.times())
		require.EqualValues(t, 20, r.Stats().Restarts)
		require.Len(t, r.log.lines, 1, "one line for all of it")
	})
}

// TestReplay ends a conversation in the middle of things. What has been written since the last snapshot
// is written again; what comes again is left out.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		s := r.open("")
		p := <-r.peers
		n := 0
		go p.mirror(func(m *agent.Request) bool {
			if m.GetPoint() != nil {
				n++
			}
			return n > 30
		})
		sendTo(s, 1, 20)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"20"}, r.snapshots)
		sendTo(s, 21, 40) // the last ten, and some in the pipe, are not answered
		p = <-r.peers
		require.Equal(t, "20", p.begin(true))
		for want := int64(21); want <= 40; want++ {
			m := p.skipTo(&agent.Request_Point{})
			require.Equal(t, want, m.GetPoint().Time)
			p.send(pointReply(m.GetPoint()))
		}
		go p.mirror(nil)
		s.Close()
		require.Equal(t, upTo(1, 40), r.times())
		st := r.Stats()
		require.EqualValues(t, 10, st.Repeated)
		require.GreaterOrEqual(t, st.Replayed, int64(11))
		require.Zero(t, st.Lost)
		require.Equal(t, 2, r.broken)
	})
}

// TestReplayEnds has a function that says less the second time: what is new must not be taken for old.
func TestReplayEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		s := r.open("")
		p := <-r.peers
		p.begin(false)
		sendTo(s, 1, 5)
		for range 5 {
			x := p.skipTo(&agent.Request_Point{}).GetPoint()
			p.send(pointReply(x), pointReply(x)) // two for each
		}
		p.close()
		p = <-r.peers
		go p.mirror(nil) // one for each
		time.Sleep(time.Second)
		sendTo(s, 6, 8)
		s.Close()
		require.Equal(t, []int64{1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8}, r.times())
	})
}

// TestReplayBound has more points since the last snapshot than are kept.
func TestReplayBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.ReplaySize = 7 })
		s := r.open("")
		p := <-r.peers
		p.begin(false)
		sendTo(s, 1, 20)
		for range 20 {
			p.skipTo(&agent.Request_Point{})
		}
		synctest.Wait()
		p.close()
		go (<-r.peers).mirror(nil)
		s.Close()
		require.Equal(t, upTo(14, 20), r.times())
		st := r.Stats()
		require.EqualValues(t, 13, st.Lost)
		require.EqualValues(t, 7, st.Replayed)
	})
}

// TestPoison has a point that the function cannot bear. It is tried three times more.
func TestPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		s := r.open("")
		sendTo(s, 1, 10)
		go func() {
			for p := range r.peers {
				p.mirror(func(m *agent.Request) bool { return m.GetPoint().GetTime() == 6 })
			}
		}()
		time.Sleep(time.Minute)
		sendTo(s, 11, 13)
		s.Close()
		close(r.peers)
		require.EqualValues(t, 4, r.Stats().Restarts)
		got := r.times()
		require.Equal(t, upTo(1, 5), got[:5])
		require.Equal(t, upTo(11, 13), got[len(got)-3:])
		require.Contains(t, r.log.all(), "which are given up")
		require.Positive(t, r.Stats().Lost)
	})
}

// TestBadSnapshot has a snapshot that is refused, or cannot be borne: the function begins anew.
func TestBadSnapshot(t *testing.T) {
	for name, answer := range map[string]*agent.Response{
		"refused": {Message: &agent.Response_Restore{Restore: &agent.RestoreResponse{Error: "version 2"}}},
		"crash":   nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				s := r.open("old")
				go func() {
					for p := range r.peers {
						p.mirror(func(m *agent.Request) bool {
							if m.GetRestore() == nil {
								return false
							}
							if answer != nil {
								p.send(answer)
								discard(p)
							}
							return true
						})
					}
				}()
				time.Sleep(9 * time.Second)
				sendTo(s, 1, 3)
				s.Close()
				close(r.peers)
				require.Equal(t, upTo(1, 3), r.times())
				require.Equal(t, []string{"", "3"}, r.snapshots)
				require.NoError(t, r.failed)
			})
		})
	}
}

// TestPolicies has a function that reads nothing, and a queue of ten.
func TestPolicies(t *testing.T) {
	for policy, want := range map[Policy][]int64{
		DropOldest: upTo(91, 100),
		DropNewest: upTo(1, 10),
		Block:      upTo(1, 50),
	} {
		t.Run(string(policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(c *Config) { c.QueueSize, c.QueueFull, c.ReplaySize = 10, policy, 10 })
				r.refuse = 3
				s := r.open("")
				sendTo(s, 1, 9)
				require.False(t, s.Full())
				sendTo(s, 10, 100)
				require.Equal(t, policy == Block, s.Full())
				st := s.Stats()
				require.EqualValues(t, 100-len(want), st.Dropped)
				require.EqualValues(t, len(want), st.Queue)
				go (<-r.peers).mirror(nil)
				s.Close()
				require.False(t, s.Full())
				require.Equal(t, want, r.times())
				require.Equal(t, policy == Block, r.rooms == 1)
			})
		})
	}
}

// TestCloseInTime closes sessions whose functions do not help.
func TestCloseInTime(t *testing.T) {
	for name, x := range map[string]struct {
		play    func(p *peer)
		atMost  time.Duration
		dropped int64
	}{
		"hung":        {func(p *peer) { discard(p) }, 10 * time.Second, 5},
		"not reading": {func(p *peer) { p.begin(false); <-p.link.killed }, 10 * time.Second, 0},
		"no snapshot": {func(p *peer) { p.begin(false); discard(p); p.close() }, 5 * time.Second, 0},
		"does not end": {func(p *peer) {
			p.begin(false)
			p.skipTo(&agent.Request_Snapshot{})
			p.send(snapshotReply("1"))
			discard(p)
		}, 10 * time.Second, 0},
		"dies": {func(p *peer) { p.begin(false); p.skipTo(&agent.Request_Snapshot{}); p.close() }, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				s := r.open("")
				sendTo(s, 1, 5)
				p := <-r.peers
				go x.play(p)
				begin := time.Now()
				s.Close()
				require.LessOrEqual(t, time.Since(begin), x.atMost)
				require.Equal(t, x.dropped, r.Stats().Dropped)
				p.close()
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.refuse = 1 << 30
		s := r.open("")
		sendTo(s, 1, 5)
		time.Sleep(time.Minute)
		begin := time.Now()
		s.Close()
		require.Zero(t, time.Since(begin))
		require.EqualValues(t, 5, r.Stats().Dropped)
		require.Contains(t, r.log.all(), "5 points had not been sent")
	})
}

// TestBatches ends a conversation inside of a batch: it comes as a whole or is told to be void.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		s := r.open("")
		p := <-r.peers
		p.begin(false)
		s.Send(append(append(AppendBatch(nil, batchOf(1, 2)), AppendBatch(nil, batchOf(3, 4))...), AppendBatch(nil, batchOf(5, 6))...), 6)
		points := 0
		for points < 4 {
			switch x := p.next().Message.(type) {
			case *agent.Request_Begin:
				p.send(&agent.Response{Message: &agent.Response_Begin{Begin: x.Begin}})
			case *agent.Request_Point:
				if points++; points < 4 {
					p.send(pointReply(x.Point))
				}
			case *agent.Request_End:
				p.send(&agent.Response{Message: &agent.Response_End{End: x.End}})
			}
		}
		synctest.Wait()
		require.Equal(t, []Kind{BeginReply, PointReply, PointReply, EndReply, BeginReply, PointReply}, r.frames)
		r.frames = nil
		p.close()
		synctest.Wait()
		require.Equal(t, 1, r.broken)
		go (<-r.peers).mirror(nil)
		s.Close()
		require.Equal(t, []Kind{BeginReply, PointReply, PointReply, EndReply, BeginReply, PointReply, PointReply, EndReply}, r.frames)
		require.Equal(t, []int64{1, 2, 3, 3, 4, 5, 6}, r.times())
	})
}

// TestOwnerWaits has an owner that does not take what comes: the function cannot be blamed.
func TestOwnerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		s := r.open("")
		p := <-r.peers
		go p.mirror(nil)
		r.hold = make(chan struct{})
		sendTo(s, 1, 2)
		time.Sleep(time.Minute)
		require.Empty(t, r.times())
		close(r.hold)
		s.Close()
		require.Zero(t, r.Stats().Restarts)
		require.Equal(t, upTo(1, 2), r.times())
	})
}
