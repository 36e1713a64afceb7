package handler

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"strings"

	"github.com/IBM/sarama"
	"github.com/xdg/scram"
)

// KafkaSASL is how a cluster is told who we are. It is embedded.
type KafkaSASL struct {
	Mechanism   string `toml:"sasl_mechanism"`
	Username    Secret `toml:"sasl_username"`
	Password    Secret `toml:"sasl_password"`
	AccessToken Secret `toml:"sasl_access_token"`
}

// set puts it into the settings of the client library, but for the secrets.
func (a *KafkaSASL) set(s *sarama.Config) error {
	sasl := &s.Net.SASL
	sasl.Version = sarama.SASLHandshakeV1
	sasl.Mechanism = sarama.SASLMechanism(strings.ToUpper(a.Mechanism))
	switch sasl.Mechanism {
	case "":
		if a.Username.Empty() {
			return nil
		}
		sasl.Mechanism = sarama.SASLTypePlaintext
	case sarama.SASLTypePlaintext:
	case sarama.SASLTypeSCRAMSHA256:
		sasl.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: sha256.New} }
	case sarama.SASLTypeSCRAMSHA512:
		sasl.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: sha512.New} }
	case sarama.SASLTypeOAuth:
		sasl.TokenProvider = tokenProvider{a.AccessToken}
	default:
		return fmt.Errorf("sasl_mechanism: want PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER, got %q", a.Mechanism)
	}
	sasl.Enable = true
	switch {
	case sasl.Mechanism == sarama.SASLTypeOAuth && a.AccessToken.Empty():
		return need("sasl_access_token", "")
	case sasl.Mechanism != sarama.SASLTypeOAuth && a.Username.Empty():
		return need("sasl_username", "")
	}
	return nil
}

// login adds user and password.
func (a *KafkaSASL) login(s *sarama.Config) (err error) {
	if s.Net.SASL.User, err = a.Username.Get(); err != nil {
		return err
	}
	s.Net.SASL.Password, err = a.Password.Get()
	return err
}

type tokenProvider struct{ token Secret }

func (p tokenProvider) Token() (*sarama.AccessToken, error) {
	text, err := p.token.Get()
	return &sarama.AccessToken{Token: text}, err
}

// scramClient fits one library's exchange to the other's.
type scramClient struct {
	hash scram.HashGeneratorFcn
	*scram.ClientConversation
}

func (c *scramClient) Begin(user, password, authzID string) error {
	client, err := c.hash.NewClient(user, password, authzID)
	if err == nil {
		c.ClientConversation = client.NewConversation()
	}
	return err
}
