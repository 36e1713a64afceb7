package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	spec.Register("swarmAutoscale", func() spec.Declarer {
		n := &swarmAutoscale{}
		n.autoscale = newAutoscale(n)
		return n
	})
}

// swarmAutoscale scales a service of a Docker Swarm.
type swarmAutoscale struct {
	autoscale
	serviceName, serviceNameTag, outputServiceNameTag string
}

func (n *swarmAutoscale) Declare(s *spec.Spec) {
	s.Kind = "swarm_autoscale"
	s.Doc("Sets the number of replicas of a Docker Swarm service to what a lambda yields. Each change emits a point with the fields old and new, the group's tags and that of the service.")
	n.declare(s)
	s.Prop(&n.serviceName, "serviceName", "name of the service")
	s.Prop(&n.serviceNameTag, "serviceNameTag", "tag that holds the name of the service, instead of serviceName")
	s.Prop(&n.outputServiceNameTag, "outputServiceNameTag", "tag of the emitted points for the name of the service; serviceNameTag if unset")
	s.Check(func() error { return n.check("serviceName", n.serviceName, n.serviceNameTag) })
	s.Example("stream|from().measurement('queue').groupBy('service')|swarmAutoscale().serviceNameTag('service').currentField('replicas').replicas(lambda: if(\"length\" > 10, \"replicas\" + 1, \"replicas\")).increaseCooldown(1m)",
		"queue,service=mail length=20 0s\nqueue,service=mail length=30 10s\nqueue,service=mail length=30 60s\nqueue,service=mail length=5 70s",
		"queue,service=mail new=2i,old=1i 0s\nqueue,service=mail new=3i,old=2i 1m")
}

func (*swarmAutoscale) system() string { return "swarm" }

func (n *swarmAutoscale) resource(tags []point.Tag) (r spec.Resource, err error) {
	r.Name, err = named(n.serviceName, n.serviceNameTag, tags)
	return r, err
}

func (n *swarmAutoscale) label(tags []point.Tag, r spec.Resource) []point.Tag {
	key := n.outputServiceNameTag
	if key == "" {
		key = n.serviceNameTag
	}
	return label(tags, key, r.Name)
}
