package udf

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// This file defines how a function is configured.

// A Config is how a function is reached and run: a section of a TOML file. [DefaultConfig] has what
// the file does not say.
type Config struct {
	Name             string         `toml:"name"`
	Socket           string         `toml:"socket"`
	Command          []string       `toml:"command"`
	Environment      []string       `toml:"environment"`
	Directory        string         `toml:"directory"`
	User             string         `toml:"user"`
	Timeout          Interval       `toml:"timeout"`
	QueueSize        int            `toml:"queue_size"`
	QueueFull        Policy         `toml:"queue_full"`
	ReplaySize       int            `toml:"replay_size"`
	MaxFrame         Bytes          `toml:"max_frame"`
	SnapshotInterval Interval       `toml:"snapshot_interval"`
	Source           bool           `toml:"source"`
	Options          map[string]any `toml:"options"`
}

// DefaultConfig returns the values of settings that are not set.
func DefaultConfig() Config {
	return Config{
		Timeout:          Interval(10 * time.Second),
		QueueSize:        10_000,
		QueueFull:        Block,
		ReplaySize:       10_000,
		MaxFrame:         MaxFrame,
		SnapshotInterval: Interval(10 * time.Second),
	}
}

// A Policy says what happens to points for a function whose queue is full.
type Policy string

// The policies.
const (
	Block      Policy = "block"       // the task waits, and no other
	DropOldest Policy = "drop_oldest" // the points that have waited longest make room
	DropNewest Policy = "drop_newest" // the new points find none
)

// An Interval is a time.Duration that is written as "10s" or "1d", or as a number of seconds.
type Interval time.Duration

var days = regexp.MustCompile(`([0-9.]+)d`)

// UnmarshalText reads an interval.
func (i *Interval) UnmarshalText(b []byte) error {
	text := string(b)
	if s, err := strconv.ParseFloat(text, 64); err == nil {
		*i = Interval(s * float64(time.Second))
		return nil
	}
	text = days.ReplaceAllStringFunc(text, func(s string) string {
		n, _ := strconv.ParseFloat(s[:len(s)-1], 64) // what is no number stays no duration
		return strconv.FormatFloat(24*n, 'f', -1, 64) + "h"
	})
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("want a duration like \"10s\", got %q", b)
	}
	*i = Interval(d)
	return nil
}

// Bytes is a size that is written as "64MiB" or as a number of bytes.
type Bytes int64

