package scale

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

// EC2 is the Auto Scaling API of one region of AWS.
type EC2 struct {
	Cluster string
	Region  string
	URL     string // of the API; that of the region if unset
	Timeout time.Duration
	tlsconf.TLS

	// Credentials provides the keys; nil takes them from the environment, AWS_ACCESS_KEY_ID and the
	// others. Wrap what is slow in an aws.CredentialsCache.
	Credentials aws.CredentialsProvider
}

// apiVersion is the version of the Auto Scaling API.
const apiVersion = "2011-01-01"

type ec2 struct{ *client }

func (e *EC2) open() (*ec2, error) {
	region := e.Region
	if region == "" {
		if region = os.Getenv("AWS_REGION"); region == "" {
			return nil, errors.New("region is missing")
		}
	}
	base := e.URL
	if base == "" {
		base = "https://autoscaling." + region + ".amazonaws.com"
		if strings.HasPrefix(region, "cn-") {
			base += ".cn"
		}
	}
	t, err := newTransport(&e.TLS)
	if err != nil {
		return nil, err
	}
	c, err := newClient(base, t, e.Timeout)
	if err != nil {
		return nil, err
	}
	keys := e.Credentials
	if keys == nil {
		keys = aws.CredentialsProviderFunc(environment)
	}
	signer := v4.NewSigner()
	c.sign = func(r *http.Request, body []byte) error {
		k, err := keys.Retrieve(r.Context())
		if err != nil {
			return fmt.Errorf("credentials: %w", err)
		}
		sum := sha256.Sum256(body)
		return signer.SignHTTP(r.Context(), k, r, hex.EncodeToString(sum[:]), "autoscaling", region, time.Now())
	}
	return &ec2{c}, nil
}

// environment returns the keys that the environment has.
func environment(context.Context) (aws.Credentials, error) {
	c := aws.Credentials{
		AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
	}
	if !c.HasKeys() {
		return c, errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
	}
	return c, nil
}

// call makes one request of the API and decodes its response.
func (e *ec2) call(ctx context.Context, action string, params url.Values, to any) error {
	params.Set("Action", action)
	params.Set("Version", apiVersion)
	text, err := e.do(ctx, http.MethodPost, "/", "application/x-www-form-urlencoded; charset=utf-8", []byte(params.Encode()))
	var s *statusError
	if errors.As(err, &s) {
		return e.explain(s)
	}
	if err != nil {
		return err
	}
	if err := xml.Unmarshal(text, to); err != nil {
		return fmt.Errorf("%s: response: %w", action, err)
	}
	return nil
}

// explain replaces the XML of an error response by what it says.
func (*ec2) explain(s *statusError) error {
	var x struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	if xml.Unmarshal(s.body, &x) == nil && x.Code != "" {
		s.text = x.Code + ": " + x.Message
	}
	return s
}

func (e *ec2) get(ctx context.Context, r spec.Resource) (int64, error) {
	var x struct {
		Groups []struct {
			Name    string `xml:"AutoScalingGroupName"`
			Desired int64  `xml:"DesiredCapacity"`
		} `xml:"DescribeAutoScalingGroupsResult>AutoScalingGroups>member"`
	}
	if err := e.call(ctx, "DescribeAutoScalingGroups", url.Values{"AutoScalingGroupNames.member.1": {r.Name}}, &x); err != nil {
		return 0, err
	}
	for _, g := range x.Groups {
		if g.Name == r.Name {
			return g.Desired, nil
		}
	}
	return 0, fmt.Errorf("there is no Auto Scaling group '%s'", r.Name)
}

func (e *ec2) set(ctx context.Context, r spec.Resource, replicas int64) error {
	var x struct{}
	return e.call(ctx, "SetDesiredCapacity", url.Values{
		"AutoScalingGroupName": {r.Name},
		"DesiredCapacity":      {strconv.FormatInt(replicas, 10)},
	}, &x)
}
