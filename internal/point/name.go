package point

import "unsafe"

// A Name is a string that is compared with the names of many points. Equal names of points are
// mostly at one address; a Name moves there, so that most comparisons need not look at the bytes.
type Name struct{ s string }

// NewName returns s as a Name.
func NewName(s string) Name { return Name{s} }

// String returns the name.
func (n *Name) String() string { return n.s }

// Is reports whether the name is s.
func (n *Name) Is(s string) bool {
	return len(n.s) == len(s) && (unsafe.StringData(n.s) == unsafe.StringData(s) || n.moves(s))
}

// At reports whether the name is s and at its address. It saves what Is does for a name that has moved.
func (n *Name) At(s string) bool {
	return len(n.s) == len(s) && unsafe.StringData(n.s) == unsafe.StringData(s)
}

func (n *Name) moves(s string) bool {
	if s != "" && s[0] != n.s[0] || n.s != s { // the first bytes save a call
		return false
	}
	n.s = s
	return true
}

// before reports whether the name sorts before s. Names mostly differ in their first bytes, which
// saves a call.
func (n *Name) before(s string) bool {
	if s != "" && n.s != "" && s[0] != n.s[0] {
		return n.s[0] < s[0]
	}
	return n.s < s
}

// A FieldName finds the field of a name. It remembers where that was, or would have been: points
// of a task mostly look alike.
type FieldName struct {
	Name
	at int
}

// NewFieldName returns s as a FieldName.
func NewFieldName(s string) FieldName { return FieldName{Name: NewName(s)} }

// Of returns the value of the field, nil if there is none.
func (f *FieldName) Of(fields []Field) *Value {
	if v := f.Again(fields); v != nil {
		return v
	}
	if i := f.place(fields); i < len(fields) && f.Is(fields[i].Key) {
		return &fields[i].Value
	}
	return nil
}

// Again returns the value of the field if it is where it was last time, the name included; else nil, and
// Of is to be asked. It saves a call.
func (f *FieldName) Again(fields []Field) *Value {
	if i := f.at; i < len(fields) && f.At(fields[i].Key) {
		return &fields[i].Value
	}
	return nil
}

// Set appends fields to dst with the named one set to v.
func (f *FieldName) Set(dst, fields []Field, v Value) []Field {
	i := f.place(fields)
	dst = append(dst, fields[:i]...)
	dst = append(dst, Field{f.s, v})
	if i < len(fields) && f.Is(fields[i].Key) {
		i++
	}
	return append(dst, fields[i:]...)
}

// place returns the index that the field has or would have.
func (f *FieldName) place(fields []Field) int {
	i := f.at
	if i <= len(fields) && (i == 0 || !f.atOrBefore(fields[i-1].Key)) && (i == len(fields) || f.atOrBefore(fields[i].Key)) {
		return i
	}
	for i = 0; i < len(fields) && !f.atOrBefore(fields[i].Key); {
		i++
	}
	f.at = i
	return i
}

func (n *Name) atOrBefore(s string) bool { return n.before(s) || n.s == s }
