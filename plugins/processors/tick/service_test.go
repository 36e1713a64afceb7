package tick

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
)

// freeAddress returns a local address that nobody listens at.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// ask makes a request and returns status and body.
func ask(t *testing.T, method, url string) (int, string) {
	r, err := http.NewRequestWithContext(context.Background(), method, url, http.NoBody)
	require.NoError(t, err)
	w, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	return w.StatusCode, string(body)
}

func TestService(t *testing.T) {
	dir := t.TempDir()
	limits := filepath.Join(dir, "limits.yml")
	require.NoError(t, os.WriteFile(limits, []byte("limit: 10\n"), 0o600))
	p := newTick()
	p.Log = testutil.Logger{}
	p.Address = "http://" + freeAddress(t)
	p.Tasks = []*Task{{Name: "cpu", Script: `stream|from().measurement('cpu').groupBy('host')
		|sideload().source('file://` + dir + `').order('limits.yml').field('limit', 0)
		|httpOut('top')`}}
	acc := &testutil.Accumulator{}
	require.NoError(t, p.Init())
	require.NoError(t, p.Start(acc))
	defer p.Stop()
	url := p.Address + "/kapacitor/v1"
	top := func(v int64) string {
		m := metric.New("cpu", map[string]string{"host": "a"}, map[string]any{"v": v}, time.Unix(v, 0))
		require.NoError(t, p.Add(m, acc))
		status, body := ask(t, http.MethodGet, url+"/tasks/cpu/top")
		require.Equal(t, http.StatusOK, status)
		return body
	}
	require.JSONEq(t, `{"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","limit","v"],"values":[["1970-01-01T00:00:01Z",10,1]]}]}`, top(1))

	require.NoError(t, os.WriteFile(limits, []byte("limit: 20\n"), 0o600))
	require.Contains(t, top(2), `["1970-01-01T00:00:02Z",10,2]`, "documents are read again only when that is asked for")
	status, _ := ask(t, http.MethodPost, url+"/sideload/reload")
	require.Equal(t, http.StatusNoContent, status)
	last := int64(2)
	require.Eventually(t, func() bool {
		last++
		return strings.Contains(top(last), `Z",20,`)
	}, 10*time.Second, 10*time.Millisecond)

	status, body := ask(t, http.MethodGet, url+"/tasks/nosuch/top")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, body, "no task exists")
	status, _ = ask(t, http.MethodGet, url+"/tasks/cpu/nosuch")
	require.Equal(t, http.StatusNotFound, status)

	second := newTick()
	second.Log, second.Tasks, second.Address = testutil.Logger{}, p.Tasks, p.Address
	require.NoError(t, second.Init())
	require.ErrorContains(t, second.Start(acc), "service_address: listen tcp")
	p.Stop()
	_, err := net.Dial("tcp", p.Address[len("http://"):])
	require.Error(t, err, "nobody listens any more")
}

func TestServiceUser(t *testing.T) {
	p := newTick()
	p.Log = testutil.Logger{}
	address := freeAddress(t)
	p.Address, p.Username, p.Password = "http://"+address, "ann", config.NewSecret([]byte("secret"))
	p.Tasks = []*Task{{Name: "cpu", Script: `stream|from()|httpOut('top')`}}
	require.NoError(t, p.Init())
	require.NoError(t, p.Start(&testutil.Accumulator{}))
	defer p.Stop()
	for url, want := range map[string]int{
		"http://" + address:            http.StatusUnauthorized,
		"http://ann:wrong@" + address:  http.StatusUnauthorized,
		"http://eve:secret@" + address: http.StatusUnauthorized,
		"http://ann:secret@" + address: http.StatusNoContent,
	} {
		status, _ := ask(t, http.MethodGet, url+"/kapacitor/v1/ping")
		require.Equal(t, want, status, url)
	}
	status, _ := ask(t, http.MethodGet, "http://"+address+"/kapacitor/v1/ping?u=ann&p=secret")
	require.Equal(t, http.StatusNoContent, status)
}

func TestServiceSettings(t *testing.T) {
	for want, set := range map[string]func(*Service){
		`service_address: want http://host:port or https://host:port, got "localhost:9092"`:   func(s *Service) { s.Address = "localhost:9092" },
		`service_address: want http://host:port or https://host:port, got "http://localhost"`: func(s *Service) { s.Address = "http://localhost" },
		`service_address: https needs tls_cert and tls_key`:                                   func(s *Service) { s.Address = "https://localhost:1" },
		`service_address: with TLS settings, want https://localhost:1`:                        func(s *Service) { s.Address, s.TLSCert = "http://localhost:1", "x" },
		`service_username and service_password go together`:                                   func(s *Service) { s.Address, s.Username = "http://localhost:1", "x" },
	} {
		var s Service
		set(&s)
		require.EqualError(t, s.check(), want)
	}
	require.NoError(t, (&Service{}).check())
}
