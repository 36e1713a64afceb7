package node

import (
	"github.com/telegraf-tigk/telegraf-tigk/internal/point"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	spec.Register("ec2Autoscale", func() spec.Declarer {
		n := &ec2Autoscale{}
		n.autoscale = newAutoscale(n)
		return n
	})
}

// ec2Autoscale scales an Auto Scaling group of EC2.
type ec2Autoscale struct {
	autoscale
	groupName, groupNameTag, outputGroupNameTag string
}

func (n *ec2Autoscale) Declare(s *spec.Spec) {
	s.Kind = "ec2_autoscale"
	s.Doc("Sets the desired capacity of an EC2 Auto Scaling group to what a lambda yields. Each change emits a point with the fields old and new, the group's tags and that of the Auto Scaling group.")
	n.declare(s)
	s.Prop(&n.groupName, "groupName", "name of the group")
	s.Prop(&n.groupNameTag, "groupNameTag", "tag that holds the name of the group, instead of groupName")
	s.Prop(&n.outputGroupNameTag, "outputGroupNameTag", "tag of the emitted points for the name of the group; groupNameTag if unset")
	s.Check(func() error { return n.check("groupName", n.groupName, n.groupNameTag) })
	s.Example("stream|from().measurement('load')|ec2Autoscale().groupName('web').outputGroupNameTag('asg').min(2).replicas(lambda: int(\"demand\"))",
		"load demand=1 0s\nload demand=3 10s\nload demand=1 20s",
		"load,asg=web new=3i,old=2i 10s\nload,asg=web new=2i,old=3i 20s")
}

func (*ec2Autoscale) system() string { return "ec2" }

func (n *ec2Autoscale) resource(tags []point.Tag) (r spec.Resource, err error) {
	r.Name, err = named(n.groupName, n.groupNameTag, tags)
	return r, err
}

func (n *ec2Autoscale) label(tags []point.Tag, r spec.Resource) []point.Tag {
	key := n.outputGroupNameTag
	if key == "" {
		key = n.groupNameTag
	}
	return label(tags, key, r.Name)
}
