package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
)

// MaxMessage is the size in bytes of the largest message that ReadMessage takes and WriteMessage
// writes.
const MaxMessage = 64 << 20

// bufferSize is that of the buffers of both streams, and of the largest message whose memory is kept
// for the next.
const bufferSize = 64 << 10

// ByteReadReader is a buffered input, like *bufio.Reader.
type ByteReadReader interface {
	io.Reader
	io.ByteReader
}

// ReadMessage reads one message with its length in front. It grows and reuses *buf, which holds
// nothing of the message afterwards. The error is io.EOF if the input ends before the message,
// io.ErrUnexpectedEOF if it ends inside.
func ReadMessage(buf *[]byte, r ByteReadReader, msg proto.Message) error {
	if err := readFrame(buf, r); err != nil {
		return err
	}
	return proto.Unmarshal(*buf, msg)
}

// readFrame reads one message into *buf.
func readFrame(buf *[]byte, r ByteReadReader) error {
	*buf = (*buf)[:0]
	size, err := binary.ReadUvarint(r)
	if err != nil {
		return err
	}
	if size > MaxMessage {
		return fmt.Errorf("message of %d bytes is larger than %d", size, MaxMessage)
	}
	// A length that is not true costs no memory: the buffer grows with what has come.
	b := (*buf)[:0]
	for have, want := 0, int(size); have < want; have = len(b) {
		n := min(want-have, max(bufferSize, have))
		b = append(b, make([]byte, n)...)
		if _, err := io.ReadFull(r, b[have:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	*buf = b
	return nil
}

// WriteMessage writes one message with its length in front, in a single Write.
func WriteMessage(msg proto.Message, w io.Writer) error {
	b, err := appendMessage(nil, msg)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// appendMessage appends the length of a message and the message.
func appendMessage(b []byte, msg proto.Message) ([]byte, error) {
	size := proto.Size(msg)
	if size > MaxMessage {
		return b, fmt.Errorf("message of %d bytes is larger than %d", size, MaxMessage)
	}
	b = binary.AppendUvarint(b, uint64(size))
	return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, msg)
}
