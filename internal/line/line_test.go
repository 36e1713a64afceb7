package line

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
)

// A story is what a text holds: its points as line protocol and, at the end, an error.
type story []string

func (s *story) add(p *point.Point) {
	*s = append(*s, fmt.Sprintf("%s %v", point.AppendLine(nil, p), p.Fields)) // the values tell what lines do not, as -0
}

func (s *story) end(err error) {
	if err == io.EOF { //nolint:errorlint // the end
		return
	}
	*s = append(*s, err.Error())
}

// told reads a text with a Reader.
func told(r *Reader) (s story) {
	var p point.Point
	for {
		kind, err := r.Next(&p)
		if err != nil {
			s.end(err)
			return s
		}
		if kind == Point {
			s.add(&p)
		}
	}
}

// A lineReader reads a line at a time.
type lineReader struct {
	text  []byte
	lines int64
}

func (r *lineReader) Read(b []byte) (int, error) {
	if len(r.text) == 0 {
		return 0, io.EOF
	}
	n := bytes.IndexByte(r.text, '\n') + 1
	if n == 0 {
		n = len(r.text)
	}
	n = copy(b, r.text[:n])
	r.text = r.text[n:]
	if len(r.text) == 0 || b[n-1] == '\n' {
		r.lines++
	}
	return n, nil
}

// twin reads a text with the library.
func twin(text []byte) (s story) {
	in := &lineReader{text: text}
	dec := lineprotocol.NewDecoder(in)
	for dec.Next() {
		var d decoder
		var p point.Point
		if err := d.decode(dec, &p); err != nil {
			s.end(locate(err, 1, in.lines))
			return s
		}
		s.add(&p)
	}
	return s
}

var seeds = []string{
	"cpu,cpu=cpu0,host=a usage_idle=93.5,usage_user=1.25 1704067200000000000\n",
	"m v=1i 1\nm v=2i,w=3u 2\nm w=-1i 3\nm v=1i,w=2i 4\n",
	"m b=1,a=2,b=3 1\n",
	"m,a=1,b=2 v=1 1\nm,b=2,a=1 v=1 1\nm,b=2,a=1,b=3 v=1 1\n",
	"m\\ x,a\\=b=c\\,d v\\ 1=1 1\nm\\ x,a\\=b=c\\,d v\\ 1=1 2\n",
	"m s=\"a \\\"b\\\" \\\\ \\n\\r\\t\\x c\" 1\nm s=\"\",t=\"x\" 2\nm s=\"\\\\\" 3\n",
	"m s=\"a\nb\n\",v=1 1\nm v=1 2\nm v= 3\n",
	"m t=t,a=T,b=true,c=True,d=TRUE 1\nm t=f,a=F,b=false,c=False,d=FALSE 1\nm t=tru 1\n",
	"m v=0,w=-0,x=00.100,y=1.,z=.5 1\nm v=-.5 1\nm v=- 1\n",
	"m v=1e3,w=1E-3,x=1e400 1\n",
	"m v=12345678901234567890,w=1234567890123456789.25 1\n",
	"m v=9007199254740993,w=97.31092436974789,x=0.30000000000000004 1\n",
	"m v=9223372036854775807i,w=-9223372036854775808i,x=18446744073709551615u 1\nm v=9223372036854775808i 1\n",
	"# comment\n\n  \n\r\n  # other\r\nm v=1 1\r\n \r\nm v=1 2 \r\n  m v=1 3\n",
	"# bad \x01 comment\n",
	"m v=1 1\nm v=1\n",
	"m v=1 -5\nm v=1 9223372036854775807\nm v=1 9223372036854775808\n",
	"m v=1  5\nm  v=1 5\nm v=1 5 x\n",
	"m v=1 1", "m v=1", "m", "m ", "m,", "m,a", "m,a=", "m,a=b", "m,a=b ", "m v", "m v=", "m v=1,", "m v=1, 1\n", "m v=1 ,w=1 1\n", ",a=b v=1 1\n", "m =1 1\n",
	"m v=1i5 1\n", "m v=1.2.3 1\n", "m v=1x 1\n", "m v=+1 1\n", "m v=\"a 1\n", "m v=\"a\"b 1\n", "m v=\"\xff\" 1\n", "m\xff v=1 1\n", "m v\xff=1 1\n", "m,a=\xff v=1 1\n",
	"m v=1\t1\n", "m\tv=1 1\n", "m v=1 1\rx\n", "\r\r\n", "m v=1 1\r", "\xef\xbb\xbfm v=1 1\n", "größe,ort=köln wärme=1 1\n",
	"m v=1 12345678901234567890\n", "m v=1 00000000000000000000001\n",
	"m v=1 \n", "m v=1 \r\n", "m a\\=\"x\" 1\n", "m a\\x=1 1\n",
	"m s=\"a 1704067200000000000\nn v=1 1704067200000000001\n\" 1704067200000000002\nn v=1 1704067200000000003\n",
	"m,a=b\"c v=1 1704067200000000000\nm,a=b\"c v=\"x y 1704067200000000000\n",
}

