//go:build linux

package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// This file replays a week of a host: what a user does who tries a rule on a recording.

// weekPoints is the number of points of a week: 60 every 10 s.
const weekPoints = 7 * 24 * 3600 / 10 * 60

// weekTable replays the week through one rule, ten and 68, from a plain file and a compressed one.
func (b *bench) weekTable() error {
	plain, zipped, err := writeWeek(b.dir)
	if err != nil {
		return err
	}
	size, err := os.Stat(plain)
	if err != nil {
		return err
	}
	fmt.Printf("%d points, %d MB, %d bytes a line\n\n", weekPoints, size.Size()>>20, size.Size()/weekPoints)
	fmt.Println("| rules | file | wall s | CPU s | CPU ns a point | peak memory | of it its own |")
	fmt.Println("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
	for _, n := range []int{0, 1, 10, 68} {
		script := nothing
		if n > 0 {
			script = weekRules(n)
		}
		for _, file := range []string{plain, zipped} {
			var best usage
			for i := range b.runs {
				u, err := b.replay(script, file)
				if err != nil {
					return err
				}
				if i == 0 {
					best = u
				}
				best = best.best(u)
			}
			fmt.Printf("| %d | %s | %.2f | %.2f | %.0f | %d MB | %d MB |\n", n, map[string]string{plain: "plain", zipped: "gzip"}[file],
				best.wall.Seconds(), best.cpu.Seconds(), best.cpu.Seconds()*1e9/weekPoints, best.peak>>20, best.own>>20)
		}
	}
	return nil
}

// weekRules returns a script of n rules, of which none goes off. The first is a threshold, which most
// points are of that have one.
func weekRules(n int) string {
	kinds := []string{
		`stream|from().measurement('cpu').groupBy('host', 'cpu')|alert().crit(lambda: "usage_idle" < -%d.0)`,
		`stream|from().measurement('mem').groupBy('host')|alert().warn(lambda: "available_percent" < -%d.0).crit(lambda: "available_percent" < -100.0)`,
		`stream|from().measurement('disk').groupBy('host', 'path')|alert().warn(lambda: "used_percent" > 10%d.0).crit(lambda: "used_percent" > 200.0)`,
		`stream|from().measurement('disk').groupBy('host', 'path')|alert().crit(lambda: "inodes_used_percent" > 10%d.0)`,
		`stream|from().measurement('cpu').where(lambda: "cpu" == 'cpu-total').groupBy('host')|window().period(5m).every(1m)|mean('usage_iowait')|alert().crit(lambda: "mean" > 10%d.0)`,
		`stream|from().measurement('net').groupBy('host', 'interface')|derivative('drop_in').unit(1s).nonNegative().as('rate')|alert().crit(lambda: "rate" > 1%d000000000.0)`,
		`stream|from().measurement('system').where(lambda: isPresent("load1")).groupBy('host')|stateDuration(lambda: "load1" > 4.0).unit(1m)|alert().crit(lambda: "state_duration" > 10%d000.0)`,
		`stream|from().measurement('processes').groupBy('host')|alert().crit(lambda: "zombies" > 10%d)`,
		`stream|from().measurement('swap').where(lambda: isPresent("used_percent")).groupBy('host')|alert().crit(lambda: "used_percent" > 10%d.0)`,
		`stream|from().measurement('diskio').groupBy('host', 'name')|derivative('io_time').unit(1s).nonNegative().as('busy')|alert().crit(lambda: "busy" > 10%d000.0)`,
	}
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, kinds[i%len(kinds)]+".id('rule%d {{ .Group }}').details('').stateChangesOnly()\n", i/len(kinds), i)
	}
	return s.String()
}

