package journaltest

import (
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
)

// This file makes what a loss of power may leave of a disk.

// What may become of something written that was not synced.
const (
	whole  = iota
	absent // and what is behind it, if that is there, has zeros before it
	begun  // only its beginning is there
	holed  // there are zeros in its midst
	zeroed // only its length is there
	ways   = iota
)

// An image says what there will be of a disk.
type image struct {
	names []map[string]*File // by folder
	spans map[*File][]int    // fates
}

// image makes an image; choose says which of n possibilities comes true.
func (d *Disk) image(choose func(n int) int) image {
	x := image{spans: map[*File][]int{}}
	for _, m := range d.folders {
		names := maps.Clone(m.durable)
		for _, c := range m.changes {
			if c.safe || choose(2) == 0 {
				c.applyTo(names)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			f := names[name]
			for range f.unsafe {
				x.spans[f] = append(x.spans[f], choose(ways))
			}
		}
		x.names = append(x.names, names)
	}
	return x
}

// unplugged makes a disk of an image. All that is there is safe.
func (d *Disk) unplugged(x image, r *rand.Rand) *Disk {
	c := NewDisk()
	for i, m := range d.folders {
		n := c.folder(m.name)
		for _, name := range slices.Sorted(maps.Keys(x.names[i])) {
			f := x.names[i][name]
			n.Put(name, f.unplugged(x.spans[f], r))
		}
	}
	return c
}

// unplugged returns what is left of a file.
func (f *File) unplugged(fates []int, r *rand.Rand) []byte {
	b := make([]byte, len(f.Data))
	at := 0 // so much of the file has been dealt with
	size := 0
	sure := func(to int) {
		if at < to {
			size = at + copy(b[at:to], f.Data[at:])
		}
		at = max(at, to)
	}
	for i, s := range f.unsafe {
		sure(min(s.from, len(b)))
		from, to := at, max(at, min(s.to, len(b))) // a test may have made the file shorter
		at = to
		if from == to {
			continue
		}
		switch fates[i] {
		case absent:
			continue
		case begun:
			to = from + r.IntN(to-from)
			copy(b[from:to], f.Data[from:])
		case holed:
			copy(b[from:to], f.Data[from:])
			hole := from + r.IntN(to-from)
			clear(b[hole : hole+1+r.IntN(to-hole)])
		case whole:
			copy(b[from:to], f.Data[from:])
		}
		size = max(size, to)
	}
	sure(len(b))
	return b[:size]
}

// Unplugged returns one of the disks that a loss of power may leave.
func (d *Disk) Unplugged(r *rand.Rand) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.unplugged(d.image(r.IntN), r)
}

// Crashes goes through the disks that a loss of power may leave, or most of them by chance if there are
// more. Where something begins or has a hole is left to chance. Nothing may change meanwhile.
func (d *Disk) Crashes(most int, r *rand.Rand) iter.Seq[*Disk] {
	unplugged := func(choose func(int) int) *Disk {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.unplugged(d.image(choose), r)
	}
	return func(yield func(*Disk) bool) {
		all := odometer{}
		if n := d.count(most + 1); n > most {
			for range most {
				if !yield(unplugged(r.IntN)) {
					return
				}
			}
			return
		}
		for more := true; more; more = all.next() {
			if !yield(unplugged(all.choose)) {
				return
			}
		}
	}
}

// count returns how many images there are, or most if there are more.
func (d *Disk) count(most int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := odometer{}
	for n := 1; n < most; n++ {
		d.image(all.choose)
		if !all.next() {
			return n
		}
	}
	return most
}

// An odometer goes through all ways to make choices, the number of which may depend on earlier ones.
type odometer struct {
	digits []digit
	at     int
}

type digit struct{ value, bound int }

// choose makes the next choice between n possibilities.
func (o *odometer) choose(n int) int {
	if o.at == len(o.digits) {
		o.digits = append(o.digits, digit{0, n})
	}
	o.at++
	return o.digits[o.at-1].value
}

// next goes on to the next way, if there is one.
func (o *odometer) next() bool {
	o.at = 0
	for n := len(o.digits); n > 0; n-- {
		last := &o.digits[n-1]
		if last.value++; last.value < last.bound {
			return true
		}
		o.digits = o.digits[:n-1]
	}
	return false
}