func check(t *testing.T, text []byte) {
	want := twin(text)
	for name, in := range map[string]io.Reader{
		"at once":     bytes.NewReader(text),
		"byte a time": iotest.OneByteReader(bytes.NewReader(text)),
		"half reads":  iotest.HalfReader(bytes.NewReader(text)),
	} {
		require.Equal(t, want, told(newReader(in, 64)), "%s: %q", name, text)
	}
	checkSkipping(t, text, want)
}

// checkSkipping wants what is left if a measurement is skipped, and the time, to be as they are otherwise. Errors
// in lines that are skipped are not found.
func checkSkipping(t *testing.T, text []byte, want story) {
	if len(want) > 0 && !strings.HasSuffix(want[len(want)-1], "]") {
		return
	}
	clocks := func(skip bool) (s story) {
		r := newReader(bytes.NewReader(text), 512)
		if skip {
			r.Want = func(name string) bool { return name != "m" }
		}
		var p point.Point
		clock := int64(math.MinInt64)
		for {
			kind, err := r.Next(&p)
			if err != nil {
				s.end(err)
				return append(s, fmt.Sprint(clock))
			}
			clock = max(clock, p.Time)
			if kind == Point && p.Name != "m" {
				s.add(&p)
				s = append(s, fmt.Sprint(clock))
			}
		}
	}
	require.Equal(t, clocks(false), clocks(true), "%q", text)
}

// TestSkipped tells which errors are found in lines of a measurement that nobody wants.
func TestSkipped(t *testing.T) {
	for line, want := range map[string]string{
		"m v=1":                         "1:1: " + errNoTime.Error(),
		"m v=1704067200000000000":       "1:1: " + errNoTime.Error(),
		"m v=1 17040672000000000x0":     `1:7: invalid timestamp ("17040672000000000x0")`,
		"m v=1 9999999999999999999":     "1:1: invalid timestamp: line-protocol value out of range",
		"m 1704067200000000000":         `1:22: want '=' after field key "1704067200000000000", found '\n'`,
		"m,a v=1 1704067200000000000":   `1:3: expected '=' after tag key "a", but got ' ' instead`,
		"m v=\"a 1704067200000000000":   "1:5: expected closing quote for string field value, found end of input",
		"m v=x 1704067200000000000":     "",
		"m v,w=1=2 1704067200000000000": "",
		"m v=\xff 1704067200000000000":  "",
	} {
		r := newReader(strings.NewReader(line+"\n"), 64)
		r.Want = func(string) bool { return false }
		kind, err := r.Next(new(point.Point))
		if want == "" {
			require.NoError(t, err, line)
			require.Equal(t, Skipped, kind)
		} else {
			require.EqualError(t, err, want, line)
		}
	}
}

