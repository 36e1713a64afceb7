package alerter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// This file defines the files of the durable spool. Their names are numbered; a segment is
//
//	magic record…
//	record: mark[4] length[4] checksum[4] payload[length]
//
// with numbers in little endian and the checksum (CRC-32C) over length and payload. The mark lets a
// reader find the next record behind one that is damaged. Magic and mark change with the version of
// the format.

const segmentMagic = "alerter spool 1\n"

var recordMark = []byte{0xff, 0xfe, 's', '1'}

const recordHead = 12

// maxRecord bounds the length of a payload. Telegraf hands over nothing near to it.
const maxRecord = 1 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// beginRecord appends the head of a record to b; endRecord fills it in when the payload is there.
func beginRecord(b []byte) []byte {
	return append(append(b, recordMark...), 0, 0, 0, 0, 0, 0, 0, 0)
}

func endRecord(b []byte, start int) {
	head, payload := b[start:start+recordHead], b[start+recordHead:]
	binary.LittleEndian.PutUint32(head[4:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(head[8:], checksum(head[4:8], payload))
}

func checksum(length, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, payload)
}

// readRecord returns the payload of the record at the beginning of b and its whole length.
func readRecord(b []byte) (payload []byte, n int, ok bool) {
	if len(b) < recordHead || !bytes.HasPrefix(b, recordMark) {
		return nil, 0, false
	}
	length := binary.LittleEndian.Uint32(b[4:])
	if uint64(length) > uint64(len(b)-recordHead) || length > maxRecord {
		return nil, 0, false
	}
	n = recordHead + int(length)
	payload = b[recordHead:n]
	return payload, n, checksum(b[4:8], payload) == binary.LittleEndian.Uint32(b[8:])
}

// scan gives the payloads of all intact records of a segment to take and returns the parts of b
// that are none. A payload that take does not understand counts as one of those.
func scan(b []byte, take func(payload []byte) error) (bad [][]byte) {
	b = bytes.TrimPrefix(b, []byte(segmentMagic))
	from := 0 // where the bad part begins
	for at := 0; at < len(b); {
		if payload, n, ok := readRecord(b[at:]); ok && take(payload) == nil {
			if from < at {
				bad = append(bad, b[from:at])
			}
			at += n
			from = at
			continue
		}
		next := bytes.Index(b[at+1:], recordMark)
		if next < 0 {
			break
		}
		at += 1 + next
	}
	if from < len(b) {
		bad = append(bad, b[from:])
	}
	return bad
}

func segmentName(n uint64) string { return fmt.Sprintf("spool-%010d.log", n) }

// segmentNumber returns the number in a name, and whether it is that of a segment.
func segmentNumber(name string) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(name, "spool-"), ".log"), 10, 64)
	return n, err == nil && segmentName(n) == name
}
