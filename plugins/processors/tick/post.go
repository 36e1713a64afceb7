package tick

import (
	"fmt"
	"net/http"
	"time"

	"github.com/influxdata/telegraf/config"

	"github.com/telegraf-tigk/telegraf-tigk/internal/engine"
)

// HTTPPost is an endpoint that scripts name: httpPost().endpoint('name').
type HTTPPost struct {
	Endpoint    string            `toml:"endpoint"`
	URL         string            `toml:"url"`
	Headers     map[string]string `toml:"headers"`
	Username    config.Secret     `toml:"username"`
	Password    config.Secret     `toml:"password"`
	RowTemplate string            `toml:"row_template"`
	Timeout     config.Duration   `toml:"timeout"`
}

// NewEndpoints checks the endpoints of a configuration.
func NewEndpoints(list []*HTTPPost) (engine.Endpoints, error) {
	es := make([]*engine.Endpoint, 0, len(list))
	for _, h := range list {
		es = append(es, &engine.Endpoint{Name: h.Endpoint, URL: h.URL, RowTemplate: h.RowTemplate, Timeout: time.Duration(h.Timeout), Prepare: h.prepare})
	}
	return engine.NewEndpoints(es)
}

// prepare sets what the endpoint's configuration wants in the header.
func (h *HTTPPost) prepare(req *http.Request) error {
	for k, v := range h.Headers {
		req.Header.Set(k, v)
	}
	if h.Username.Empty() {
		return nil
	}
	user, err := h.Username.Get()
	if err != nil {
		return fmt.Errorf("username: %w", err)
	}
	defer user.Destroy()
	password, err := h.Password.Get()
	if err != nil {
		return fmt.Errorf("password: %w", err)
	}
	defer password.Destroy()
	req.SetBasicAuth(user.String(), password.String())
	return nil
}