// TestTwin reads the same texts with the library.
func TestTwin(t *testing.T) {
	for _, text := range seeds {
		check(t, []byte(text))
	}
	check(t, []byte(strings.Join(seeds[:4], "")))
}

// TestTwinAtRandom does so with lines that are put together, and some of them broken, at random.
func TestTwinAtRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 800 {
		var b []byte
		g := generator{r: r, series: 1 + r.IntN(4), keys: 1 + r.IntN(100)}
		for range 1 + r.IntN(30) {
			b = g.line(b)
		}
		if r.IntN(3) == 0 {
			for range 1 + r.IntN(3) {
				b[r.IntN(len(b))] = "\x00\t\n\r \"#',-.019=\\eiu\x7f\xc3\xff"[r.IntN(22)]
			}
		}
		check(t, b)
	}
}

// A generator makes valid lines.
type generator struct {
	r            *rand.Rand
	series, keys int
}

func (g *generator) line(b []byte) []byte {
	r := g.r
	switch r.IntN(30) {
	case 0:
		return append(b, "# a comment\n"...)
	case 1:
		return append(b, "  \r\n"...)
	}
	b = append(b, []string{"m", "n", "long_measurement_name", "with\\ space", "größe"}[r.IntN(5)]...)
	for range r.IntN(3) {
		b = fmt.Appendf(b, ",%s=%s", []string{"a", "host", "t\\=x"}[r.IntN(3)], []string{"x", "web\\,1", "köln", `"`}[r.IntN(g.series)])
	}
	for i := range 1 + r.IntN(12) {
		b = append(b, " ,"[min(i, 1)])
		b = append(b, []string{"v", "usage_guest", "usage_guest_nice", "e\\ f", "ü"}[r.IntN(5)]...)
		if r.IntN(2) == 0 {
			b = strconv.AppendInt(b, int64(r.IntN(g.keys)), 10)
		}
		b = append(b, '=')
		b = g.value(b)
	}
	b = append(b, ' ')
	if r.IntN(2) == 0 {
		b = strconv.AppendInt(b, 1704067200000000000+int64(r.IntN(5)), 10)
	} else {
		b = strconv.AppendInt(b, r.Int64()>>r.IntN(64), 10)
	}
	return append(b, []string{"\n", "\n", "\n", "\r\n", " \n"}[r.IntN(5)]...)
}

func (g *generator) value(b []byte) []byte {
	r := g.r
	switch r.IntN(8) {
	case 0:
		return append(strconv.AppendInt(b, int64(r.Uint64())>>r.IntN(64), 10), 'i')
	case 1:
		return append(strconv.AppendUint(b, r.Uint64()>>r.IntN(64), 10), 'u')
	case 2:
		return strconv.AppendBool(b, r.IntN(2) == 0)
	case 3:
		return fmt.Appendf(b, "%q", []string{"", "a", "ok, fine=1", "C:\\x", "a\nb", "\"quoted\"", "größe"}[r.IntN(7)])
	case 4:
		return strconv.AppendFloat(b, math.Float64frombits(r.Uint64()&^(1<<62)), "efg"[r.IntN(3)], -1, 64)
	}
	f := float64(r.Int64()>>r.IntN(63)) / float64(pow10[r.IntN(20)])
	return strconv.AppendFloat(b, f, 'f', r.IntN(22)-1, 64)
}

// TestQuotient compares with what strconv makes of the same digits.
func TestQuotient(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 200_000 {
		x, n := r.Uint64()>>r.IntN(64), r.IntN(mostDigits+1)
		if i%4 == 0 { // near a tie of two floats
			x = (x>>11<<11 | 1<<10) + r.Uint64N(3) - 1
		}
		want, err := strconv.ParseFloat(fmt.Sprintf("%de-%d", x, n), 64)
		require.NoError(t, err)
		require.Equal(t, want, quotient(x, n), "%d / 10^%d", x, n)
	}
}