// writeWeek makes the files, plain and compressed. They are the same every time.
func writeWeek(dir string) (plain, zipped string, err error) {
	plain, zipped = filepath.Join(dir, "week.lp"), filepath.Join(dir, "week.lp.gz")
	p, err := os.Create(plain)
	if err != nil {
		return "", "", err
	}
	z, err := os.Create(zipped)
	if err != nil {
		return "", "", errors.Join(err, p.Close())
	}
	c := gzip.NewWriter(z)
	w := bufio.NewWriterSize(io.MultiWriter(p, c), 1<<20)
	h := newHost()
	for at := range int64(weekPoints / 60) {
		h.write(w, (begin+10*at)*int64(time.Second))
	}
	return plain, zipped, errors.Join(w.Flush(), p.Close(), c.Close(), z.Close())
}

// A host writes what Telegraf collects of one, as its output file does: tags sorted, fields in the random
// order of a Go map.
type host struct {
	rnd    *rand.Rand
	series []*series
	buf    []byte
}

// A series is one line every interval.
type series struct {
	head   string
	fields []*column
}

// A column is a field, which has a value for every interval.
type column struct {
	key  string
	now  float64
	next func(r *rand.Rand, was float64) float64
	text func(dst []byte, v float64) []byte
}

func newHost() *host {
	h := &host{rnd: rand.New(rand.NewPCG(7, 24))}
	for i := range 21 {
		cpu := "cpu-total"
		if i < 20 {
			cpu = "cpu" + strconv.Itoa(i)
		}
		h.add("cpu,cpu="+cpu+",host=web-17.example.net", share(90, "usage_idle"), share(6, "usage_user"), share(3, "usage_system"), share(1, "usage_iowait"),
			share(0.3, "usage_softirq"), zero("usage_nice", "usage_irq", "usage_steal", "usage_guest", "usage_guest_nice"))
	}
	const kB, gB = 1 << 10, 1 << 30
	h.add("mem,host=web-17.example.net", level(16*gB, 4*kB, "active", "available", "buffered", "cached", "committed_as", "free", "inactive", "mapped", "used", "slab", "sreclaimable", "sunreclaim", "page_tables", "shared", "dirty", "vmalloc_used"),
		share(61, "available_percent"), share(38, "used_percent"), fixed(33_550_897_152, "total", "commit_limit"), fixed(2_097_152, "huge_page_size"), fixed(35_184_372_087_808, "vmalloc_total"),
		fixed(4_294_963_200, "swap_total", "swap_free"), fixed(0, "swap_cached", "high_free", "high_total", "huge_pages_free", "huge_pages_total", "low_free", "low_total", "vmalloc_chunk", "write_back", "write_back_tmp"))
	h.add("swap,host=web-17.example.net", fixed(4_294_963_200, "total"), level(gB, 4*kB, "free", "used"), share(2, "used_percent"))
	h.add("swap,host=web-17.example.net", counter(0.1, 0, "in", "out"))
	h.add("system,host=web-17.example.net", hundredths(3, "load1", "load5", "load15"), fixed(20, "n_cpus"), fixed(10, "n_physical_cpus"), level(8, 1, "n_users", "n_unique_users"))
	h.add("system,host=web-17.example.net", counter(10, 3_000_000, "uptime"))
	h.add("system,host=web-17.example.net", uptimeFormat())
	h.add("processes,host=web-17.example.net", level(600, 1, "total", "sleeping", "idle", "total_threads"), level(4, 1, "running", "blocked"), fixed(0, "dead", "paging", "stopped", "unknown", "zombies"))
	h.add("kernel,host=web-17.example.net", fixed(1_700_000_000, "boot_time"), fixed(256, "entropy_avail"), counter(9e5, 3e11, "context_switches", "interrupts"), counter(300, 2e7, "processes_forked"))
	for i, path := range []string{"/", "/boot", "/boot/efi", "/home", "/srv", "/tmp", "/var", "/var/log"} {
		h.add(fmt.Sprintf("disk,device=nvme0n1p%d,fstype=ext4,host=web-17.example.net,label=data,mode=rw,path=%s", i+1, path), fixed(53_660_876_800, "total"), fixed(3_276_800, "inodes_total"),
			level(25*gB, 4*kB, "free", "used"), level(1_500_000, 1, "inodes_free", "inodes_used"), share(55, "used_percent"), share(4, "inodes_used_percent"))
	}
	for i := range 11 {
		h.add(fmt.Sprintf("diskio,host=web-17.example.net,name=nvme0n1p%d", i), counter(40, 1e7, "reads", "merged_reads"), counter(400, 1e8, "writes", "merged_writes"), counter(1e6, 1e12, "read_bytes"), counter(1e7, 1e13, "write_bytes"),
			counter(30, 1e7, "read_time", "io_time"), counter(300, 1e8, "write_time", "weighted_io_time"), level(3, 1, "iops_in_progress"), share(1, "io_await", "io_svctm", "io_util"))
	}
	for i := range 12 {
		h.add(fmt.Sprintf("net,host=web-17.example.net,interface=eth%d", i), counter(1e7, 1e12, "bytes_recv", "bytes_sent"), counter(2e4, 1e9, "packets_recv", "packets_sent"), counter(0.1, 100, "drop_in", "drop_out"),
			fixed(0, "err_in", "err_out"), fixed(10_000, "speed"))
	}
	return h
}

