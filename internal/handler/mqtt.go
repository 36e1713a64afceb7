package handler

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "mqtt", Many: true, Required: true, Options: func() spec.Declarer { return &MQTT{} }})
}

// MQTT is the options of the handler mqtt.
type MQTT struct {
	Topic      string `json:"topic,omitempty"`
	BrokerName string `json:"broker-name,omitempty"`
	QoS        int64  `json:"qos,omitempty"`
	Retained   bool   `json:"retained,omitempty"`
}

// Declare names the properties.
func (o *MQTT) Declare(s *spec.Spec) {
	s.Doc("Publishes the message to an MQTT topic.")
	s.Arg(&o.Topic, "topic", "topic, a template")
	s.Prop(&o.BrokerName, "brokerName", "name of a configured broker")
	s.Prop(&o.Topic, "topic", "topic, a template")
	s.Prop(&o.QoS, "qos", "quality of service: 0, 1 or 2")
	s.Prop(&o.Retained, "retained", "ask the broker to keep the message")
}