// TestForgets wants a decoder that remembers as much as it may to begin anew, in the middle of a point too.
func TestForgets(t *testing.T) {
	var b []byte
	for i := range 1500 {
		b = fmt.Appendf(b, "m,a=%d v%d=%di,w=1 %d\n", i%1400, i, i, i)
	}
	want := twin(b)
	for name, fill := range map[string]func(*decoder){
		"heads": func(d *decoder) { d.bytes = maxBytes - 2000 },
		"keys":  func(d *decoder) { d.keys = maxKeys - 700 },
		"both":  func(d *decoder) { d.bytes, d.keys = maxBytes-500, maxKeys-900 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newReader(bytes.NewReader(b), 512)
			fill(&r.decoder)
			require.Equal(t, want, told(r))
			require.Less(t, r.bytes, len(b))
			require.Less(t, r.keys, 1500)
			for _, m := range r.measurements {
				require.LessOrEqual(t, len(m.slots), maxSlots)
			}
		})
	}
	var many []byte // heads
	for i := range maxHeads + 10 {
		many = fmt.Appendf(many, "m,a=%d v=1 1\n", i)
	}
	r := NewReader(bytes.NewReader(many))
	told(r)
	require.Len(t, r.heads, 10)
}

// TestBounds wants a line that does not end to be an error and not to take all memory.
func TestBounds(t *testing.T) {
	for name, begin := range map[string]string{"number": "m v=1", "string": "m v=\"", "strings of many lines": "m v=\"\n"} {
		t.Run(name, func(t *testing.T) {
			in := &endless{begin: begin, repeat: begin[len(begin)-1]}
			_, err := NewReader(in).Next(new(point.Point))
			require.ErrorIs(t, err, errLong)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.EqualValues(t, 1, e.Line)
			require.Less(t, in.read, 3*Max)
		})
	}
}

type endless struct {
	begin  string
	repeat byte
	read   int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.begin)
	e.begin = e.begin[n:]
	for i := n; i < len(b); i++ {
		b[i] = e.repeat
	}
	e.read += len(b)
	return len(b), nil
}

// TestInputFails wants the points before the failure, and the failure.
func TestInputFails(t *testing.T) {
	failure := errors.New("disk on fire")
	r := NewReader(io.MultiReader(strings.NewReader("m v=1i 1\nm v=2"), iotest.ErrReader(failure)))
	var p point.Point
	_, err := r.Next(&p)
	require.NoError(t, err)
	_, err = r.Next(&p)
	require.ErrorIs(t, err, failure)
}

func FuzzTwin(f *testing.F) {
	for _, text := range seeds {
		f.Add([]byte(text))
	}
	f.Fuzz(check)
}

// BenchmarkReader reads the points of a processor: ten fields, in random order as Telegraf writes them.
func BenchmarkReader(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	keys := []string{"usage_guest", "usage_guest_nice", "usage_idle", "usage_iowait", "usage_irq", "usage_nice", "usage_softirq", "usage_steal", "usage_system", "usage_user"}
	var text []byte
	const lines = 10_000
	for i := range lines {
		text = fmt.Appendf(text, "cpu,cpu=cpu%d,host=web-17.example.net", i%20)
		r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		for k, key := range keys {
			text = append(text, " ,"[min(k, 1)])
			text = fmt.Appendf(text, "%s=%v", key, float64(r.IntN(1000))/float64(990+r.IntN(20)))
		}
		text = fmt.Appendf(text, " %d\n", 1704067200000000000+int64(i/20)*1e10)
	}
	for name, want := range map[string]func(string) bool{"all": nil, "none": func(string) bool { return false }} {
		b.Run("want="+name, func(b *testing.B) {
			b.SetBytes(int64(len(text)) / lines)
			b.ReportAllocs()
			var p point.Point
			for n := 0; n < b.N; {
				r := NewReader(bytes.NewReader(text))
				r.Want = want
				for n < b.N {
					if _, err := r.Next(&p); err != nil {
						break
					}
					n++
				}
				if want != nil {
					n += lines // Next does not come back from lines at one time
				}
			}
		})
	}
}
