package udf

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// A naiveBacklog does with a slice what a backlog does with blocks.
type naiveBacklog struct {
	chunks     []naiveChunk // from the first ever
	head, mark int
}

type naiveChunk struct {
	text   string
	points int
	gone   bool
}

func (n *naiveBacklog) sum(from, to int) (points, size int) {
	for _, c := range n.chunks[from:to] {
		if !c.gone {
			points += c.points
			size += len(c.text)
		}
	}
	return points, size
}

// TestBacklog does the same at random to a backlog and to its twin.
func TestBacklog(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		keep, keepBytes := r.IntN(40), 1<<20
		if r.IntN(3) == 0 {
			keep, keepBytes = 1<<20, r.IntN(3*blockSize)
		}
		b := backlog{keep: keep, keepBytes: keepBytes}
		n := naiveBacklog{}
		largest := r.IntN(blockSize+100) + 1
		var reading []byte
		var want string
		for step := range 400 {
			switch r.IntN(10) {
			default:
				text := strconv.Itoa(step) + string(slices.Repeat([]byte{'.'}, r.IntN(largest)))
				points := r.IntN(4)
				b.add([]byte(text), points)
				n.chunks = append(n.chunks, naiveChunk{text: text, points: points})
			case 0, 1, 2:
				limit := len(n.chunks) - r.IntN(3)
				require.Equal(t, want, string(reading), "the block that is written does not change")
				reading = b.next(int64(limit))
				want = ""
				for len(want) < len(reading) {
					if !n.chunks[n.mark].gone {
						want += n.chunks[n.mark].text
					}
					n.mark++
				}
				if reading == nil {
					for n.mark < limit {
						require.True(t, n.chunks[n.mark].gone)
						n.mark++
					}
				}
				require.Equal(t, want, string(reading))
			case 3:
				got := b.drop()
				for n.mark < len(n.chunks) && n.chunks[n.mark].gone {
					n.mark++
				}
				if n.mark < len(n.chunks) {
					require.Equal(t, n.chunks[n.mark].points, got)
					n.chunks[n.mark].gone = true
					n.mark++
				} else {
					require.Zero(t, got)
				}
			case 4:
				if r.IntN(5) == 0 {
					p, _ := n.sum(n.head, n.mark)
					require.Equal(t, p, b.rewind())
					n.mark = n.head
				}
			case 5:
				if r.IntN(5) == 0 {
					at := n.head + r.IntN(n.mark-n.head+1)
					p, _ := n.sum(n.head, at)
					require.Equal(t, p, b.cut(int64(at)))
					n.head = max(n.head, at)
				}
			}
			lost := b.trim()
			for p, size := n.sum(n.head, n.mark); p > keep || size > keepBytes; p, size = n.sum(n.head, n.mark) {
				if c := n.chunks[n.head]; !c.gone {
					lost -= c.points
				}
				n.head++
			}
			require.Zero(t, lost)
			p, size := n.sum(n.mark, len(n.chunks))
			require.Equal(t, [2]int{p, size}, [2]int{b.waiting, b.waitingBytes})
			p, size = n.sum(n.head, n.mark)
			require.Equal(t, [2]int{p, size}, [2]int{b.kept, b.keptBytes})
			held := 0
			for _, x := range b.blocks {
				held += cap(x.buf)
			}
			require.LessOrEqual(t, held, 2*(b.waitingBytes+b.keptBytes)+6*(blockSize+largest), "memory is bounded by what is held")
		}
	}
}

// TestBacklogAllocs wants nothing to be allocated once the buffers are there.
func TestBacklogAllocs(t *testing.T) {
	b := backlog{keep: 100, keepBytes: 1 << 20}
	frame := make([]byte, 150)
	turn := func() {
		for range 1000 {
			b.add(frame, 1)
		}
		for b.next(b.last) != nil {
			b.trim()
		}
	}
	turn()
	turn()
	if a := testing.AllocsPerRun(100, turn); a > 10 { // 150 KB in blocks of 64: what is written is not used again
		t.Fatalf("%g allocations for 1000 points", a)
	}
}
