package alert

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// A Level is how bad it is.
type Level uint8

// The levels, in order.
const (
	OK Level = iota
	Info
	Warning
	Critical
)

var levelNames = [...]string{"OK", "INFO", "WARNING", "CRITICAL"}

func (l Level) String() string {
	if !l.valid() {
		return "Level(" + strconv.Itoa(int(l)) + ")"
	}
	return levelNames[l]
}

func (l Level) valid() bool { return l <= Critical }

// ParseLevel returns the level that s names: a name or the beginning of one, in any case. The empty
// string is OK.
func ParseLevel(s string) (Level, error) {
	upper := strings.ToUpper(s)
	for i, name := range levelNames {
		if strings.HasPrefix(name, upper) {
			return Level(i), nil
		}
	}
	return OK, fmt.Errorf("unknown alert level '%s'", upper)
}

// MarshalText returns the level's name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText sets the level as [ParseLevel] does.
func (l *Level) UnmarshalText(text []byte) error {
	parsed, err := ParseLevel(string(text))
	if err == nil {
		*l = parsed
	}
	return err
}

// An Event is what handlers get. Data is the series as InfluxDB result JSON: {"series":[…]}.
type Event struct {
	EventID      string // stable: the same event has the same one after a restart
	Nth          int    // of the series' events at this time, from 0
	ID           string
	Message      string
	Details      string
	Time         int64 // nanoseconds since the Unix epoch
	Duration     time.Duration
	Level        Level
	Previous     Level // of this ID in Topic, or in the node's own topic if there is none
	NodePrevious Level // of this ID in the node's own topic
	Recoverable  bool
	Topic        string // named topic, if any
	Category     string
	Name         string // measurement
	Task, Node   string
	Rule         string // version of the task's script: a hash of its text
	Group        string // ID of the group, "" if ungrouped
	GroupTags    []point.Tag
	Tags         []point.Tag
	Fields       []point.Field
	ValueKey     string // of the field that the level was found by, "" if it is not among Fields
	Data         []byte
	Handlers     []Handler // those that the script names
}

// A Handler names a handler and the options that the script gave it.
type Handler struct {
	Kind    string          `json:"kind"`
	Options json.RawMessage `json:"options,omitempty"`
}

// NodeTopic returns the name of the topic that a node has for itself.
func NodeTopic(task, node string) string { return "main:" + task + ":" + node }

// SetEventID fills in EventID, a hash of what makes the event the one it is: task, node, series,
// ID, time and level. Nth tells apart the events of points whose times have been rounded to the same
// second, as the agent does.
func (e *Event) SetEventID() {
	b := make([]byte, 0, 256)
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, s := range [...]string{e.Task, e.Node, e.Name, e.Group, e.ID} {
		text(s)
	}
	for _, t := range e.Tags {
		text(t.Key)
		text(t.Value)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time))
	b = append(b, byte(e.Level))
	if e.Nth > 0 {
		b = binary.AppendUvarint(b, uint64(e.Nth))
	}
	sum := sha256.Sum256(b)
	e.EventID = hex.EncodeToString(sum[:16])
}

// AppendJSON appends the event as handlers send it.
func (e *Event) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"id":`...)
	dst = point.AppendJSONString(dst, e.ID)
	dst = append(dst, `,"message":`...)
	dst = point.AppendJSONString(dst, e.Message)
	dst = append(dst, `,"details":`...)
	dst = point.AppendJSONString(dst, e.Details)
	dst = append(dst, `,"time":`...)
	dst = point.AppendJSONTime(dst, e.Time)
	dst = append(dst, `,"duration":`...)
	dst = strconv.AppendInt(dst, int64(e.Duration), 10)
	dst = append(dst, `,"level":"`...)
	dst = append(dst, e.Level.String()...)
	dst = append(dst, `","data":`...)
	if len(e.Data) == 0 {
		dst = append(dst, `{}`...)
	} else {
		dst = append(dst, e.Data...)
	}
	dst = append(dst, `,"previousLevel":"`...)
	dst = append(dst, e.Previous.String()...)
	dst = append(dst, `","recoverable":`...)
	dst = strconv.AppendBool(dst, e.Recoverable)
	return append(dst, '}')
}
