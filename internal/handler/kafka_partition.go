package handler

import (
	"encoding/binary"
	"hash"
	"math/bits"

	"github.com/IBM/sarama"
)

// This file chooses the partitions of Kafka messages, as each event's options say.

var partitionings = []string{"", "crc32", "murmur2", "murmur3", "fnv-1a"}

// A partitioner holds one of each kind; the client library makes one per topic.
type partitioner struct {
	byAlgorithm map[string]sarama.Partitioner
	spread      sarama.Partitioner
}

func newPartitioner(topic string) sarama.Partitioner {
	crc32 := sarama.NewConsistentCRCHashPartitioner(topic)
	return &partitioner{
		byAlgorithm: map[string]sarama.Partitioner{
			"":        crc32,
			"crc32":   crc32,
			"murmur2": sarama.NewMurmur2Partitioner(topic),
			"murmur3": sarama.NewCustomHashPartitioner(func() hash.Hash32 { return new(murmur3) })(topic),
			"fnv-1a":  sarama.NewHashPartitioner(topic),
		},
		spread: sarama.NewRandomPartitioner(topic),
	}
}

func (p *partitioner) of(m *sarama.ProducerMessage) sarama.Partitioner {
	if o, ok := m.Metadata.(*Kafka); ok && !o.DisablePartitionByID && p.byAlgorithm[o.PartitionAlgorithm] != nil {
		return p.byAlgorithm[o.PartitionAlgorithm]
	}
	return p.spread
}

// Partition chooses by the key, or by chance.
func (p *partitioner) Partition(m *sarama.ProducerMessage, n int32) (int32, error) {
	return p.of(m).Partition(m, n)
}

// RequiresConsistency says that the partition of a key must not depend on which are reachable.
func (p *partitioner) RequiresConsistency() bool { return true }

// MessageRequiresConsistency says so of one message.
func (p *partitioner) MessageRequiresConsistency(m *sarama.ProducerMessage) bool {
	return p.of(m) != p.spread
}

// murmur3 is the 32 bit MurmurHash3 with seed 0. It takes the text in one Write.
type murmur3 struct{ sum uint32 }

func (h *murmur3) Write(b []byte) (int, error) {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	mix := func(k uint32) uint32 { return bits.RotateLeft32(k*c1, 15) * c2 }
	sum, rest := uint32(0), b
	for ; len(rest) >= 4; rest = rest[4:] {
		sum ^= mix(binary.LittleEndian.Uint32(rest))
		sum = bits.RotateLeft32(sum, 13)*5 + 0xe6546b64
	}
	var tail uint32
	for i, c := range rest {
		tail |= uint32(c) << (8 * i)
	}
	if len(rest) > 0 {
		sum ^= mix(tail)
	}
	sum ^= uint32(len(b))
	sum ^= sum >> 16
	sum *= 0x85ebca6b
	sum ^= sum >> 13
	sum *= 0xc2b2ae35
	h.sum = sum ^ sum>>16
	return len(b), nil
}

func (h *murmur3) Sum32() uint32       { return h.sum }
func (h *murmur3) Reset()              { h.sum = 0 }
func (h *murmur3) Size() int           { return 4 }
func (h *murmur3) BlockSize() int      { return 4 }
func (h *murmur3) Sum(b []byte) []byte { return binary.BigEndian.AppendUint32(b, h.sum) }
