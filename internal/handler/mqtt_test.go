package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

// A brokerHook lets in who knows the password and notes what is published.
type brokerHook struct {
	mochi.HookBase
	clients   chan packets.ConnectParams
	published chan packets.Packet
}

func (h *brokerHook) ID() string { return "test" }
func (h *brokerHook) Provides(b byte) bool {
	return bytes.Contains([]byte{mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnPublish}, []byte{b})
}

func (h *brokerHook) OnConnectAuthenticate(_ *mochi.Client, p packets.Packet) bool {
	h.clients <- p.Connect
	return string(p.Connect.Password) == "hunter2"
}

func (h *brokerHook) OnACLCheck(*mochi.Client, string, bool) bool { return true }

func (h *brokerHook) OnPublish(_ *mochi.Client, p packets.Packet) (packets.Packet, error) {
	h.published <- p
	return p, nil
}

func startBroker(t *testing.T, l net.Listener) (stop func() error, hook *brokerHook) {
	t.Helper()
	b := mochi.New(&mochi.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	h := &brokerHook{clients: make(chan packets.ConnectParams, 16), published: make(chan packets.Packet, 16)}
	require.NoError(t, b.AddHook(h, nil))
	require.NoError(t, b.AddListener(listeners.NewNet("test", l)))
	require.NoError(t, b.Serve())
	stop = sync.OnceValue(b.Close)
	t.Cleanup(func() { _ = stop() })
	return stop, h
}

func listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	return l
}

func TestMQTT(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	stop, hook := startBroker(t, l)
	a := &MQTTConfig{Name: "a", URL: "tcp://" + l.Addr().String(), ClientID: "me", Username: TextSecret("u"), Password: TextSecret("hunter2"), Topic: "all/{{ .TaskName }}"}
	wrong := &MQTTConfig{Name: "wrong", URL: a.URL, Password: TextSecret("x")}
	a.Default = true
	s := opened(t, "mqtt", a, wrong)
	for _, c := range []struct {
		options MQTT
		topic   string
	}{
		{MQTT{Topic: "alerts/{{ .Name }}"}, "alerts/cpu"},
		{MQTT{Topic: "x", BrokerName: "a", QoS: 1, Retained: true}, "x"},
		{MQTT{QoS: 2}, "all/cpu_alert"},
	} {
		require.NoError(t, send(t, s, &c.options))
		p := <-hook.published
		require.Equal(t, c.topic, p.TopicName)
		require.Equal(t, "cpu:host=a is CRITICAL", string(p.Payload))
		require.Equal(t, byte(c.options.QoS), p.FixedHeader.Qos)
		require.Equal(t, c.options.Retained, p.FixedHeader.Retain)
	}
	p := <-hook.clients
	require.Equal(t, "me", p.ClientIdentifier)
	require.Equal(t, "u", string(p.Username))
	require.True(t, p.Clean)
	require.Empty(t, hook.clients, "one connection for all")

	require.True(t, permanent(send(t, s, &MQTT{Topic: "x", QoS: 3})))
	err := send(t, s, &MQTT{Topic: "x", BrokerName: "wrong"})
	require.Error(t, err)
	require.False(t, permanent(err))
	for _, topic := range []string{"a/#", "+", "{{ .Category }}\x00"} {
		require.True(t, permanent(send(t, s, &MQTT{Topic: topic})))
	}
	err = send(t, s, &MQTT{Topic: "x", BrokerName: "worng"})
	require.ErrorContains(t, err, "did you mean wrong?")
	require.True(t, permanent(err))

	// The broker goes and comes back.
	addr := l.Addr().String()
	require.NoError(t, stop())
	err = send(t, s, &MQTT{Topic: "x", QoS: 1})
	require.Error(t, err)
	require.False(t, permanent(err))
	_, hook = startBroker(t, listen(t, addr))
	require.Eventually(t, func() bool { return send(t, s, &MQTT{Topic: "back", QoS: 1}) == nil }, 10*time.Second, time.Millisecond)
	require.Equal(t, "back", (<-hook.published).TopicName)
}

// TestMQTTSilentBroker takes connections and says nothing.
func TestMQTTSilentBroker(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
			cancel()
		}
	}()
	err := opened(t, "mqtt", &MQTTConfig{URL: "tcp://" + l.Addr().String()}).Send(ctx, event(), &MQTT{Topic: "x"})
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, permanent(err))
}

func TestMQTTConfig(t *testing.T) {
	u := "tcp://localhost:1883"
	for want, configs := range map[string][]any{
		"url is missing":             {&MQTTConfig{}},
		"url: want one like":         {&MQTTConfig{URL: "localhost:1883"}},
		"global needs a topic":       {&MQTTConfig{URL: u, Section: Section{Global: true}}},
		"unclosed action":            {&MQTTConfig{URL: u, Topic: "{{"}},
		`broker "a" stands there tw`: {&MQTTConfig{URL: u, Name: "a"}, &MQTTConfig{URL: u, Name: "a"}},
		"more than one broker is":    {&MQTTConfig{URL: u, Name: "a", Default: true}, &MQTTConfig{URL: u, Name: "b", Default: true}},
	} {
		_, err := Lookup("mqtt").Open(configs)
		require.ErrorContains(t, err, want)
	}
	err := send(t, opened(t, "mqtt", &MQTTConfig{URL: u, Name: "a"}, &MQTTConfig{URL: u, Name: "b"}), &MQTT{Topic: "x"})
	require.ErrorContains(t, err, "no broker is named and none is the default")
	only := &MQTTConfig{URL: u, Name: "a"}
	opened(t, "mqtt", only)
	require.True(t, only.Matches(&MQTT{}), "the only one is the default")
}

func TestQoS(t *testing.T) {
	for text, want := range map[string]QoS{`0`: 0, `2`: 2, `"at-most-once"`: 0, `"at-least-once"`: 1, `"exactly-one"`: 2, `"exactly-once"`: 2} {
		var q QoS
		require.NoError(t, json.Unmarshal([]byte(text), &q), text)
		require.Equal(t, want, q, text)
	}
	for _, text := range []string{`"x"`, `""`, `1.5`, `[]`} {
		var q QoS
		require.Error(t, json.Unmarshal([]byte(text), &q), text)
	}
	require.Error(t, spec.Of("mqtt", spec.NewHandler("mqtt")).Set("qos", []spec.Arg{num(3)}))
}
