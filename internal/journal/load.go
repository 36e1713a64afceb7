package journal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// This file reads the segments back, whatever state a crash has left them in.

// segments are those that are there.
type segments struct {
	names  []string // of those that could be read
	number uint64   // of the last one
}

// load reads what counts.
func load(c *Config, take func(payload []byte) error) (x segments, err error) {
	names, err := c.Folder.Names()
	if err != nil {
		return x, err
	}
	type segment struct {
		name   string
		number uint64
		data   []byte
	}
	var all []segment
	for _, name := range names {
		if n, ok := c.Format.number(name); ok {
			all = append(all, segment{name: name, number: n})
			x.number = max(x.number, n)
		}
	}
	slices.SortFunc(all, func(a, b segment) int { return cmp.Compare(a.number, b.number) })
	first := 0
	for i := len(all) - 1; i >= 0; i-- {
		s := &all[i]
		if s.data, err = c.Folder.Read(s.name); err != nil {
			// Without it there is no whole, and a new segment would say that there is. It may be read later.
			return segments{}, err
		}
		if c.Format.whole(s.data) {
			first = i
			break
		}
	}
	for i, s := range all {
		x.names = append(x.names, s.name)
		if i < first {
			continue
		}
		var bad [][]byte
		if safe := c.Format.safe(s.data, i == 0); i == first || safe > 0 {
			bad = c.Format.scan(s.data, safe, take)
		} else if len(s.data) > 0 {
			// It was begun when the machine died: all that was safe is before it.
			bad = [][]byte{s.data}
		}
		if len(bad) > 0 {
			setAside(c, s.name, bad)
		}
	}
	return x, nil
}

// maxAside is how many files of unreadable data are kept.
const maxAside = 5

// setAside writes the unreadable parts of a segment to a file of their own.
func setAside(c *Config, name string, bad [][]byte) {
	b := slices.Concat(bad...)
	aside := name + ".bad"
	err := func() error {
		names, err := c.Folder.Names()
		if err != nil {
			return err
		}
		names = slices.DeleteFunc(names, func(n string) bool {
			_, ok := c.Format.number(strings.TrimSuffix(n, ".bad"))
			return !ok || !strings.HasSuffix(n, ".bad")
		})
		// A process that was killed before it had replaced the segment may have been here.
		if i := slices.Index(names, aside); i >= 0 {
			if err := c.Folder.Remove(aside); err != nil {
				return err
			}
			names = slices.Delete(names, i, i+1)
		}
		for ; len(names) >= maxAside; names = names[1:] {
			if err := c.Folder.Remove(names[0]); err != nil {
				return err
			}
		}
		f, err := c.Folder.Create(aside)
		if err != nil {
			return err
		}
		_, err = f.Write(b)
		return errors.Join(err, f.Close())
	}()
	where := "they are set aside in " + aside
	if err != nil {
		where = fmt.Sprintf("they cannot be set aside: %v", err)
	}
	c.Log.Warnf("%s: %d bytes of %s cannot be read, as after a crash while they were written; %s, all else is kept", c.Title, len(b), name, where)
}
