package node

import (
	"fmt"
	"slices"
	"strings"

	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	spec.Register("k8sAutoscale", func() spec.Declarer {
		k := &k8sAutoscale{kind: "deployments", namespaceTag: "namespace", kindTag: "kind", resourceTag: "resource"}
		k.autoscale = newAutoscale(k)
		return k
	})
}

// k8sAutoscale scales a resource of Kubernetes.
type k8sAutoscale struct {
	autoscale
	namespace, kind                    string
	resourceName, resourceNameTag      string
	namespaceTag, kindTag, resourceTag string
}

// k8sKinds are the kinds of resources that have a number of replicas to set.
var k8sKinds = []string{"deployments", "replicasets", "replicationcontrollers", "statefulsets"}

func (k *k8sAutoscale) Declare(s *spec.Spec) {
	s.Kind = "k8s_autoscale"
	s.Doc("Sets the number of replicas of a Kubernetes resource to what a lambda yields. Each change emits a point with the fields old and new, the group's tags and those of the resource.")
	k.declare(s)
	s.Prop(&k.namespace, "namespace", "namespace of the resource; that named default if unset")
	s.Prop(&k.kind, "kind", "kind of the resource: "+strings.Join(k8sKinds, ", "))
	s.Prop(&k.resourceName, "resourceName", "name of the resource")
	s.Prop(&k.resourceNameTag, "resourceNameTag", "tag that holds the name of the resource, instead of resourceName")
	s.Prop(&k.namespaceTag, "namespaceTag", "tag of the emitted points for the namespace; none if empty")
	s.Prop(&k.kindTag, "kindTag", "tag of the emitted points for the kind; none if empty")
	s.Prop(&k.resourceTag, "resourceTag", "tag of the emitted points for the name of the resource; none if empty")
	s.Check(func() error {
		if !slices.Contains(k8sKinds, k.kind) {
			return fmt.Errorf("kind: want one of %s, got '%s'", strings.Join(k8sKinds, ", "), k.kind)
		}
		return k.check("resourceName", k.resourceName, k.resourceNameTag)
	})
	s.Example("stream|from().measurement('requests').groupBy('app')|k8sAutoscale().resourceNameTag('app').max(5).replicas(lambda: int(ceil(\"rate\" / 100.0))).decreaseCooldown(1m)",
		"requests,app=web rate=50 0s\nrequests,app=web rate=350 10s\nrequests,app=web rate=900 20s\nrequests,app=web rate=200 30s",
		"requests,app=web,kind=deployments,namespace=default,resource=web new=4i,old=1i 10s\n"+
			"requests,app=web,kind=deployments,namespace=default,resource=web new=5i,old=4i 20s\n"+
			"requests,app=web,kind=deployments,namespace=default,resource=web new=2i,old=5i 30s")
}

func (*k8sAutoscale) system() string { return "k8s" }

func (k *k8sAutoscale) resource(tags []point.Tag) (r spec.Resource, err error) {
	r = spec.Resource{Namespace: k.namespace, Kind: k.kind}
	if r.Namespace == "" {
		r.Namespace = "default"
	}
	r.Name, err = named(k.resourceName, k.resourceNameTag, tags)
	return r, err
}

func (k *k8sAutoscale) label(tags []point.Tag, r spec.Resource) []point.Tag {
	tags = label(tags, k.namespaceTag, r.Namespace)
	tags = label(tags, k.kindTag, r.Kind)
	return label(tags, k.resourceTag, r.Name)
}