// UnmarshalText reads a size.
func (s *Bytes) UnmarshalText(b []byte) error {
	text, unit := string(b), int64(1)
	for suffix, n := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "KB": 1e3, "MB": 1e6, "GB": 1e9} {
		if t, ok := strings.CutSuffix(text, suffix); ok {
			text, unit = strings.TrimSpace(t), n
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<62/unit {
		return fmt.Errorf("want a size like \"64MiB\", got %q", b)
	}
	*s = Bytes(n * unit)
	return nil
}

// maxFrameLimit is what the protocol's length of a frame can say.
const maxFrameLimit = 1<<32 - 1

// identifier is what TICKscript takes for a name.
var identifier = regexp.MustCompile(`^[\pL_][\pL\pN_]*$`)

// Check finds what is wrong with the settings. It touches nothing outside but the table of users.
func (c *Config) Check() error {
	switch {
	case c.Name == "":
		return errors.New("name is missing")
	case !identifier.MatchString(c.Name):
		return fmt.Errorf("name: a script must be able to say @%s(); want letters, digits and _, got %q", c.Name, c.Name)
	case c.Socket == "" && len(c.Command) == 0:
		return errors.New("want a socket or a command")
	case c.Socket != "" && len(c.Command) > 0:
		return errors.New("socket and command exclude each other")
	case c.Socket != "" && (len(c.Environment) > 0 || c.Directory != "" || c.User != ""):
		return errors.New("environment, directory and user are those of a command; a function behind a socket is started by somebody else")
	case c.Timeout <= Interval(time.Millisecond):
		return fmt.Errorf("timeout: want more than 1ms, got %s", time.Duration(c.Timeout))
	case c.QueueSize < 1:
		return fmt.Errorf("queue_size: want 1 or more, got %d", c.QueueSize)
	case c.QueueFull != Block && c.QueueFull != DropOldest && c.QueueFull != DropNewest:
		return fmt.Errorf("queue_full: want %q, %q or %q, got %q", Block, DropOldest, DropNewest, c.QueueFull)
	case c.ReplaySize < 0:
		return fmt.Errorf("replay_size must not be negative, got %d", c.ReplaySize)
	case c.MaxFrame < 1 || c.MaxFrame > maxFrameLimit:
		return fmt.Errorf("max_frame: want 1 to %d bytes, got %d", maxFrameLimit, c.MaxFrame)
	case c.SnapshotInterval != 0 && c.SnapshotInterval < Interval(100*time.Millisecond):
		return fmt.Errorf("snapshot_interval: want 0s, for never, or 100ms and more, got %s", time.Duration(c.SnapshotInterval))
	case len(c.Options) > 0 && !c.Source:
		return errors.New("options are those of a function with source = true; a script sets its own: @" + c.Name + "().option(value)")
	}
	if c.Socket != "" {
		_, _, err := address(c.Socket)
		return err
	}
	if c.Command[0] == "" {
		return errors.New("command: the program is missing")
	}
	for _, e := range c.Environment {
		if k, _, ok := strings.Cut(e, "="); !ok || k == "" {
			return fmt.Errorf("environment: want NAME=value, got %q", e)
		}
	}
	if c.User != "" {
		if runtime.GOOS == "windows" {
			return errors.New("user: not on Windows")
		}
		if _, err := lookupUser(c.User); err != nil {
			return fmt.Errorf("user: %w", err)
		}
	}
	return nil
}

// address returns network and address of a socket: a path, unix:///path or tcp://127.0.0.1:port.
func address(socket string) (network, addr string, err error) {
	if !strings.Contains(socket, "://") {
		return "unix", socket, nil
	}
	u, err := url.Parse(socket)
	if err != nil {
		return "", "", fmt.Errorf("socket: %w", err)
	}
	switch u.Scheme {
	case "unix":
		if u.Path != "" && u.Host == "" {
			return "unix", u.Path, nil
		}
	case "tcp":
		ip := net.ParseIP(u.Hostname())
		if u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return "", "", fmt.Errorf("socket: what is sent is not secured, so the address must be of this host, like 127.0.0.1; got %q", u.Hostname())
		}
		if u.Port() != "" && u.Path == "" {
			return "tcp", u.Host, nil
		}
	}
	return "", "", fmt.Errorf("socket: want a path, unix:///path or tcp://127.0.0.1:port, got %q", socket)
}

// InitOptions returns the configured options as those of a script, for a function that says what it takes.
// One value may stand alone; several are a list.
func (c *Config) InitOptions(x Info) ([]Option, error) {
	var out []Option
	for _, name := range sortedKeys(c.Options) {
		types, ok := x.Options[name]
		if !ok {
			return nil, fmt.Errorf("options: the function %s has no option %q; it has %s", c.Name, name, listed(sortedKeys(x.Options)))
		}
		args, isList := c.Options[name].([]any)
		if !isList {
			args = []any{c.Options[name]}
		}
		if len(args) != len(types) {
			return nil, fmt.Errorf("options: %s: want %d values, got %d", name, len(types), len(args))
		}
		o := Option{Name: name, Values: make([]point.Value, len(args))}
		for i, a := range args {
			v, ok := optionValue(a, types[i])
			if !ok {
				return nil, fmt.Errorf("options: %s: want a value of type %s, got %v", name, types[i], a)
			}
			o.Values[i] = v
		}
		out = append(out, o)
	}
	return out, nil
}

func optionValue(a any, t ValueType) (point.Value, bool) {
	switch a := a.(type) {
	case bool:
		return point.BoolValue(a), t == Bool
	case int64:
		if t == Double {
			return point.FloatValue(float64(a)), true
		}
		return point.IntValue(a), t == Int
	case float64:
		return point.FloatValue(a), t == Double
	case string:
		return parseOption(a, t)
	}
	return point.Value{}, false
}

// parseOption reads a value of type t: a TOML list cannot mix types, so all of its values may be
// strings.
func parseOption(text string, t ValueType) (v point.Value, ok bool) {
	var err error
	switch t {
	case Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		v = point.BoolValue(b)
	case Int:
		var i int64
		i, err = strconv.ParseInt(text, 10, 64)
		v = point.IntValue(i)
	case Double:
		var f float64
		f, err = strconv.ParseFloat(text, 64)
		v = point.FloatValue(f)
	case Duration:
		var i Interval
		err = i.UnmarshalText([]byte(text))
		v = point.DurationValue(time.Duration(i))
	default:
		v = point.StringValue(text)
	}
	return v, err == nil
}
