package handler

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name: "matrix", Required: true, Parallel: 4, Options: func() spec.Declarer { return &Matrix{} },
		Config: func() any { return &MatrixConfig{} }, Open: openJSON[MatrixConfig]("matrix", nil),
	})
}

// Matrix is the options of the handler matrix.
type Matrix struct {
	Room        string `json:"room,omitempty"`
	SendDetails bool   `json:"send-details,omitempty"`
}

// Declare names the properties.
func (o *Matrix) Declare(s *spec.Spec) {
	s.Doc("Posts the message to a Matrix room, which the user of the token must have joined. A repeated delivery is not shown twice.")
	s.Prop(&o.Room, "room", "ID of the room, as !abc:example.org; the configured one if unset")
	s.Flag(&o.SendDetails, "sendDetails", "show the details, which are HTML, instead of the message")
	s.Check(func() error { return checkRoom(o.Room) })
}

func checkRoom(room string) error {
	if room != "" && !strings.HasPrefix(room, "!") {
		return fmt.Errorf("room: want the ID of a room, as !abc:example.org, got %q", room)
	}
	return nil
}

// Destination is the room.
func (o *Matrix) Destination() string { return o.Room }

// MatrixConfig is the section matrix.
type MatrixConfig struct {
	HTTP
	URL         string `toml:"url"`
	Token       Secret `toml:"token"`
	Room        string `toml:"room"`
	SendDetails bool   `toml:"send_details"`
}

func (c *MatrixConfig) check() error {
	if c.Token.Empty() {
		return need("token", "")
	}
	if err := checkRoom(c.Room); err != nil {
		return err
	}
	return need("url", c.URL)
}

func (c *MatrixConfig) document(e *alert.Event, options spec.Declarer) (*document, error) {
	type message struct {
		Type          string `json:"msgtype"`
		Body          string `json:"body"`
		Format        string `json:"format,omitempty"`
		FormattedBody string `json:"formatted_body,omitempty"`
	}
	o := options.(*Matrix)
	room := or(o.Room, c.Room)
	if err := need("room", room); err != nil {
		return nil, Permanent(err)
	}
	if err := checkRoom(room); err != nil {
		return nil, Permanent(err)
	}
	token, err := c.Token.Get()
	if err != nil {
		return nil, err
	}
	m := message{Type: "m.text", Body: e.Message}
	if (o.SendDetails || c.SendDetails) && e.Details != "" {
		m.Format, m.FormattedBody = "org.matrix.custom.html", e.Details
	}
	// The server shows one message per transaction, however often it arrives.
	transaction := sha256.Sum256([]byte(e.EventID))
	return &document{
		method: http.MethodPut,
		url: strings.TrimSuffix(c.URL, "/") + "/_matrix/client/v3/rooms/" + url.PathEscape(room) +
			"/send/m.room.message/" + hex.EncodeToString(transaction[:16]),
		header: map[string]string{"Authorization": "Bearer " + token},
		body:   m,
	}, nil
}
