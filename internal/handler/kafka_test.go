package handler

import (
	"context"
	"net"
	"testing"

	"github.com/IBM/sarama"
	"github.com/IBM/sarama/mocks"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

// kafkaBroker leads one partition of the topic alerts and answers produce requests with code.
func kafkaBroker(t *testing.T, code sarama.KError) *sarama.MockBroker {
	t.Helper()
	b := sarama.NewMockBroker(t, 1)
	t.Cleanup(b.Close)
	b.SetHandlerByMap(map[string]sarama.MockResponse{
		"ApiVersionsRequest": sarama.NewMockApiVersionsResponse(t),
		"MetadataRequest": sarama.NewMockMetadataResponse(t).SetBroker(b.Addr(), b.BrokerID()).
			SetLeader("alerts", 0, b.BrokerID()).SetLeader("other", 0, b.BrokerID()),
		"ProduceRequest": sarama.NewMockProduceResponse(t).SetError("alerts", 0, code),
	})
	return b
}

// TestKafka wants one acknowledged request per event on the wire.
func TestKafka(t *testing.T) {
	b := kafkaBroker(t, sarama.ErrNoError)
	s := opened(t, "kafka", &KafkaConfig{ID: "k", Brokers: []string{b.Addr()}, Topic: "other"})
	for _, o := range []*Kafka{{Topic: "alerts", Cluster: "k"}, {Topic: "alerts", PartitionAlgorithm: "murmur2"}, {}} {
		require.NoError(t, send(t, s, o))
	}
	requests := 0
	for _, r := range b.History() {
		if p, ok := r.Request.(*sarama.ProduceRequest); ok {
			requests++
			require.Equal(t, sarama.WaitForAll, p.RequiredAcks)
		}
	}
	require.Equal(t, 3, requests)
}

func TestKafkaMessages(t *testing.T) {
	s := opened(t, "kafka", &KafkaConfig{ID: "k", Brokers: []string{"127.0.0.1:1"}, Topic: "other"})
	producer := mocks.NewSyncProducer(t, nil)
	s.(*kafkaSender).clusters[0].producer = producer
	for _, c := range []struct {
		options      Kafka
		topic, value string
	}{
		{Kafka{Topic: "alerts"}, "alerts", bodyOf},
		{Kafka{}, "other", bodyOf},
		{Kafka{Topic: "alerts", Template: "{{ .ID }} {{ .PreviousLevel }} {{ jsonCompact .Level }}"}, "alerts", `cpu:host=a OK "CRITICAL"`},
	} {
		producer.ExpectSendMessageWithMessageCheckerFunctionAndSucceed(func(m *sarama.ProducerMessage) error {
			key, err := m.Key.Encode()
			require.NoError(t, err)
			value, err := m.Value.Encode()
			require.NoError(t, err)
			require.Equal(t, "cpu:host=a", string(key))
			require.Equal(t, c.topic, m.Topic)
			require.Equal(t, c.value, string(value))
			require.Empty(t, m.Headers)
			return nil
		})
		require.NoError(t, send(t, s, &c.options))
	}
}

func TestKafkaFaults(t *testing.T) {
	for _, c := range []struct {
		code      sarama.KError
		permanent bool
	}{
		{sarama.ErrNotEnoughReplicas, false},
		{sarama.ErrMessageSizeTooLarge, true},
		{sarama.ErrTopicAuthorizationFailed, true},
		{sarama.ErrInvalidTopic, true},
	} {
		b := kafkaBroker(t, c.code)
		s := opened(t, "kafka", &KafkaConfig{ID: "k", Brokers: []string{b.Addr()}})
		err := send(t, s, &Kafka{Topic: "alerts"})
		require.ErrorIs(t, err, c.code)
		require.Equal(t, c.permanent, permanent(err), c.code)
	}
	s := opened(t, "kafka", &KafkaConfig{ID: "k", Brokers: []string{"127.0.0.1:1"}})
	err := send(t, s, &Kafka{Topic: "alerts"})
	require.ErrorIs(t, err, sarama.ErrOutOfBrokers)
	require.False(t, permanent(err))
	err = send(t, s, &Kafka{})
	require.ErrorContains(t, err, "topic is missing")
	require.True(t, permanent(err))
	err = send(t, s, &Kafka{Cluster: "kk", Topic: "x"})
	require.ErrorContains(t, err, "did you mean k?")
	require.True(t, permanent(err))
	require.True(t, permanent(send(t, s, &Kafka{Topic: "x", Template: "{{ .Nope }}"})))
}

// TestKafkaSilent takes connections and says nothing.
func TestKafkaSilent(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		var conns []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				break
			}
			conns = append(conns, conn)
			cancel()
		}
		for _, conn := range conns {
			conn.Close()
		}
	}()
	s := opened(t, "kafka", &KafkaConfig{Brokers: []string{l.Addr().String()}})
	err := s.Send(ctx, event(), &Kafka{Topic: "alerts"})
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, permanent(err))
	require.ErrorIs(t, s.Send(ctx, event(), &Kafka{Topic: "alerts"}), context.Canceled, "while the first one dials")
	require.NoError(t, l.Close())
}

