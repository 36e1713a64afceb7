package udf

// This file keeps what is written to a function: what waits to be written, and what has been written
// since the last snapshot, to be written again to a function that has lost it.

// blockSize is how much is written at once.
const blockSize = 64 << 10

// maxFree is how many empty blocks are kept.
const maxFree = 4

// A backlog is a sequence of chunks, which are whole frames: a point or a batch each. Behind its head
// come the chunks that have been written and are kept, behind its mark those that wait. They are
// counted from the first chunk ever. Chunks lie in blocks, so that one write takes many and nothing is
// allocated in steady state.
//
//	head ── kept ── mark ── waiting ── end
type backlog struct {
	keep, keepBytes int // points, and bytes, that are kept at the most

	blocks           []*block // between two of them, chunks may be gone
	free             []*block // empty, to be used again
	writing          *block   // the writer may be reading it
	head, mark, last int64    // last is the end

	waiting, waitingBytes int // points, bytes
	kept, keptBytes       int
}

// A block is a buffer of chunks.
type block struct {
	seq     int64 // of the first chunk
	buf     []byte
	chunks  []chunk
	dropped int // chunks
}

// A chunk ends where the next begins.
type chunk struct {
	end     int
	points  int32
	dropped bool // not to be written any more
}

func (b *block) begin(i int) int {
	if i == 0 {
		return 0
	}
	return b.chunks[i-1].end
}

func (b *block) size(i int) int { return b.chunks[i].end - b.begin(i) }

// at returns the first chunk that is seq or comes behind it: its block, its place there and its number.
func (l *backlog) at(seq int64) (b *block, i int, found int64) {
	for n := len(l.blocks) - 1; n >= 0; n-- {
		x := l.blocks[n]
		if at := seq - x.seq; at >= 0 {
			if at < int64(len(x.chunks)) {
				return x, int(at), seq
			}
			break
		}
		b, found = x, x.seq
	}
	return b, 0, found
}

// add appends a chunk, which it copies.
func (l *backlog) add(frames []byte, points int) {
	var b *block
	if n := len(l.blocks); n > 0 {
		b = l.blocks[n-1]
	}
	if b == nil || len(b.buf)+len(frames) > cap(b.buf) {
		b = l.another(len(frames))
	}
	// What lies before in the buffer does not move; the writer may be reading it.
	b.buf = append(b.buf, frames...)
	b.chunks = append(b.chunks, chunk{end: len(b.buf), points: int32(points)})
	l.last++
	l.waiting += points
	l.waitingBytes += len(frames)
}

// another appends an empty block with room for n bytes.
func (l *backlog) another(n int) *block {
	if i := len(l.blocks) - 1; i >= 0 && l.blocks[i].dropped == len(l.blocks[i].chunks) {
		l.remove(i)
	}
	if len(l.blocks) > 0 && l.head >= l.blocks[0].seq+int64(len(l.blocks[0].chunks)) {
		l.remove(0)
	}
	var b *block
	if i := len(l.free) - 1; i >= 0 && n <= blockSize {
		b, l.free = l.free[i], l.free[:i]
	} else {
		b = &block{buf: make([]byte, 0, max(n, blockSize))}
	}
	b.seq = l.last
	l.blocks = append(l.blocks, b)
	return b
}

// remove takes a block out. A buffer of the usual size is used again.
func (l *backlog) remove(i int) {
	b := l.blocks[i]
	l.blocks = append(l.blocks[:i], l.blocks[i+1:]...)
	if b != l.writing && cap(b.buf) == blockSize && len(l.free) < maxFree {
		*b = block{buf: b.buf[:0], chunks: b.chunks[:0]}
		l.free = append(l.free, b)
	}
}

// next returns chunks that wait, as many as lie together and come before the chunk limit; from now on
// they are kept. They are valid until the next call.
func (l *backlog) next(limit int64) []byte {
	l.writing = nil
	b, i, seq := l.at(l.mark)
	for ; b != nil && seq < limit; b, i, seq = l.at(l.mark) {
		l.mark = seq
		from := b.begin(i)
		to := from
		for ; i < len(b.chunks) && l.mark < limit && !b.chunks[i].dropped; i++ {
			to = b.chunks[i].end
			n, size := int(b.chunks[i].points), b.size(i)
			l.waiting -= n
			l.waitingBytes -= size
			l.kept += n
			l.keptBytes += size
			l.mark++
		}
		if to > from {
			l.writing = b
			return b.buf[from:to]
		}
		l.mark++ // this one was dropped
	}
	if b == nil {
		seq = l.last
	}
	l.mark = max(l.mark, min(seq, limit))
	return nil
}

// drop gives up the chunk that has waited longest and returns its number of points.
func (l *backlog) drop() (points int) {
	for {
		b, i, seq := l.at(l.mark)
		if b == nil {
			return points
		}
		l.mark = seq + 1
		c := &b.chunks[i]
		if c.dropped {
			continue
		}
		c.dropped = true
		b.dropped++
		points = int(c.points)
		l.waiting -= points
		l.waitingBytes -= b.size(i)
		if b.dropped == len(b.chunks) && b != l.blocks[len(l.blocks)-1] {
			for n, x := range l.blocks {
				if x == b {
					l.remove(n)
					break
				}
			}
		}
		return points
	}
}

// trim gives up the oldest of what is kept while that is too much, and returns the number of points.
func (l *backlog) trim() (points int) {
	for l.kept > l.keep || l.keptBytes > l.keepBytes {
		points += l.behead(l.mark)
	}
	return points
}

// cut gives up what is kept before the chunk seq and returns the number of points.
func (l *backlog) cut(seq int64) (points int) {
	for seq = min(seq, l.mark); l.head < seq; {
		points += l.behead(seq)
	}
	return points
}

// behead gives up the oldest chunk that is kept, if it comes before the chunk limit, and returns its
// number of points.
func (l *backlog) behead(limit int64) (points int) {
	b, i, seq := l.at(l.head)
	if b == nil || seq >= limit {
		l.head = limit
		return 0
	}
	l.head = seq + 1
	if !b.chunks[i].dropped {
		points = int(b.chunks[i].points)
		l.kept -= points
		l.keptBytes -= b.size(i)
	}
	if i == len(b.chunks)-1 && len(l.blocks) > 1 {
		l.remove(0)
	}
	return points
}

// rewind has what is kept wait again and returns the number of points.
func (l *backlog) rewind() (points int) {
	points = l.kept
	l.waiting += l.kept
	l.waitingBytes += l.keptBytes
	l.kept, l.keptBytes = 0, 0
	l.mark = l.head
	return points
}
