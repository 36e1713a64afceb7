package replay_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

var autogen = spec.DBRP{DB: "telegraf", RP: "autogen"}

const sample = `# a comment
m,b=2,a=1 w=2u,v=1i,x=1.5,s="a b",t=true 1000
# dbrp: "other db".rp
m v=18446744073709551615u 2000

# advance: 5s
n v=1 3000
`

// all reads a source to its end, as text.
func all(src replay.Source) (string, error) {
	var b strings.Builder
	for {
		it, err := src.Next()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return b.String(), err
		}
		if it.Point == nil {
			fmt.Fprintf(&b, "advance %s\n", it.Advance)
			continue
		}
		fmt.Fprintf(&b, "%s.%s %s\n", it.Point.DB, it.Point.RP, point.AppendLine(nil, it.Point))
	}
}

const wantSample = `telegraf.autogen m,a=1,b=2 s="a b",t=true,v=1i,w=2i,x=1.5 1000
other db.rp m v=9223372036854775807i 2000
advance 5s
other db.rp n v=1 3000
`

func zip(t *testing.T, text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestLines(t *testing.T) {
	for name, in := range map[string]io.Reader{
		"plain":       strings.NewReader(sample),
		"byte a time": iotest.OneByteReader(strings.NewReader(sample)),
		"half reads":  iotest.HalfReader(strings.NewReader(sample)),
		"gzip":        bytes.NewReader(zip(t, sample)),
		"no line end": strings.NewReader(strings.TrimRight(sample, "\n")),
	} {
		t.Run(name, func(t *testing.T) {
			src, err := replay.NewLines("x.lp", in, autogen)
			require.NoError(t, err)
			got, err := all(src)
			require.NoError(t, err)
			require.Equal(t, wantSample, got)
		})
	}
}

// TestLinesKeepStrings wants a line of a string that begins with # to stay.
func TestLinesKeepStrings(t *testing.T) {
	src, err := replay.NewLines("x.lp", strings.NewReader("m s=\"a\n# b\nc\" 1\nm s=\"d\" 2\n"), autogen)
	require.NoError(t, err)
	it, err := src.Next()
	require.NoError(t, err)
	require.Equal(t, "a\n# b\nc", it.Point.Field("s").Text)
	it, err = src.Next()
	require.NoError(t, err)
	require.Equal(t, "d", it.Point.Field("s").Text)
}

func TestBadData(t *testing.T) {
	for text, want := range map[string]string{
		"m v=1i 1\nm v= 2\n":                   "x.lp:2:5: ",
		"m v=1i 1\n\nm v=2\nm v=3 3\n":         "x.lp:3:1: the line has no time",
		"m v=1i 1\nm v=2":                      "x.lp:2:1: the line has no time",
		"# one\n# dbrp: a.b\nm v=1 1\nm v 2\n": "x.lp:4:",
		"m v=1\n":                              "x.lp:",
		"m v=1 1\n# dbrp: a\n":                 "x.lp:2:1: dbrp \"a\": want database.retentionpolicy",
		"# advance: soon\n":                    "x.lp:1:1: invalid duration string \"soon\"",
		"# advance: -5s\n":                     "x.lp:1:1: the clock does not go back",
	} {
		t.Run(text, func(t *testing.T) {
			src, err := replay.NewLines("x.lp", strings.NewReader(text), autogen)
			require.NoError(t, err)
			_, err = all(src)
			require.ErrorIs(t, err, replay.ErrData)
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := replay.Open("x.srpl", strings.NewReader("telegraf\n"), autogen)
	require.ErrorContains(t, err, "x.srpl: want a gzip file")
}

func TestRecording(t *testing.T) {
	src, err := replay.Open("x.srpl", bytes.NewReader(zip(t, "a\nb\nm,h=x v=1i 1000\nc\nd\nm v=2.5 2000\n")), autogen)
	require.NoError(t, err)
	got, err := all(src)
	require.NoError(t, err)
	require.Equal(t, "a.b m,h=x v=1i 1000\nc.d m v=2.5 2000\n", got)

	for text, want := range map[string]string{
		"a\nb\n":              "x.srpl:2:1: unexpected EOF",
		"a\nb\nm v=1i 1\na\n": "x.srpl:4:1: unexpected EOF",
		"a\nb\nm v= 1\n":      "x.srpl:3:5: ",
		"a\nb\n# no point\n":  "x.srpl:3:1: want a point in line protocol",
	} {
		src, err := replay.Open("x.srpl", bytes.NewReader(zip(t, text)), autogen)
		require.NoError(t, err)
		_, err = all(src)
		require.ErrorContains(t, err, want)
	}
}

// TestClock wants timers to fire before the point that is due at the same time, and the tail to let
// the clock run on.
func TestClock(t *testing.T) {
	run := func(tail time.Duration) string {
		tk, err := task.Load(task.Config{Name: "c", Script: `stream|from().measurement('m')|stats(10s)|influxDBOut()`})
		require.NoError(t, err)
		src, err := replay.NewLines("x.lp", strings.NewReader("m v=1 0\nm v=1 5000000000\nm v=1 20000000000\n"), autogen)
		require.NoError(t, err)
		var out strings.Builder
		require.NoError(t, replay.Run(tk, src, replay.NewTranscript(&out), replay.Options{Tail: tail}))
		return out.String()
	}
	line := func(n, at int) string {
		return fmt.Sprintf(`{"kind":"influxdb_out","database":"","retention_policy":"","line":"stats emitted=%di %d000000000"}`+"\n", n, at)
	}
	require.Equal(t, line(2, 10)+line(2, 20), run(0))
	require.Equal(t, line(2, 10)+line(2, 20)+line(3, 30)+line(3, 40), run(20*time.Second))
}

// everything is a source that leaves nothing out.
type everything struct{ replay.Source }

func (everything) Want(replay.Wanted) {}

// TestWant wants points to be left out that a task does not want, and nobody to notice: they move the clock, and
// what comes after another comment may be wanted.
func TestWant(t *testing.T) {
	var lines, recorded strings.Builder
	for i := range 200 {
		db := []string{"other.autogen", "telegraf.autogen"}[i/7%2]
		if i%7 == 0 {
			fmt.Fprintf(&lines, "# dbrp: %s\n", db)
		}
		if i == 100 {
			lines.WriteString("# advance: 1m\n")
		}
		text := []string{"", "", `,s="a b"`}[i%5/2]
		line := fmt.Sprintf("%s,host=h%d v=%d%s %d\n", []string{"m", "n", "o"}[i%3], i%2, i, text, 1704067200000000000+int64(i/4)*12e9)
		lines.WriteString(line)
		recorded.WriteString(strings.Replace(db, ".", "\n", 1) + "\n" + line)
	}
	fmt.Fprintf(&lines, "n v=1 %d\n", int64(1704067200000000000+1000e9))
	fmt.Fprintf(&recorded, "telegraf\nautogen\nn v=1 %d\n", int64(1704067200000000000+1000e9))
	const script = "dbrp \"telegraf\".\"autogen\"\nvar m = stream|from().measurement('m').groupBy('host')\nm|deadman(0.0, 5s)\nm|window().period(20s).every(20s)|sum('v')|influxDBOut().database('x')"
	for name, text := range map[string]string{"x.lp": lines.String(), "x.srpl": string(zip(t, recorded.String()))} {
		var out [2]strings.Builder
		var items [2]int
		for i := range out {
			tk, err := task.Load(task.Config{Name: "c", Script: script})
			require.NoError(t, err)
			src, err := replay.Open(name, strings.NewReader(text), autogen)
			require.NoError(t, err)
			if i == 1 {
				src = everything{src}
			}
			counts := replay.Options{Tail: 10 * time.Second, Between: func(n int, t *task.Task) (*task.Task, error) {
				items[i] = n
				return t, nil
			}}
			require.NoError(t, replay.Run(tk, src, replay.NewTranscript(&out[i]), counts))
		}
		require.Contains(t, out[0].String(), `"level":"CRITICAL"`)
		require.Contains(t, out[0].String(), "sum=")
		require.Equal(t, out[1].String(), out[0].String(), name)
		if name == "x.lp" {
			require.Equal(t, 202, items[1])
			require.Less(t, items[0], 160)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("m v=1 1\n#dbrp:a.b\nm,=b v=1 2\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		src, err := replay.NewLines("x.lp", bytes.NewReader(text), autogen)
		if err != nil {
			return
		}
		got, err := all(src)
		if err != nil {
			require.ErrorIs(t, err, replay.ErrData)
		}
		require.LessOrEqual(t, strings.Count(got, "\n"), bytes.Count(text, []byte("\n"))+bytes.Count(text, []byte("\r"))+1)
	})
}

func FuzzRecording(f *testing.F) {
	f.Add([]byte("a\nb\nm,h=x v=1i 1000\nc\nd\nm v=2.5 2000\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		src, err := replay.Open("x.srpl", bytes.NewReader(zip(t, string(text))), autogen)
		require.NoError(t, err)
		if _, err = all(src); err != nil {
			require.NotErrorIs(t, err, io.EOF)
		}
	})
}

// BenchmarkLines reads points of three fields and two tags; one op is 1000 points.
func BenchmarkLines(b *testing.B) {
	var text strings.Builder
	const n = 1000
	for i := range n {
		fmt.Fprintf(&text, "cpu,host=host%03d,region=eu idle=%d,system=1.5,usage=%d.25 %d\n", i%100, i, i, i)
	}
	b.ReportAllocs()
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		b.StopTimer()
		src, err := replay.NewLines("x.lp", strings.NewReader(text.String()), autogen)
		require.NoError(b, err)
		b.StartTimer()
		for range n {
			if _, err := src.Next(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
