package alerter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/outputs/influxdb"
)

// createOnDemand makes an InfluxDB 1.x output create a database when a write finds it missing,
// together with the retention policy of the points. By itself the output would ask at start, when
// the server may be down, and know of no policy.
func createOnDemand(out *influxdb.InfluxDB) {
	skip := out.SkipDatabaseCreation
	out.SkipDatabaseCreation = true
	fresh := out.CreateHTTPClientF
	out.CreateHTTPClientF = func(c *influxdb.HTTPConfig) (influxdb.Client, error) {
		client, err := fresh(c)
		if err != nil {
			return nil, err
		}
		return &creatingClient{Client: client, config: c, skip: skip, http: queryClient(c)}, nil
	}
}

type creatingClient struct {
	influxdb.Client
	config *influxdb.HTTPConfig
	http   *http.Client
	skip   bool
}

func queryClient(c *influxdb.HTTPConfig) *http.Client {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: c.TLSConfig}
	if c.Proxy != nil {
		t.Proxy = http.ProxyURL(c.Proxy)
	}
	if c.URL.Scheme == "unix" {
		socket := c.URL.Path
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}
	}
	return &http.Client{Transport: t, Timeout: c.Timeout}
}

// Write writes metrics, which all have the same database and retention policy.
func (c *creatingClient) Write(ctx context.Context, metrics []telegraf.Metric) error {
	err := c.Client.Write(ctx, metrics)
	var missing *influxdb.DatabaseNotFoundError
	if !errors.As(err, &missing) {
		return err
	}
	if c.skip {
		// The host's output would take this error for the end of the points.
		return errors.New(err.Error())
	}
	policy, _ := metrics[0].GetTag(policyTag)
	if policy == "" {
		policy = c.config.RetentionPolicy
	}
	if err := c.create(ctx, missing.Database, policy); err != nil {
		return fmt.Errorf("create database %s: %w", missing.Database, err)
	}
	if err := c.Client.Write(ctx, metrics); err != nil {
		return errors.New(err.Error())
	}
	return nil
}

var identifier = strings.NewReplacer("\n", `\n`, `\`, `\\`, `"`, `\"`)

func (c *creatingClient) create(ctx context.Context, database, policy string) error {
	q := `CREATE DATABASE "` + identifier.Replace(database) + `"`
	if policy != "" {
		q += ` WITH NAME "` + identifier.Replace(policy) + `"`
	}
	u := *c.config.URL
	u.Path = path.Join(u.Path, "query")
	if u.Scheme == "unix" {
		u = url.URL{Scheme: "http", Host: "localhost", Path: "/query"}
	}
	form := url.Values{"q": {q}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for k, v := range c.config.Headers {
		req.Header.Set(k, v)
	}
	if err := c.authenticate(req); err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Error   string `json:"error"`
		Results []struct {
			Error string `json:"error"`
		} `json:"results"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer)
	for _, r := range answer.Results {
		if r.Error != "" {
			return errors.New(r.Error)
		}
	}
	switch {
	case answer.Error != "":
		return errors.New(answer.Error)
	case resp.StatusCode != http.StatusOK:
		return errors.New(resp.Status)
	}
	return err
}

func (c *creatingClient) authenticate(req *http.Request) error {
	if c.config.Username.Empty() && c.config.Password.Empty() {
		return nil
	}
	user, err := c.config.Username.Get()
	if err != nil {
		return err
	}
	defer user.Destroy()
	password, err := c.config.Password.Get()
	if err != nil {
		return err
	}
	defer password.Destroy()
	req.SetBasicAuth(user.String(), password.String())
	return nil
}

// Close frees the connections.
func (c *creatingClient) Close() {
	c.http.CloseIdleConnections()
	c.Client.Close()
}
