package point

import (
	"encoding/binary"
	"slices"
)

// An Interner turns tag sets and names that come in again and again into one shared copy, so that
// points of a known series cost no allocation. Its size is bounded: a full one forgets everything.
// The zero value is ready to use. It is not safe for concurrent use.
//
// A tag set is built by calls of Tag, in any order, and finished by Tags.
type Interner struct {
	sets  map[string][]Tag
	names map[string]string
	key   []byte // the tags so far, each length and bytes of key and value

	setBytes, nameBytes int // length of what the tables hold
}

// internerSize and internerBytes bound each table of an Interner.
const (
	internerSize  = 1 << 17
	internerBytes = 1 << 25
)

// Name returns b as a string.
func (in *Interner) Name(b []byte) string {
	if s, ok := in.names[string(b)]; ok {
		return s
	}
	if in.names == nil || len(in.names) >= internerSize || in.nameBytes >= internerBytes {
		in.names, in.nameBytes = make(map[string]string), 0
	}
	in.nameBytes += len(b)
	s := string(b)
	in.names[s] = s
	return s
}

// Tag adds a tag to the set under construction.
func (in *Interner) Tag(key, value string) {
	in.key = binary.AppendUvarint(in.key, uint64(len(key)))
	in.key = append(in.key, key...)
	in.key = binary.AppendUvarint(in.key, uint64(len(value)))
	in.key = append(in.key, value...)
}

// TagBytes is Tag for bytes.
func (in *Interner) TagBytes(key, value []byte) {
	in.key = binary.AppendUvarint(in.key, uint64(len(key)))
	in.key = append(in.key, key...)
	in.key = binary.AppendUvarint(in.key, uint64(len(value)))
	in.key = append(in.key, value...)
}

// Tags returns the finished tag set, sorted by key; of equal keys the last wins. The next call of
// Tag begins another one.
func (in *Interner) Tags() []Tag {
	if len(in.key) == 0 {
		return nil
	}
	tags, ok := in.sets[string(in.key)]
	if !ok {
		if in.sets == nil || len(in.sets) >= internerSize || in.setBytes >= internerBytes {
			in.sets, in.setBytes = make(map[string][]Tag), 0
		}
		in.setBytes += len(in.key)
		k := string(in.key)
		tags = split(k)
		in.sets[k] = tags
	}
	in.key = in.key[:0]
	return tags
}

// split takes the key of a tag set apart.
func split(k string) []Tag {
	var tags []Tag
	next := func() string {
		n, w := binary.Uvarint([]byte(k[:min(len(k), binary.MaxVarintLen64)]))
		s := k[w : w+int(n)]
		k = k[w+int(n):]
		return s
	}
	for len(k) > 0 {
		tags = append(tags, Tag{next(), next()})
	}
	return slices.Clip(SortTags(tags))
}
