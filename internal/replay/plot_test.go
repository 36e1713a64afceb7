package replay_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	_ "github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/replay"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

var update = flag.Bool("update", false, "rewrite the pictures")

//go:generate go test -count=1 -run ^TestPlotDocs$ . -update

// draw replays data and returns the picture, which must be XML.
func draw(t *testing.T, name, script, file string, data io.Reader, o replay.Options) string {
	t.Helper()
	tk, err := task.Load(task.Config{Name: name, Script: script})
	require.NoError(t, err)
	src, err := replay.Open(file, data, autogen)
	require.NoError(t, err)
	o.Plot = &replay.Plot{Task: name, File: file}
	require.NoError(t, replay.Run(tk, src, replay.NewTranscript(io.Discard), o))
	var b, again bytes.Buffer
	require.NoError(t, o.Plot.Draw(&b))
	require.NoError(t, o.Plot.Draw(&again))
	require.Equal(t, b.String(), again.String())
	texts(t, b.String())
	return b.String()
}

// texts returns the texts of a picture in their order.
func texts(t *testing.T, svg string) (all []string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(svg))
	in := ""
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		switch tok := tok.(type) {
		case xml.StartElement:
			in = tok.Name.Local
			for _, a := range tok.Attr {
				require.NotContains(t, a.Value, "NaN")
				require.NotContains(t, a.Value, "Inf")
			}
		case xml.EndElement:
			in = ""
		case xml.CharData:
			if in == "text" {
				all = append(all, string(tok))
			}
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run make generate if it should look so")
}

const levels = `stream|from().groupBy('h')|alert().info(lambda: "v" > 1).warn(lambda: "v" > 2).crit(lambda: "v" > 3)
    .stateChangesOnly().id('{{ index .Tags "h" }}').message('').details('')`

// at returns points of the host h, one for each value, so far apart.
func at(h string, start time.Time, step time.Duration, values ...float64) string {
	var b strings.Builder
	for i, v := range values {
		fmt.Fprintf(&b, "m,h=%s v=%v %d\n", h, v, start.Add(time.Duration(i)*step).UnixNano())
	}
	return b.String()
}

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func TestPlotGolden(t *testing.T) {
	data := at("b", noon, 15*time.Second, 0, 2, 3, 4) + at("a", noon.Add(time.Minute), 30*time.Second, 4, 0, 0)
	golden(t, "testdata/plot.svg", draw(t, "levels", levels, "in.lp", strings.NewReader(data), replay.Options{Tail: time.Minute}))
}

// TestPlotDocs keeps the picture in the documentation fresh.
func TestPlotDocs(t *testing.T) {
	script, err := os.ReadFile("../../examples/cpu_busy.tick")
	require.NoError(t, err)
	data, err := os.Open("../../testdata/host-10min.lp.gz")
	require.NoError(t, err)
	defer data.Close()
	golden(t, "../../docs/replay.svg", draw(t, "cpu_busy", string(script), "host-10min.lp.gz", data, replay.Options{}))
}

func TestPlotOfLittle(t *testing.T) {
	quiet := texts(t, draw(t, "x", levels, "in.lp", strings.NewReader(at("a", noon, time.Hour, 0, 0, 0)), replay.Options{}))
	require.Subset(t, quiet, []string{"in.lp · 2026-07-01 12:00:00 – 14:00:00 UTC (2h0m0s)", "0 events of 0 alerts", "no alert event", "13:00"})

	empty := texts(t, draw(t, "x", levels, "in.lp", strings.NewReader(""), replay.Options{}))
	require.Subset(t, empty, []string{"in.lp · no data", "no alert event"})
	require.NotContains(t, empty, "UTC")

	// One instant, and the ends of time.
	for _, ns := range []int64{0, math.MaxInt64, math.MinInt64} {
		one := texts(t, draw(t, "x", levels, "in.lp", strings.NewReader(fmt.Sprintf("m,h=a v=9 %d\n", ns)), replay.Options{}))
		require.Subset(t, one, []string{"1 event of 1 alert", "CRITICAL 1"})
	}
	draw(t, "x", levels, "in.lp", strings.NewReader(fmt.Sprintf("m,h=a v=9 %d\nm,h=a v=0 %d\n", math.MinInt64, math.MaxInt64)), replay.Options{})
}