func (h *host) add(head string, fields ...[]*column) {
	s := &series{head: head}
	for _, f := range fields {
		s.fields = append(s.fields, f...)
	}
	h.series = append(h.series, s)
}

// write writes the points of one interval.
func (h *host) write(w io.Writer, at int64) {
	for _, s := range h.series {
		b := append(h.buf[:0], s.head...)
		h.rnd.Shuffle(len(s.fields), func(i, j int) { s.fields[i], s.fields[j] = s.fields[j], s.fields[i] })
		for i, f := range s.fields {
			b = append(b, " ,"[min(i, 1)])
			b = append(b, f.key...)
			b = append(b, '=')
			f.now = f.next(h.rnd, f.now)
			b = f.text(b, f.now)
		}
		b = append(b, ' ')
		b = strconv.AppendInt(b, at, 10)
		h.buf = append(b, '\n')
		_, _ = w.Write(h.buf) // Flush has the error
	}
}

func fields(keys []string, start float64, next func(*rand.Rand, float64) float64, text func([]byte, float64) []byte) (fs []*column) {
	for _, k := range keys {
		fs = append(fs, &column{k, start, next, text})
	}
	return fs
}

func decimal(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v, 'f', -1, 64) }
func integer(dst []byte, v float64) []byte { return append(strconv.AppendInt(dst, int64(v), 10), 'i') }

// share makes percentages, of ticks of a processor for example: as many digits as there are.
func share(mean float64, keys ...string) []*column {
	return fields(keys, mean, func(r *rand.Rand, _ float64) float64 {
		total := 990 + r.IntN(20)
		return 100 * float64(int(mean*(0.5+r.Float64())*float64(total)/150)) / float64(total)
	}, decimal)
}

func hundredths(mean float64, keys ...string) []*column {
	return fields(keys, mean, func(r *rand.Rand, _ float64) float64 { return float64(int(mean*(0.5+r.Float64())*100)) / 100 }, decimal)
}

func zero(keys ...string) []*column { return fields(keys, 0, same, decimal) }

func fixed(v float64, keys ...string) []*column { return fields(keys, v, same, integer) }

func same(_ *rand.Rand, was float64) float64 { return was }

// level makes integers around a mean.
func level(mean, unit float64, keys ...string) []*column {
	return fields(keys, mean, func(r *rand.Rand, _ float64) float64 { return float64(int(mean*(0.9+r.Float64()/5)/unit)) * unit }, integer)
}

// counter makes integers that grow.
func counter(step, start float64, keys ...string) []*column {
	return fields(keys, start, func(r *rand.Rand, was float64) float64 { return was + float64(int(2*step*r.Float64())) }, integer)
}

func uptimeFormat() []*column {
	return fields([]string{"uptime_format"}, 3_000_000, func(_ *rand.Rand, was float64) float64 { return was + 10 }, func(dst []byte, v float64) []byte {
		s := int(v)
		return fmt.Appendf(dst, "\"%d days, %2d:%02d\"", s/86400, s/3600%24, s/60%60)
	})
}