func TestKafkaConfig(t *testing.T) {
	at := []string{"localhost:9092"}
	for want, configs := range map[string][]any{
		"brokers is missing":           {&KafkaConfig{}},
		"global needs a topic":         {&KafkaConfig{Brokers: at, Section: Section{Global: true}}},
		"sasl_mechanism: want":         {&KafkaConfig{Brokers: at, KafkaSASL: KafkaSASL{Mechanism: "x"}}},
		"sasl_username is missing":     {&KafkaConfig{Brokers: at, KafkaSASL: KafkaSASL{Mechanism: "SCRAM-SHA-512"}}},
		"sasl_access_token is missing": {&KafkaConfig{Brokers: at, KafkaSASL: KafkaSASL{Mechanism: "oauthbearer"}}},
		"tls_ca":                       {&KafkaConfig{Brokers: at, TLS: tlsconf.TLS{CA: "/none"}}},
		`cluster "k" stands there`:     {&KafkaConfig{ID: "k", Brokers: at}, &KafkaConfig{ID: "k", Brokers: at}},
	} {
		_, err := Lookup("kafka").Open(configs)
		require.ErrorContains(t, err, want)
	}
	c := &KafkaConfig{Brokers: at, TLS: tlsconf.TLS{InsecureSkipVerify: true}, KafkaSASL: KafkaSASL{Username: TextSecret("u"), Password: TextSecret("p")}}
	s, err := c.producerConfig()
	require.NoError(t, err)
	require.Empty(t, s.Net.SASL.User, "secrets wait until they are needed")
	require.NoError(t, c.login(s))
	require.NoError(t, s.Validate())
	require.True(t, s.Net.TLS.Enable, "settings of TLS mean TLS")
	require.Equal(t, "p", s.Net.SASL.Password)
	plain, err := (&KafkaConfig{Brokers: at}).producerConfig()
	require.NoError(t, err)
	require.False(t, plain.Net.TLS.Enable)
	require.False(t, plain.Net.SASL.Enable)
	h := spec.Of("kafka", spec.NewHandler("kafka"))
	require.NoError(t, h.Set("partitionHashAlgorithm", []spec.Arg{str("crc33")}))
	require.ErrorContains(t, h.Validate(), "want crc32")
}

func TestMurmur3(t *testing.T) {
	for text, want := range map[string]uint32{
		"": 0, "a": 0x3c2569b2, "hello": 0x248bfa47, "hello, world": 0x149bbb7f, "The quick brown fox jumps over the lazy dog": 0x2e4ff723,
	} {
		var h murmur3
		_, _ = h.Write([]byte(text))
		require.Equal(t, want, h.Sum32(), text)
	}
}

func TestPartitions(t *testing.T) {
	p := newPartitioner("alerts")
	for algorithm, want := range map[string]int32{"": 5, "crc32": 5, "murmur2": 5, "murmur3": 9, "fnv-1a": 1} {
		m := &sarama.ProducerMessage{Key: sarama.StringEncoder("cpu:host=a"), Metadata: &Kafka{PartitionAlgorithm: algorithm}}
		got, err := p.Partition(m, 10)
		require.NoError(t, err)
		require.Equal(t, want, got, algorithm)
	}
	m := &sarama.ProducerMessage{Key: sarama.StringEncoder("cpu:host=a"), Metadata: &Kafka{DisablePartitionByID: true}}
	seen := map[int32]bool{}
	for range 1000 {
		n, err := p.Partition(m, 4)
		require.NoError(t, err)
		seen[n] = true
	}
	require.Len(t, seen, 4)
}
