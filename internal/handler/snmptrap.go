package handler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name:     "snmpTrap",
		Section:  "snmptrap",
		Required: true,
		Options:  func() spec.Declarer { return &SNMPTrap{} },
		Config:   func() any { return &SNMPTrapConfig{Addr: "localhost:162", Community: TextSecret("kapacitor")} },
		Open:     open(openSNMPTrap),
	})
}

// SNMPTrap is the options of the handler snmpTrap.
type SNMPTrap struct {
	OID  string     `json:"trap-oid,omitempty"`
	Data []TrapData `json:"data-list,omitempty"`
}

// TrapData is one variable of a trap. Value is a template.
type TrapData struct {
	OID   string `json:"oid"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Declare names the properties.
func (o *SNMPTrap) Declare(s *spec.Spec) {
	s.Doc("Sends an SNMP v2c trap.")
	s.Arg(&o.OID, "oid", "OID of the trap")
	s.Func("data", "add a variable; the type is c, i, n, s or t, the value a template", o.data, "oid", "type", "value")
	s.Check(func() error {
		if o.OID == "" {
			return errors.New("snmpTrap: the OID of the trap is empty")
		}
		for _, d := range o.Data {
			if err := checkTemplates("data", d.Value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (o *SNMPTrap) data(oid, kind, value string) error {
	if oid == "" {
		return errors.New("the OID is empty")
	}
	if len(kind) != 1 || !strings.Contains("cinst", kind) {
		return fmt.Errorf("want type c (counter), i (integer), n (null), s (string) or t (time ticks), got %q", kind)
	}
	o.Data = append(o.Data, TrapData{oid, kind, value})
	return nil
}

// SNMPTrapConfig is the section snmptrap.
type SNMPTrapConfig struct {
	Section
	Addr      string `toml:"addr"`
	Community Secret `toml:"community"`
}

type snmpSender struct {
	noClose
	host      string
	port      uint16
	community Secret
}

func openSNMPTrap(configs []*SNMPTrapConfig) (Sender, error) {
	c := first(configs, SNMPTrapConfig{})
	if c.Global {
		return nil, errors.New("snmptrap: global has no trap to send")
	}
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return nil, fmt.Errorf("snmptrap: addr: %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("snmptrap: addr: %q is no port", port)
	}
	return &snmpSender{host: host, port: uint16(n), community: c.Community}, nil
}

const (
	oidUptime  = ".1.3.6.1.2.1.1.3.0"
	oidTrapOID = ".1.3.6.1.6.3.1.1.4.1.0"
	trapUptime = 1000 // of whoever sends alerts; nobody reads it
)

// Send writes one datagram. Whether it arrives nobody says.
func (s *snmpSender) Send(ctx context.Context, e *alert.Event, options spec.Declarer) error {
	o := options.(*SNMPTrap)
	if !validOID(o.OID) {
		return Permanent(fmt.Errorf("snmpTrap: %q is no OID", o.OID))
	}
	trap := gosnmp.SnmpTrap{Variables: []gosnmp.SnmpPDU{
		{Name: oidUptime, Type: gosnmp.TimeTicks, Value: uint32(trapUptime)},
		{Name: oidTrapOID, Type: gosnmp.ObjectIdentifier, Value: o.OID},
	}}
	data := eventDataOf(e)
	for _, d := range o.Data {
		text, err := render("data", d.Value, data)
		if err != nil {
			return err
		}
		v, err := d.variable(text)
		if err != nil {
			return Permanent(fmt.Errorf("snmpTrap: %s: %w", d.OID, err))
		}
		trap.Variables = append(trap.Variables, v)
	}
	community, err := s.community.Get()
	if err != nil {
		return fmt.Errorf("snmpTrap: %w", err)
	}
	client := &gosnmp.GoSNMP{
		Target: s.host, Port: s.port, Transport: "udp", Community: community, Version: gosnmp.Version2c,
		Timeout: time.Second, Context: ctx, MaxOids: math.MaxInt,
	}
	if deadline, ok := ctx.Deadline(); ok {
		client.Timeout = max(time.Until(deadline), time.Millisecond)
	}
	if err := client.Connect(); err != nil {
		return fmt.Errorf("snmpTrap: %w", err)
	}
	defer client.Conn.Close()
	if _, err := client.SendTrap(trap); err != nil {
		return fmt.Errorf("snmpTrap: %w", err)
	}
	return nil
}

// variable gives the text the type of the variable.
func (d *TrapData) variable(text string) (gosnmp.SnmpPDU, error) {
	v := gosnmp.SnmpPDU{Name: d.OID}
	if !validOID(d.OID) {
		return v, fmt.Errorf("%q is no OID", d.OID)
	}
	switch d.Type {
	case "n":
		v.Type = gosnmp.Null
		return v, nil
	case "s":
		v.Type, v.Value = gosnmp.OctetString, text
		return v, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return v, fmt.Errorf("want an integer, got %q", text)
	}
	var fits bool
	switch d.Type {
	case "c":
		v.Type, v.Value, fits = gosnmp.Counter64, uint64(n), n >= 0
	case "i":
		v.Type, v.Value, fits = gosnmp.Integer, int(n), math.MinInt32 <= n && n <= math.MaxInt32
	case "t":
		v.Type, v.Value, fits = gosnmp.TimeTicks, uint32(n), 0 <= n && n <= math.MaxUint32
	default:
		return v, fmt.Errorf("unknown type %q", d.Type)
	}
	if !fits {
		return v, fmt.Errorf("%d does not fit into the type %s", n, d.Type)
	}
	return v, nil
}

// validOID reports whether oid is at least two numbers with dots between them.
func validOID(oid string) bool {
	parts := strings.Split(strings.TrimPrefix(oid, "."), ".")
	for _, p := range parts {
		if _, err := strconv.ParseUint(p, 10, 32); err != nil {
			return false
		}
	}
	return len(parts) > 1 && len(parts) <= 128
}
