package alert

import (
	"bytes"
	"encoding/gob"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the results in testdata")

// TestTraces runs testdata/*.txt. A block is a command, rows of input, "----" and what comes out;
// blocks are separated by empty lines, # begins a comment. The commands:
//
//	rules [history=N] [flapping=LOW,HIGH] [changes] [interval=D] [batch]
//	    starts a group; "batch" judges as for batches
//	levels
//	    rows "TIME LEVEL": adds them, says what each does
//	resume NOW LEVEL TIME [DURATION]
//	    makes the group go on at the stored level of an event at TIME
//	topics
//	    rows "collect TOPIC ID LEVEL", "resume OWN NAMED|- ID", "update TOPIC ID LEVEL",
//	    "events TOPIC LEVEL", "list", "open TOPIC", "close TOPIC", "delete TOPIC", "reload"
func TestTraces(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var got []string
			var m machine
			for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
				in, _, ok := strings.Cut(block, "\n----")
				require.True(t, ok, "no ---- in %q", block)
				got = append(got, strings.TrimRight(in+"\n----\n"+m.run(t, in), "\n"))
			}
			out := strings.Join(got, "\n\n") + "\n"
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(out), 0o600))
			}
			require.Equal(t, string(text), out)
		})
	}
}

type machine struct {
	rules  Rules
	state  State
	batch  bool
	topics Topics
}

func (m *machine) run(t *testing.T, in string) string {
	var out strings.Builder
	var command []string
	for line := range strings.Lines(in) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case command == nil:
			command = words
			m.command(t, command, &out)
		case command[0] == "levels":
			m.level(t, words, &out)
		default:
			m.topic(t, words, &out)
		}
	}
	return out.String()
}

func (m *machine) command(t *testing.T, words []string, out *strings.Builder) {
	switch words[0] {
	case "rules":
		m.rules, m.batch = Rules{}, false
		history := 21
		for _, w := range words[1:] {
			key, value, _ := strings.Cut(w, "=")
			switch key {
			case "history":
				history, _ = strconv.Atoi(value)
			case "flapping":
				m.rules.DetectFlapping = true
				_, err := fmt.Sscanf(value, "%g,%g", &m.rules.Low, &m.rules.High)
				require.NoError(t, err)
			case "changes":
				m.rules.ChangesOnly = true
			case "interval":
				m.rules.MaxInterval = time.Duration(seconds(t, value))
			case "batch":
				m.batch = true
			default:
				require.Fail(t, "unknown rule", w)
			}
		}
		m.state = NewState(history)
	case "resume":
		l, err := ParseLevel(words[2])
		require.NoError(t, err)
		stored := EventState{Level: l, Time: seconds(t, words[3])}
		if len(words) > 4 {
			stored.Duration = time.Duration(seconds(t, words[4]))
		}
		ok := m.state.Resume(seconds(t, words[1]), stored, &m.rules)
		fmt.Fprintf(out, "%v: %s\n", ok, m.state.Level())
	case "levels", "topics":
	default:
		require.Fail(t, "unknown command", words[0])
	}
}

func (m *machine) level(t *testing.T, words []string, out *strings.Builder) {
	at := seconds(t, words[0])
	l, err := ParseLevel(words[1])
	require.NoError(t, err)
	m.state.Add(at, l, &m.rules)
	fmt.Fprintf(out, "%-4s %s", words[0], l)
	if m.rules.DetectFlapping {
		fmt.Fprintf(out, " %.3f", m.state.changes())
	}
	raises := m.state.PointRaises(&m.rules)
	if m.batch {
		raises = m.state.BatchRaises(&m.rules)
	}
	for _, f := range []struct {
		on   bool
		name string
	}{{m.state.Changed, "changed"}, {m.state.Expired, "expired"}, {m.state.Flapping, "flapping"}} {
		if f.on {
			out.WriteString(" " + f.name)
		}
	}
	if raises {
		m.state.Trigger(at)
		fmt.Fprintf(out, " -> event, %v", m.state.Duration())
	}
	out.WriteByte('\n')
}

func (m *machine) topic(t *testing.T, words []string, out *strings.Builder) {
	arg := func(i int) string {
		if i < len(words) && words[i] != "-" {
			return words[i]
		}
		return ""
	}
	level := func(i int) Level {
		l, err := ParseLevel(arg(i))
		require.NoError(t, err)
		return l
	}
	fmt.Fprintf(out, "%s", strings.Join(words, " "))
	switch words[0] {
	case "collect":
		fmt.Fprintf(out, ": was %s", m.topics.Collect(arg(1), &Event{ID: arg(2), Level: level(3)}))
	case "update":
		m.topics.Update(arg(1), EventState{ID: arg(2), Level: level(3)})
	case "resume":
		s, ok := m.topics.Resume(arg(1), arg(2), arg(3))
		fmt.Fprintf(out, ": %s %v", s.Level, ok)
	case "events":
		for _, e := range m.topics.Events(arg(1), level(2)) {
			fmt.Fprintf(out, " %s=%s", e.ID, e.Level)
		}
	case "list":
		for _, i := range m.topics.List() {
			fmt.Fprintf(out, "\n  %s %s %d", i.Name, i.Level, i.Collected)
		}
	case "open":
		m.topics.Open(arg(1))
	case "close":
		m.topics.Close(arg(1))
	case "delete":
		m.topics.Delete(arg(1))
	case "reload":
		var b bytes.Buffer
		require.NoError(t, gob.NewEncoder(&b).Encode(m.topics.Snapshot()))
		var s Saved
		require.NoError(t, gob.NewDecoder(&b).Decode(&s))
		m.topics = Topics{}
		m.topics.Load(s)
	default:
		require.Fail(t, "unknown row", words[0])
	}
	out.WriteByte('\n')
}

func seconds(t *testing.T, s string) int64 {
	d, err := time.ParseDuration(s)
	require.NoError(t, err)
	return int64(d)
}

func TestTopicLimits(t *testing.T) {
	var all Topics
	for i := range maxOK + 10 {
		all.Collect("t", &Event{ID: strconv.Itoa(i), Level: OK})
	}
	require.Len(t, all.Events("t", OK), maxOK)
	all.Collect("t", &Event{ID: "0", Level: Critical})
	all.Collect("t", &Event{ID: "new", Level: Critical})
	require.Len(t, all.Events("t", Critical), 2)
	i, ok := all.Info("t")
	require.True(t, ok)
	require.Equal(t, TopicInfo{"t", Critical, maxOK + 12}, i)
}

func TestTopicsInParallel(t *testing.T) {
	var all Topics
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range 200 {
				all.Collect("t", &Event{ID: strconv.Itoa(i), Level: Level(i % 4)})
				all.Resume("own", "t", strconv.Itoa(i))
				all.Snapshot()
				in := all.Inhibitors().New("c", nil)
				in.Set(true)
				all.Inhibitors().Inhibits("c", nil)
				in.Set(false)
			}
		}()
	}
	for range 4 {
		<-done
	}
	i, _ := all.Info("t")
	require.EqualValues(t, 800, i.Collected)
}

func BenchmarkStateAdd(b *testing.B) {
	for _, c := range []struct {
		name  string
		rules Rules
	}{{"rules=plain", Rules{}}, {"rules=flapping", Rules{DetectFlapping: true, Low: 0.25, High: 0.5}}} {
		b.Run(c.name, func(b *testing.B) {
			s := NewState(21)
			b.ReportAllocs()
			for b.Loop() {
				s.Add(1, Critical, &c.rules)
			}
		})
	}
}
