package delivery

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// child is a process with a dispatcher. It reads IDs of events, hands over the events, and says which are
// safe.
func child(dir, url string) {
	c := config(&logbook{}, &tallies{})
	c.RetryMin, c.RetryMax = 5*time.Millisecond, 20*time.Millisecond
	c.Folder, c.Directory = journal.Dir(dir), dir
	d, err := New(c)
	if err != nil {
		panic(err)
	}
	if err := d.Start(); err != nil {
		panic(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		e := event(lines.Text(), "CRITICAL", "OK", `[{"kind":"post","options":{"url":"`+url+`"}}]`)
		d.Events([]*alert.Event{e}, func(list []*alert.Event) {
			for _, e := range list {
				fmt.Println(e.EventID)
			}
		})
	}
	if _, _, err := d.Close(time.Now().Add(5 * time.Second)); err != nil {
		panic(err)
	}
}

// source is the outbox of the processor: it sends again what was not acknowledged.
type source struct {
	mu   sync.Mutex
	next int
	open []string // sent, oldest first
	all  []string
}

func (s *source) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	id := fmt.Sprintf("a%d-%06d", rand.N(8), s.next)
	s.open, s.all = append(s.open, id), append(s.all, id)
	return id
}

func (s *source) ack(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.open, id); i >= 0 {
		s.open = slices.Delete(s.open, i, i+1)
	}
}

// TestKill ends a process that delivers under load, at random moments.
func TestKill(t *testing.T) {
	kills := 30
	if testing.Short() {
		kills = 5
	}
	type receipt struct {
		generation int
		id         string
	}
	var mu sync.Mutex
	var got []receipt
	generation := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, rest, _ := strings.Cut(string(body), `u003cp\u003e`)
		id, _, _ := strings.Cut(rest, `\`)
		if rand.N(10) == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		time.Sleep(rand.N(3 * time.Millisecond))
		mu.Lock()
		defer mu.Unlock()
		got = append(got, receipt{generation, id})
	}))
	defer server.Close()
	dir := t.TempDir()
	src := &source{}
	for round := range kills + 1 {
		mu.Lock()
		generation = round
		mu.Unlock()
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), "DELIVERY_CHILD="+dir, "DELIVERY_URL="+server.URL)
		c.Stderr = os.Stderr
		in, err := c.StdinPipe()
		require.NoError(t, err)
		out, err := c.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, c.Start())
		acked := make(chan struct{}, 1)
		var readers sync.WaitGroup
		readers.Go(func() {
			for lines := bufio.NewScanner(out); lines.Scan(); {
				src.ack(lines.Text())
				select {
				case acked <- struct{}{}:
				default:
				}
			}
		})
		src.mu.Lock()
		again := slices.Clone(src.open)
		if n := len(src.all) - len(again); n > 3 {
			again = append(slices.Clone(src.all[n-3:n]), again...) // as if their acknowledgement was lost
		}
		src.mu.Unlock()
		for _, id := range again {
			_, err := fmt.Fprintln(in, id)
			require.NoError(t, err)
		}
		if round < kills {
			stop := make(chan struct{})
			readers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						if _, err := fmt.Fprintln(in, src.take()); err != nil {
							return
						}
						time.Sleep(rand.N(2 * time.Millisecond))
					}
				}
			})
			<-acked
			time.Sleep(rand.N(150 * time.Millisecond))
			require.NoError(t, c.Process.Kill())
			close(stop)
			readers.Wait()
			_ = c.Wait()
			time.Sleep(20 * time.Millisecond) // what the receiver is about to answer
			continue
		}
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			ids := map[string]bool{}
			for _, r := range got {
				ids[r.id] = true
			}
			return len(ids) == len(src.all)
		}, 30*time.Second, 10*time.Millisecond, "all are delivered")
		require.NoError(t, in.Close())
		readers.Wait()
		require.NoError(t, c.Wait())
	}

	seen := map[string]bool{}
	last := map[string]int{}
	repeats := map[string]int{} // by process and alert
	total := 0
	for _, r := range got {
		a, number, _ := strings.Cut(r.id, "-")
		n, err := strconv.Atoi(number)
		require.NoError(t, err)
		require.GreaterOrEqual(t, n, last[a], "order of %s", a)
		last[a] = n
		if seen[r.id] {
			total++
			repeats[fmt.Sprint(r.generation, " ", a)]++
		}
		seen[r.id] = true
	}
	for _, n := range repeats {
		require.Equal(t, 1, n, "repeats of one alert after one kill")
	}
	require.Len(t, seen, len(src.all))
	t.Logf("%d kills, %d events, %d receipts, %d repeats", kills, len(src.all), len(got), total)
}
