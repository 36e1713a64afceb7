package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/codec"
)

// This file defines the files of a log. Their names are numbered; a segment is
//
//	magic record…
//	record: mark[4] length[4] checksum[4] safe[8] payload[length]
//
// with numbers in little endian and the checksum (CRC-32C) over length, safe and payload. The mark lets a
// reader find the next record behind one that is damaged. So many bytes of the segment were safe on the disk
// when the record was written: that tells damage from what a crash has kept from the disk. The first byte of a
// payload is its kind.

// A Format sets the files of one kind of log apart from all others. Magic and Mark change with the
// version of the format.
type Format struct {
	Prefix string // of the segments' names
	Lock   string // name of the file whose lock stands for the log
	Magic  string // begins every segment
	Mark   [4]byte
}

// Kinds of records that belong to the log itself.
const (
	RecBegin = 'B' // here begins a copy of all that there is
	RecEnd   = 'Z' // number of records in the copy
)

const recordHead = 20

// maxRecord bounds the length of a payload. Telegraf hands over nothing near to it.
const maxRecord = 1 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// begin appends the head of a record to b; end fills it in when the payload is there.
func (f *Format) begin(b []byte, safe int64) []byte {
	b = append(append(b, f.Mark[:]...), 0, 0, 0, 0, 0, 0, 0, 0)
	return binary.LittleEndian.AppendUint64(b, uint64(safe))
}

func (f *Format) end(b []byte, start int) {
	b = b[start:]
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-recordHead))
	binary.LittleEndian.PutUint32(b[8:], checksum(b))
}

func checksum(record []byte) uint32 {
	return crc32.Update(crc32.Checksum(record[4:8], castagnoli), castagnoli, record[12:])
}

// record returns the payload of the record at the beginning of b and its whole length.
func (f *Format) record(b []byte) (payload []byte, n int, ok bool) {
	if len(b) < recordHead || !bytes.HasPrefix(b, f.Mark[:]) {
		return nil, 0, false
	}
	length := binary.LittleEndian.Uint32(b[4:])
	if length == 0 || uint64(length) > uint64(len(b)-recordHead) || length > maxRecord {
		return nil, 0, false
	}
	n = recordHead + int(length)
	payload = b[recordHead:n]
	return payload, n, checksum(b[:n]) == binary.LittleEndian.Uint32(b[8:])
}

// Scan gives the payloads of all intact records of a segment to take, but for those of the log itself,
// and returns the parts of b that are none. A payload that take does not understand counts as one of
// those.
func (f *Format) Scan(b []byte, take func(payload []byte) error) (bad [][]byte) {
	return f.scan(b, len(b), take)
}

// scan is [Format.Scan] for a segment of which so many bytes were on the disk for sure. What is not intact
// there was damaged, and what is behind it counts. Further on it was not written when the machine died, and
// what is behind it belongs to it even if it was: of two records, the later one must not be without the first.
func (f *Format) scan(b []byte, safe int, take func(payload []byte) error) (bad [][]byte) {
	at := 0
	if bytes.HasPrefix(b, []byte(f.Magic)) {
		at = len(f.Magic)
	}
	from := at    // where the bad part begins
	torn := false // it is not only one that take does not understand
	for at < len(b) {
		payload, n, ok := f.record(b[at:])
		switch {
		case !ok:
			torn = true
			next := bytes.Index(b[at+1:], f.Mark[:])
			if next < 0 {
				return append(bad, b[from:])
			}
			at += 1 + next
			continue
		case torn && at > safe:
			return append(bad, b[from:])
		case payload[0] == RecBegin || payload[0] == RecEnd || take(payload) == nil:
			if from < at {
				bad = append(bad, b[from:at])
			}
			from = at + n
			torn = false
		}
		at += n
	}
	if from < len(b) {
		bad = append(bad, b[from:])
	}
	return bad
}

// safe returns how much of a segment was on the disk for sure, as its records say. If there are no older
// ones, its copy was, or they would not have been removed.
func (f *Format) safe(b []byte, only bool) (safe int) {
	for at := 0; at < len(b); {
		payload, n, ok := f.record(b[at:])
		if !ok {
			next := bytes.Index(b[at+1:], f.Mark[:])
			if next < 0 {
				return safe
			}
			at += 1 + next
			continue
		}
		if payload[0] == RecEnd && only {
			safe = max(safe, at+n)
		}
		safe = max(safe, int(min(binary.LittleEndian.Uint64(b[at+12:]), uint64(len(b)))))
		at += n
	}
	return safe
}

// whole reports whether a segment begins with a complete copy.
func (f *Format) whole(b []byte) bool {
	b, ok := bytes.CutPrefix(b, []byte(f.Magic))
	if !ok {
		return false
	}
	for records := 0; ; records++ {
		payload, n, ok := f.record(b)
		switch {
		case !ok || (records == 0) != (payload[0] == RecBegin):
			return false
		case payload[0] == RecEnd:
			d := codec.Decoder{B: payload[1:]}
			return d.Uint() == uint64(records-1) && d.Err() == nil
		}
		b = b[n:]
	}
}

func (f *Format) name(n uint64) string { return fmt.Sprintf("%s-%010d.log", f.Prefix, n) }

// number returns the number in a name, and whether it is that of a segment.
func (f *Format) number(name string) (uint64, bool) {
	text := strings.TrimSuffix(strings.TrimPrefix(name, f.Prefix+"-"), ".log")
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil && f.name(n) == name
}