// TestPlotOfMuch bounds the picture, and wants it to say what it leaves out.
func TestPlotOfMuch(t *testing.T) {
	var data strings.Builder
	for i := range 200 {
		for h := range 50 {
			data.WriteString(at(fmt.Sprintf("h%02d", h), noon.Add(time.Duration(i*50+h)*time.Second), 0, float64((i+h)%2*9)))
		}
	}
	svg := draw(t, "x", levels, "in.lp", strings.NewReader(data.String()), replay.Options{})
	got := texts(t, svg)
	require.Contains(t, got, "9975 events of 50 alerts") // each host's first, if it is OK, is none
	require.Contains(t, got, "and 10 more alerts with 1990 events, not shown")
	require.Contains(t, got, "Fields of the alert data at the events; 36 more series not shown")
	require.Less(t, len(svg), 2<<20)

	// A single bad second in a week is seen.
	week := at("a", noon, 84*time.Hour, 0, 9) + at("a", noon.Add(84*time.Hour+time.Second), 0, 0) + at("a", noon.Add(168*time.Hour), 0, 0)
	svg = draw(t, "x", levels, "in.lp", strings.NewReader(week), replay.Options{})
	require.Regexp(t, `<rect x="6\d\d" y="[\d.]+" width="3" height="18" fill="#d64541"/>`, svg)
}

func TestPlotEscapes(t *testing.T) {
	const id = "<a href=\"x\">&amp;]]></a>"
	data := at(strings.NewReplacer(" ", `\ `, "=", `\=`).Replace(id), noon, 0, 9)
	svg := draw(t, id+"\x01\xff", levels, id, strings.NewReader(data), replay.Options{})
	require.NotContains(t, svg, "<a")
	require.Subset(t, texts(t, svg), []string{id, id + "\uFFFD\uFFFD"})
}

// TestPlotTicks wants the axis to have round times, and a date where the day is a new one.
func TestPlotTicks(t *testing.T) {
	for length, want := range map[time.Duration]string{
		40 * time.Nanosecond:      "12:00:00.000000000 2026-07-01 12:00:00.000000010 12:00:00.000000020 12:00:00.000000030 12:00:00.000000040",
		3 * time.Second:           "12:00:00.000 2026-07-01 12:00:00.500 12:00:01.000 12:00:01.500 12:00:02.000 12:00:02.500 12:00:03.000",
		time.Minute:               "12:00:00 2026-07-01 12:00:10 12:00:20 12:00:30 12:00:40 12:00:50 12:01:00",
		time.Hour:                 "12:00 2026-07-01 12:10 12:20 12:30 12:40 12:50 13:00",
		24 * time.Hour:            "12:00 2026-07-01 18:00 00:00 2026-07-02 06:00 12:00",
		4 * 24 * time.Hour:        "2026-07-02 2026-07-03 2026-07-04 2026-07-05",
		30 * 24 * time.Hour:       "2026-07-02 2026-07-09 2026-07-16 2026-07-23 2026-07-30",
		10 * 365 * 24 * time.Hour: "",
	} {
		t.Run(length.String(), func(t *testing.T) {
			got := texts(t, draw(t, "x", levels, "in.lp", strings.NewReader(at("a", noon, length, 0, 0)), replay.Options{}))
			from := 0
			for got[from] != "UTC" {
				from++
			}
			ticks := got[from+1:]
			require.LessOrEqual(t, len(ticks), 10)
			require.GreaterOrEqual(t, len(ticks), 4)
			if want != "" {
				require.Equal(t, want, strings.Join(ticks, " "))
			}
		})
	}
}
