package handler

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/redact"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

func init() {
	Register(Kind{
		Name:     "mqtt",
		Many:     true,
		Required: true,
		Options:  func() spec.Declarer { return &MQTT{} },
		Config:   func() any { return &MQTTConfig{Name: "default"} },
		Open:     open(openMQTT),
	})
}

// MQTT is the options of the handler mqtt.
type MQTT struct {
	Topic      string `json:"topic,omitempty" stays:"place"`
	BrokerName string `json:"broker-name,omitempty"`
	QoS        QoS    `json:"qos,omitempty"`
	Retained   bool   `json:"retained,omitempty"`
}

// Declare names the properties.
func (o *MQTT) Declare(s *spec.Spec) {
	s.Doc("Publishes the message to an MQTT topic.")
	s.OptArg(&o.Topic, "topic", "topic, a template; the configured one if unset")
	s.Prop(&o.BrokerName, "brokerName", "name of a configured broker")
	s.Prop(&o.Topic, "topic", "topic, a template")
	s.Func("qos", "quality of service: 0, 1 or 2", o.qos, "qos")
	s.Prop(&o.Retained, "retained", "ask the broker to keep the message")
	s.Check(func() error { return checkTemplates("topic", o.Topic) })
}

// Destination is the broker.
func (o *MQTT) Destination() string { return o.BrokerName }

func (o *MQTT) qos(n int64) error {
	o.QoS = QoS(n)
	return o.QoS.check()
}

// QoS is a quality of service: a number, or one of the words of topic handlers.
type QoS int64

var qosWords = []string{"at-most-once", "at-least-once", "exactly-one", "exactly-once"}

// UnmarshalJSON reads a number or a word.
func (q *QoS) UnmarshalJSON(text []byte) error {
	return q.UnmarshalTOML(func(v any) error { return json.Unmarshal(text, v) })
}

// UnmarshalTOML reads a number or a word.
func (q *QoS) UnmarshalTOML(decode func(any) error) error {
	var n int64
	if decode(&n) == nil {
		*q = QoS(n)
		return nil
	}
	var word string
	if err := decode(&word); err != nil {
		return err
	}
	i := slices.Index(qosWords, word)
	if i < 0 {
		return fmt.Errorf("qos: want 0, 1, 2, at-most-once, at-least-once or exactly-one, got %q", word)
	}
	*q = QoS(min(i, 2))
	return nil
}

func (q QoS) check() error {
	if q < 0 || q > 2 {
		return fmt.Errorf("qos: want 0, 1 or 2, got %d", q)
	}
	return nil
}

// MQTTConfig is one section mqtt: a broker.
type MQTTConfig struct {
	Section
	tlsconf.TLS
	Name     string `toml:"name"`
	Default  bool   `toml:"default"`
	URL      string `toml:"url"`
	ClientID string `toml:"client_id"`
	Username Secret `toml:"username"`
	Password Secret `toml:"password"`
	Topic    string `toml:"topic"`
}

func (c *MQTTConfig) id() (string, bool) { return c.Name, c.Default }
func (c *MQTTConfig) alone()             { c.Default = true }

// Matches reports whether options mean this broker.
func (c *MQTTConfig) Matches(options spec.Declarer) bool {
	o, ok := options.(*MQTT)
	return ok && (o.BrokerName == c.Name || o.BrokerName == "" && c.Default)
}

// GlobalOptions names the broker.
func (c *MQTTConfig) GlobalOptions() spec.Declarer { return &MQTT{BrokerName: c.Name} }

// mqttSchemes are the kinds of URLs of brokers.
var mqttSchemes = []string{"tcp", "mqtt", "ssl", "tls", "tcps", "mqtts", "ws", "wss"}

func (c *MQTTConfig) check() error {
	u, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		return need("url", "")
	case err != nil:
		return fmt.Errorf("url: %w", redact.Error(err))
	case !slices.Contains(mqttSchemes, u.Scheme) || u.Host == "":
		return fmt.Errorf("url: want one like tcp://host:1883, ssl://host:8883 or ws://host/mqtt, got %q", u.Redacted())
	case c.Global && c.Topic == "":
		return errors.New("global needs a topic")
	}
	return checkTemplates("topic", c.Topic)
}

type mqttSender struct{ brokers []*broker }

// A broker keeps one connection, which the first delivery opens.
type broker struct {
	*MQTTConfig
	options *mqtt.ClientOptions

	mu     sync.Mutex
	client mqtt.Client // nil: not connected
}

func openMQTT(configs []*MQTTConfig) (Sender, error) {
	s := &mqttSender{}
	for _, c := range configs {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("mqtt: %w", err)
		}
		tls, err := c.LoadTLS()
		if err != nil {
			return nil, fmt.Errorf("mqtt: %w", err)
		}
		// Two clients of one name push each other out, so ours is new with each start unless it is set.
		o := mqtt.NewClientOptions().AddBroker(c.URL).SetTLSConfig(tls).SetClientID(or(c.ClientID, "tigk-"+rand.Text()[:16]))
		o.SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(false)
		s.brokers = append(s.brokers, &broker{MQTTConfig: c, options: o})
	}
	if err := checkNames("mqtt", "broker", configs); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *mqttSender) Send(ctx context.Context, e *alert.Event, options spec.Declarer) error {
	o := options.(*MQTT)
	if err := o.QoS.check(); err != nil {
		return Permanent(fmt.Errorf("mqtt: %w", err))
	}
	i, err := choose("mqtt", "broker", o.BrokerName, s.brokers)
	if err != nil {
		return err
	}
	topic, err := render("topic", or(o.Topic, s.brokers[i].Topic), eventDataOf(e))
	if err != nil {
		return err
	}
	if topic == "" || strings.ContainsAny(topic, "+#\x00") {
		return Permanent(fmt.Errorf("mqtt: %q is no topic to publish to", topic))
	}
	if err := s.brokers[i].publish(ctx, topic, byte(o.QoS), o.Retained, e.Message); err != nil {
		return fmt.Errorf("mqtt: %s: %w", s.brokers[i].Name, err)
	}
	return nil
}

func (b *broker) publish(ctx context.Context, topic string, qos byte, retained bool, message string) error {
	client, err := b.connected(ctx)
	if err != nil {
		return err
	}
	err = wait(ctx, client.Publish(topic, qos, retained, message))
	if err != nil {
		b.drop(client) // with what the library would repeat by itself
	}
	return err
}

// connected returns the client of a connection that stands.
func (b *broker) connected(ctx context.Context) (mqtt.Client, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client != nil && b.client.IsConnectionOpen() {
		return b.client, nil
	}
	options := *b.options
	user, err := b.Username.Get()
	if err != nil {
		return nil, err
	}
	password, err := b.Password.Get()
	if err != nil {
		return nil, err
	}
	options.SetUsername(user).SetPassword(password)
	timeout := 30 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(time.Until(deadline), time.Millisecond)
	}
	options.SetConnectTimeout(timeout).SetDialer(&net.Dialer{Timeout: timeout}).SetWriteTimeout(timeout)
	client := mqtt.NewClient(&options)
	if err := wait(ctx, client.Connect()); err != nil {
		go client.Disconnect(0)
		return nil, err
	}
	b.client = client
	return client, nil
}

// drop closes a connection of which it is not known what has got through.
func (b *broker) drop(client mqtt.Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client == client {
		b.client = nil
		client.Disconnect(0)
	}
}

func wait(ctx context.Context, t mqtt.Token) error {
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *mqttSender) Close() error {
	for _, b := range s.brokers {
		if b.client != nil {
			b.client.Disconnect(250)
		}
	}
	return nil
}
