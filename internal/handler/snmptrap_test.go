package handler

import (
	"net"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"
	"github.com/stretchr/testify/require"
)

func TestSNMPTrap(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer conn.Close()
	s := opened(t, "snmpTrap", &SNMPTrapConfig{Addr: conn.LocalAddr().String(), Community: TextSecret("kapacitor")})
	require.NoError(t, send(t, s, &SNMPTrap{OID: "1.3.6.1.4.1.99.1", Data: []TrapData{
		{"1.3.6.1.4.1.99.2", "c", "9007199254740993"},
		{".1.3.6.1.4.1.99.3", "i", `{{ index .Fields "i" }}`},
		{"1.3.6.1.4.1.99.4", "n", "ignored"},
		{"1.3.6.1.4.1.99.5", "s", "{{ .Level }}: {{ .Message }}"},
		{"1.3.6.1.4.1.99.6", "t", "4294967295"},
		{"1.3.6.1.4.1.99.7", "i", "-5"},
	}}))
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	buf := make([]byte, 65536)
	n, _, err := conn.ReadFrom(buf)
	require.NoError(t, err)
	listener := &gosnmp.GoSNMP{Version: gosnmp.Version2c}
	p, err := listener.UnmarshalTrap(buf[:n], false)
	require.NoError(t, err)
	require.Equal(t, gosnmp.Version2c, p.Version)
	require.Equal(t, "kapacitor", p.Community)
	require.Equal(t, gosnmp.SNMPv2Trap, p.PDUType)
	require.Equal(t, []gosnmp.SnmpPDU{
		{Name: ".1.3.6.1.2.1.1.3.0", Type: gosnmp.TimeTicks, Value: uint32(1000)},
		{Name: ".1.3.6.1.6.3.1.1.4.1.0", Type: gosnmp.ObjectIdentifier, Value: ".1.3.6.1.4.1.99.1"},
		{Name: ".1.3.6.1.4.1.99.2", Type: gosnmp.Counter64, Value: uint64(9007199254740993)},
		{Name: ".1.3.6.1.4.1.99.3", Type: gosnmp.Integer, Value: 3},
		{Name: ".1.3.6.1.4.1.99.4", Type: gosnmp.Null},
		{Name: ".1.3.6.1.4.1.99.5", Type: gosnmp.OctetString, Value: []byte("CRITICAL: cpu:host=a is CRITICAL")},
		{Name: ".1.3.6.1.4.1.99.6", Type: gosnmp.TimeTicks, Value: uint32(4294967295)},
		{Name: ".1.3.6.1.4.1.99.7", Type: gosnmp.Integer, Value: -5},
	}, p.Variables)
}

func TestSNMPTrapRefusals(t *testing.T) {
	s := opened(t, "snmpTrap", &SNMPTrapConfig{Addr: "127.0.0.1:9"})
	for want, o := range map[string]*SNMPTrap{
		`"x" is no OID`:                      {OID: "x"},
		`"1..2" is no OID`:                   {OID: "1.1", Data: []TrapData{{"1..2", "s", ""}}},
		`want an integer, got "19.4"`:        {OID: "1.1", Data: []TrapData{{"1.2", "i", `{{ index .Fields "value" }}`}}},
		"3000000000 does not fit":            {OID: "1.1", Data: []TrapData{{"1.2", "i", "3000000000"}}},
		"-1 does not fit into the type c":    {OID: "1.1", Data: []TrapData{{"1.2", "c", "-1"}}},
		"4294967296 does not fit into the t": {OID: "1.1", Data: []TrapData{{"1.2", "t", "4294967296"}}},
		`unknown type "z"`:                   {OID: "1.1", Data: []TrapData{{"1.2", "z", "1"}}},
		"Nope":                               {OID: "1.1", Data: []TrapData{{"1.2", "s", "{{ .Nope }}"}}},
	} {
		err := send(t, s, o)
		require.ErrorContains(t, err, want)
		require.True(t, permanent(err), want)
	}
	for want, c := range map[string]*SNMPTrapConfig{
		"missing port":               {Addr: "localhost"},
		`"snmp" is no port`:          {Addr: "localhost:snmp"},
		"global has no trap to send": {Section: Section{Global: true}, Addr: "localhost:162"},
	} {
		_, err := Lookup("snmpTrap").Open([]any{c})
		require.ErrorContains(t, err, want)
	}
}
