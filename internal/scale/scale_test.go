package scale_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/scale"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

// An api is a fake server: it writes down the requests and answers with what it has for "METHOD path".
type api struct {
	t       *testing.T
	server  *httptest.Server
	log     []string
	answers map[string][]string // "404 body", one after the other; the last stays
	check   func(r *http.Request)
}

func newAPI(t *testing.T, answers map[string][]string) *api {
	a := &api{t: t, answers: answers}
	a.server = httptest.NewServer(a)
	t.Cleanup(a.server.Close)
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key := r.Method + " " + r.URL.RequestURI()
	a.log = append(a.log, strings.TrimSpace(key+" "+string(body)))
	if a.check != nil {
		a.check(r)
	}
	all := a.answers[key]
	if len(all) == 0 {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"message": "nothing at `+key+`"}`)
		return
	}
	if len(all) > 1 {
		a.answers[key] = all[1:]
	}
	status, err := strconv.Atoi(all[0][:3])
	if err != nil {
		a.t.Error(err)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, all[0][4:])
}

func (a *api) kubernetes(token string) scale.Config {
	return scale.Config{Kubernetes: []*scale.Kubernetes{{URL: a.server.URL, Token: func() (string, error) { return token, nil }}}}
}

func do(t *testing.T, c scale.Config, x spec.Scale) (int64, error) {
	t.Helper()
	s, err := scale.New(c)
	require.NoError(t, err)
	return s.Do(context.Background(), &x)
}

const (
	webScale = "/apis/apps/v1/namespaces/prod/deployments/web/scale"
	webJSON  = `{"kind":"Scale","metadata":{"name":"web","resourceVersion":"12345678901234567890"},"spec":{"replicas":3},"status":{"replicas":2,"selector":"a<b"}}`
)

var web = spec.Resource{Namespace: "prod", Kind: "deployments", Name: "web"}

func TestKubernetes(t *testing.T) {
	a := newAPI(t, map[string][]string{
		"GET " + webScale: {"200 " + webJSON},
		"PUT " + webScale: {"200 {}"},
		"GET /api/v1/namespaces/prod/replicationcontrollers/web/scale": {`200 {"spec":{}}`},
	})
	a.check = func(r *http.Request) { require.Equal(t, "Bearer s3cret", r.Header.Get("Authorization")) }
	c := a.kubernetes("s3cret")
	n, err := do(t, c, spec.Scale{System: "k8s", Resource: web})
	require.NoError(t, err)
	require.Equal(t, int64(3), n)

	n, err = do(t, c, spec.Scale{System: "k8s", Resource: spec.Resource{Namespace: "prod", Kind: "replicationcontrollers", Name: "web"}})
	require.NoError(t, err)
	require.Zero(t, n)

	a.log = nil
	n, err = do(t, c, spec.Scale{System: "k8s", Resource: web, Set: true, Replicas: 7})
	require.NoError(t, err)
	require.Equal(t, int64(7), n)
	require.Len(t, a.log, 2)
	put, ok := strings.CutPrefix(a.log[1], "PUT "+webScale+" ")
	require.True(t, ok)
	require.JSONEq(t, strings.Replace(webJSON, `"spec":{"replicas":3}`, `"spec":{"replicas":7}`, 1), put)
	require.Contains(t, put, `"12345678901234567890"`)
}

func TestKubernetesConflict(t *testing.T) {
	a := newAPI(t, map[string][]string{
		"GET " + webScale: {"200 " + webJSON},
		"PUT " + webScale: {`409 {"message":"the object has been modified"}`, "200 {}"},
	})
	_, err := do(t, a.kubernetes(""), spec.Scale{System: "k8s", Resource: web, Set: true, Replicas: 7})
	require.NoError(t, err)
	require.Len(t, a.log, 4)

	a.answers["PUT "+webScale] = []string{`409 {"message":"the object has been modified"}`}
	_, err = do(t, a.kubernetes(""), spec.Scale{System: "k8s", Resource: web, Set: true, Replicas: 7})
	require.EqualError(t, err, "status 409: the object has been modified")
	require.Len(t, a.log, 8)
}

func TestKubernetesToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	a := newAPI(t, map[string][]string{"GET " + webScale: {"200 " + webJSON}})
	s, err := scale.New(scale.Config{Kubernetes: []*scale.Kubernetes{{URL: a.server.URL, TokenFile: file}}})
	require.NoError(t, err)
	_, err = s.Do(context.Background(), &spec.Scale{System: "k8s", Resource: web})
	require.ErrorContains(t, err, "token_file")
	require.Empty(t, a.log)
	for _, token := range []string{"one", "two"} { // a renewed token is used at once
		require.NoError(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
		a.check = func(r *http.Request) { require.Equal(t, "Bearer "+token, r.Header.Get("Authorization")) }
		_, err = s.Do(context.Background(), &spec.Scale{System: "k8s", Resource: web})
		require.NoError(t, err)
	}
}

func TestKubernetesPod(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	_, err := scale.New(scale.Config{Kubernetes: []*scale.Kubernetes{{}}})
	require.EqualError(t, err, `kubernetes: cluster "": url is missing, and this is no pod of a cluster`)
}

const (
	mailService = `{"ID":"x1","Version":{"Index":42},"Spec":{"Name":"mail","TaskTemplate":{"Memory":9007199254740993},"Mode":{"Replicated":{"Replicas":2}}}}`
	mailUpdate  = "POST /services/mail/update?version=42"
)

func TestSwarm(t *testing.T) {
	a := newAPI(t, map[string][]string{
		"GET /services/mail":   {"200 " + mailService},
		"GET /services/new":    {`200 {"Spec":{"Mode":{"Replicated":{}}}}`},
		"GET /services/global": {`200 {"Spec":{"Mode":{"Global":{}}}}`},
		mailUpdate:             {`500 {"message":"rpc error: update out of sequence"}`, "200 {}"},
	})
	c := scale.Config{Swarm: []*scale.Swarm{{URL: a.server.URL + "/"}}}
	for name, want := range map[string]int64{"mail": 2, "new": 1} {
		n, err := do(t, c, spec.Scale{System: "swarm", Resource: spec.Resource{Name: name}})
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	for name, want := range map[string]string{"global": "not replicated", "none": "status 404: nothing at"} {
		for _, set := range []bool{false, true} {
			_, err := do(t, c, spec.Scale{System: "swarm", Resource: spec.Resource{Name: name}, Set: set, Replicas: 3})
			require.ErrorContains(t, err, want)
		}
	}
	a.log = nil
	_, err := do(t, c, spec.Scale{System: "swarm", Resource: spec.Resource{Name: "mail"}, Set: true, Replicas: 5})
	require.NoError(t, err)
	require.Len(t, a.log, 4, "a lost race is tried again")
	body, ok := strings.CutPrefix(a.log[3], mailUpdate+" ")
	require.True(t, ok)
	require.JSONEq(t, `{"Name":"mail","TaskTemplate":{"Memory":9007199254740993},"Mode":{"Replicated":{"Replicas":5}}}`, body)
	require.Contains(t, body, "9007199254740993")
}

func TestSwarmSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: &api{t: t, answers: map[string][]string{"GET /services/mail": {"200 " + mailService}}}}}
	s.Start()
	defer s.Close()
	n, err := do(t, scale.Config{Swarm: []*scale.Swarm{{URL: "unix://" + socket}}}, spec.Scale{System: "swarm", Resource: spec.Resource{Name: "mail"}})
	require.NoError(t, err)
	require.Equal(t, int64(2), n)
}

const groupsXML = `<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><DescribeAutoScalingGroupsResult>
<AutoScalingGroups><member><AutoScalingGroupName>web</AutoScalingGroupName><DesiredCapacity>4</DesiredCapacity></member></AutoScalingGroups>
</DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>`

func TestEC2(t *testing.T) {
	a := newAPI(t, map[string][]string{"POST /": {"200 " + groupsXML}})
	a.check = func(r *http.Request) {
		require.Regexp(t, `^AWS4-HMAC-SHA256 Credential=AKID/\d{8}/eu-west-1/autoscaling/aws4_request, SignedHeaders=.*host.*, Signature=[0-9a-f]{64}$`, r.Header.Get("Authorization"))
		require.Equal(t, "session", r.Header.Get("X-Amz-Security-Token"))
	}
	c := scale.Config{EC2: []*scale.EC2{{Region: "eu-west-1", URL: a.server.URL, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "key", SessionToken: "session"}, nil
	})}}}
	n, err := do(t, c, spec.Scale{System: "ec2", Resource: spec.Resource{Name: "web"}})
	require.NoError(t, err)
	require.Equal(t, int64(4), n)
	require.Equal(t, "POST / Action=DescribeAutoScalingGroups&AutoScalingGroupNames.member.1=web&Version=2011-01-01", a.log[0])

	_, err = do(t, c, spec.Scale{System: "ec2", Resource: spec.Resource{Name: "other"}})
	require.EqualError(t, err, "there is no Auto Scaling group 'other'")

	a.answers["POST /"] = []string{`200 <SetDesiredCapacityResponse/>`}
	_, err = do(t, c, spec.Scale{System: "ec2", Resource: spec.Resource{Name: "a&b"}, Set: true, Replicas: 6})
	require.NoError(t, err)
	require.Equal(t, "POST / Action=SetDesiredCapacity&AutoScalingGroupName=a%26b&DesiredCapacity=6&Version=2011-01-01", a.log[2])

	a.answers["POST /"] = []string{`400 <ErrorResponse>` + strings.Repeat(" ", 400) + `<Error><Code>ValidationError</Code><Message>New SetDesiredCapacity value 6 is above max value 5</Message></Error></ErrorResponse>`}
	_, err = do(t, c, spec.Scale{System: "ec2", Resource: spec.Resource{Name: "web"}, Set: true, Replicas: 6})
	require.EqualError(t, err, "status 400: ValidationError: New SetDesiredCapacity value 6 is above max value 5")
}

func TestEC2Environment(t *testing.T) {
	a := newAPI(t, map[string][]string{"POST /": {"200 " + groupsXML}})
	c := scale.Config{EC2: []*scale.EC2{{URL: a.server.URL}}}
	t.Setenv("AWS_REGION", "")
	_, err := scale.New(c)
	require.EqualError(t, err, `ec2: cluster "": region is missing`)
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	_, err = do(t, c, spec.Scale{System: "ec2", Resource: spec.Resource{Name: "web"}})
	require.ErrorContains(t, err, "credentials: AWS_ACCESS_KEY_ID")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "key")
	_, err = do(t, c, spec.Scale{System: "ec2", Resource: spec.Resource{Name: "web"}})
	require.NoError(t, err)
}

func TestClusters(t *testing.T) {
	a := newAPI(t, map[string][]string{"GET " + webScale: {"200 " + webJSON}})
	b := newAPI(t, map[string][]string{"GET " + webScale: {strings.Replace("200 "+webJSON, ":3", ":9", 1)}})
	c := scale.Config{Kubernetes: []*scale.Kubernetes{{Cluster: "a", URL: a.server.URL}, {Cluster: "b", URL: b.server.URL}}}
	n, err := do(t, c, spec.Scale{System: "k8s", Cluster: "b", Resource: web})
	require.NoError(t, err)
	require.Equal(t, int64(9), n)
	_, err = do(t, c, spec.Scale{System: "k8s", Resource: web})
	require.EqualError(t, err, "there are several clusters; say which: .cluster('a')")
	_, err = do(t, c, spec.Scale{System: "k8s", Cluster: "west", Resource: web})
	require.EqualError(t, err, "cluster 'west' does not exist; it needs a section [[processors.tick.kubernetes]]")
	_, err = do(t, c, spec.Scale{System: "swarm", Resource: web})
	require.EqualError(t, err, "no cluster is configured; it needs a section [[processors.tick.swarm]]")
	c.Kubernetes[1].Cluster = "east"
	s, err := scale.New(c)
	require.NoError(t, err)
	require.NoError(t, s.Check("k8s", "east"))
	require.EqualError(t, s.Check("k8s", "eats"), "cluster 'eats' does not exist; did you mean 'east'?")
	c.Kubernetes[1].Cluster = "default"
	n, err = do(t, c, spec.Scale{System: "k8s", Resource: web})
	require.NoError(t, err)
	require.Equal(t, int64(9), n)
	c.Kubernetes[0].Cluster = "default"
	_, err = scale.New(c)
	require.ErrorContains(t, err, "another one of that name")
}

// Names come from tags: whoever sends data must not reach another resource than the script names.
func TestNames(t *testing.T) {
	a := newAPI(t, nil)
	c := a.kubernetes("")
	c.Swarm = []*scale.Swarm{{URL: a.server.URL}}
	for _, name := range []string{"", ".", "..", "../../kube-system/deployments/dns", "a/b", "a%2fb", "a?b", "a#b", "a b", "ä"} {
		for _, system := range []string{"k8s", "swarm"} {
			for _, set := range []bool{false, true} {
				_, err := do(t, c, spec.Scale{System: system, Resource: spec.Resource{Namespace: "prod", Kind: "deployments", Name: name}, Set: set})
				require.ErrorContains(t, err, "is no name of a resource", name)
			}
		}
	}
	require.Empty(t, a.log)
}

func TestBadAnswers(t *testing.T) {
	for _, body := range []string{"", "null", "[]", `{"spec":null}`, `{"spec":3}`, `{"spec":{"replicas":"x"}}`, `{"spec":{"replicas":1.5}}`} {
		a := newAPI(t, map[string][]string{"GET " + webScale: {"200 " + body}, "PUT " + webScale: {"200 {}"}})
		_, err := do(t, a.kubernetes(""), spec.Scale{System: "k8s", Resource: web})
		require.Error(t, err, body)
	}
	a := newAPI(t, map[string][]string{"GET " + webScale: {"302 x"}})
	_, err := do(t, a.kubernetes(""), spec.Scale{System: "k8s", Resource: web})
	require.ErrorContains(t, err, "status 302")
	_, err = do(t, a.kubernetes(""), spec.Scale{System: "k8s", Resource: web, Set: true, Replicas: 1 << 40})
	require.ErrorContains(t, err, "not possible")
	a.server.Close()
	_, err = do(t, a.kubernetes(""), spec.Scale{System: "k8s", Resource: web})
	require.ErrorContains(t, err, "refused")
	c := a.kubernetes("")
	c.Kubernetes[0].Token = func() (string, error) { return "", errors.New("store is locked") }
	_, err = do(t, c, spec.Scale{System: "k8s", Resource: web})
	require.EqualError(t, err, "token: store is locked")
}

func TestBadConfig(t *testing.T) {
	for _, c := range []struct {
		k    scale.Kubernetes
		want string
	}{
		{scale.Kubernetes{URL: "localhost:1"}, "url: want one like"},
		{scale.Kubernetes{URL: "https://h", Timeout: -1}, "timeout"},
		{scale.Kubernetes{URL: "https://h", TLS: tlsconf.TLS{CA: "/nowhere"}}, "tls_ca"},
		{scale.Kubernetes{URL: "https://h", TLS: tlsconf.TLS{Cert: "/nowhere"}}, "go together"},
	} {
		_, err := scale.New(scale.Config{Kubernetes: []*scale.Kubernetes{&c.k}})
		require.ErrorContains(t, err, c.want)
	}
	for _, u := range []string{"unix://x", "ftp://x"} {
		_, err := scale.New(scale.Config{Swarm: []*scale.Swarm{{URL: u}}})
		require.ErrorContains(t, err, "swarm: cluster \"\": url: want one like")
	}
}

// A server with TLS is trusted through its own CA only.
func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(&api{t: t, answers: map[string][]string{"GET " + webScale: {"200 " + webJSON}}})
	defer s.Close()
	c := scale.Config{Kubernetes: []*scale.Kubernetes{{URL: s.URL}}}
	_, err := do(t, c, spec.Scale{System: "k8s", Resource: web})
	require.ErrorContains(t, err, "certificate")
	c.Kubernetes[0].InsecureSkipVerify = true
	_, err = do(t, c, spec.Scale{System: "k8s", Resource: web})
	require.NoError(t, err)
}
