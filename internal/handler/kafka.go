package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "kafka", Many: true, Required: true, Options: func() spec.Declarer { return &Kafka{} }})
}

// Kafka is the options of the handler kafka.
type Kafka struct {
	Cluster              string `json:"cluster,omitempty"`
	Topic                string `json:"topic,omitempty"`
	Template             string `json:"template,omitempty"`
	DisablePartitionByID bool   `json:"disablePartitionById,omitempty"`
	PartitionAlgorithm   string `json:"partitionAlgorithm,omitempty"`
}

// Declare names the properties.
func (o *Kafka) Declare(s *spec.Spec) {
	s.Doc("Writes the alert data to a Kafka topic.")
	s.Prop(&o.Cluster, "cluster", "name of a configured cluster")
	s.Prop(&o.Topic, "kafkaTopic", "topic")
	s.Prop(&o.Template, "template", "template of the message over the alert data")
	s.Flag(&o.DisablePartitionByID, "disablePartitionById", "do not choose the partition by the ID")
	s.Prop(&o.PartitionAlgorithm, "partitionHashAlgorithm", "crc32, murmur2, murmur3 or fnv-1a")
}
