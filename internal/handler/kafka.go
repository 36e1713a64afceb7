package handler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

func init() {
	Register(Kind{
		Name:     "kafka",
		Many:     true,
		Required: true,
		Parallel: 16,
		Options:  func() spec.Declarer { return &Kafka{} },
		Config:   func() any { return &KafkaConfig{} },
		Open:     open(openKafka),
	})
}

// Kafka is the options of the handler kafka.
type Kafka struct {
	Cluster              string `json:"cluster,omitempty"`
	Topic                string `json:"topic,omitempty" stays:"place"`
	Template             string `json:"template,omitempty" stays:"template"`
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
	s.Check(func() error {
		if !slices.Contains(partitionings, o.PartitionAlgorithm) {
			return fmt.Errorf("partitionHashAlgorithm: want crc32, murmur2, murmur3 or fnv-1a, got %q", o.PartitionAlgorithm)
		}
		return checkTemplates("template", o.Template)
	})
}

// Destination is the topic.
func (o *Kafka) Destination() string { return o.Cluster + "/" + o.Topic }

// KafkaConfig is one section kafka: a cluster.
type KafkaConfig struct {
	Section
	tlsconf.TLS
	ID       string   `toml:"id"`
	Brokers  []string `toml:"brokers"`
	Topic    string   `toml:"topic"`
	UseTLS   bool     `toml:"use_tls"`
	ClientID string   `toml:"client_id"`
	KafkaSASL

	only bool
}

func (c *KafkaConfig) id() (string, bool) { return c.ID, c.only }
func (c *KafkaConfig) alone()             { c.only = true }

// Matches reports whether options mean this cluster.
func (c *KafkaConfig) Matches(options spec.Declarer) bool {
	o, ok := options.(*Kafka)
	return ok && (o.Cluster == c.ID || o.Cluster == "" && c.only)
}

// GlobalOptions names the cluster.
func (c *KafkaConfig) GlobalOptions() spec.Declarer { return &Kafka{Cluster: c.ID} }

// producerConfig makes the settings of the client library. What it does by itself after a failure
// is bounded, for repeats are the caller's.
func (c *KafkaConfig) producerConfig() (*sarama.Config, error) {
	switch {
	case len(c.Brokers) == 0:
		return nil, need("brokers", "")
	case c.Global && c.Topic == "":
		return nil, errors.New("global needs a topic")
	}
	const limit = 10 * time.Second
	s := sarama.NewConfig()
	s.ClientID = or(c.ClientID, "telegraf-tigk")
	s.Net.DialTimeout, s.Net.ReadTimeout, s.Net.WriteTimeout = limit, limit, limit
	s.Metadata.Retry.Max, s.Metadata.Full = 1, false
	s.Producer.RequiredAcks, s.Producer.Timeout = sarama.WaitForAll, limit
	s.Producer.Return.Successes, s.Producer.Return.Errors = true, true
	s.Producer.Partitioner = newPartitioner
	tls, err := c.LoadTLS()
	if err != nil {
		return nil, err
	}
	s.Net.TLS.Enable = c.UseTLS || c.TLS != tlsconf.TLS{}
	s.Net.TLS.Config = tls
	return s, c.set(s)
}

// A cluster has one producer, which the first delivery opens.
type cluster struct {
	*KafkaConfig
	opening chan struct{} // holds one token while somebody opens the producer

	mu       sync.Mutex
	producer sarama.SyncProducer
	closed   bool
}

type kafkaSender struct{ clusters []*cluster }

func openKafka(configs []*KafkaConfig) (Sender, error) {
	s := &kafkaSender{}
	for _, c := range configs {
		if _, err := c.producerConfig(); err != nil {
			return nil, fmt.Errorf("kafka: %w", err)
		}
		s.clusters = append(s.clusters, &cluster{KafkaConfig: c, opening: make(chan struct{}, 1)})
	}
	if err := checkNames("kafka", "cluster", configs); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *kafkaSender) Send(ctx context.Context, e *alert.Event, options spec.Declarer) error {
	o := options.(*Kafka)
	i, err := choose("kafka", "cluster", o.Cluster, s.clusters)
	if err != nil {
		return err
	}
	c := s.clusters[i]
	m := &sarama.ProducerMessage{Topic: or(o.Topic, c.Topic), Key: sarama.StringEncoder(e.ID), Value: sarama.ByteEncoder(Body(e)), Metadata: o}
	if err := need("topic", m.Topic); err != nil {
		return Permanent(fmt.Errorf("kafka: %w", err))
	}
	if o.Template != "" {
		text, err := render("template", o.Template, alertDataOf(e))
		if err != nil {
			return err
		}
		m.Value = sarama.StringEncoder(text)
	}
	producer, err := c.opened(ctx)
	if err == nil {
		err = within(ctx, func() error {
			_, _, err := producer.SendMessage(m)
			return err
		})
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sarama.ErrMessageSizeTooLarge), errors.Is(err, sarama.ErrInvalidTopic),
		errors.Is(err, sarama.ErrTopicAuthorizationFailed):
		return Permanent(fmt.Errorf("kafka: %w", err))
	}
	return fmt.Errorf("kafka: %w", err)
}

// within calls f and returns its error, or that of ctx if it ends first: the client library knows no
// contexts, but limits of its own.
func within(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// opened returns the producer. However many wait for a dead cluster, one of them dials.
func (c *cluster) opened(ctx context.Context) (sarama.SyncProducer, error) {
	select {
	case c.opening <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.mu.Lock()
	producer := c.producer
	c.mu.Unlock()
	if producer != nil {
		<-c.opening
		return producer, nil
	}
	err := within(ctx, func() error {
		defer func() { <-c.opening }()
		config, err := c.producerConfig()
		if err != nil {
			return err
		}
		if err := c.login(config); err != nil {
			return err
		}
		p, err := sarama.NewSyncProducer(c.Brokers, config)
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.closed {
			return p.Close()
		}
		c.producer = p
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.producer == nil {
		return nil, errors.New("closed")
	}
	return c.producer, nil
}

func (s *kafkaSender) Close() error {
	var errs []error
	for _, c := range s.clusters {
		c.mu.Lock()
		c.closed = true
		if c.producer != nil {
			errs = append(errs, c.producer.Close())
			c.producer = nil
		}
		c.mu.Unlock()
	}
	return errors.Join(errs...)
}
