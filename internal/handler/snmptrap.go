package handler

import (
	"errors"
	"fmt"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{Name: "snmpTrap", Section: "snmptrap", Required: true, Options: func() spec.Declarer { return &SNMPTrap{} }})
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
