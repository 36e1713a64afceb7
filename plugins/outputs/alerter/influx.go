package alerter

import (
	"errors"
	"fmt"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/outputs/influxdb"
	"github.com/influxdata/telegraf/plugins/outputs/influxdb_v2"
	"github.com/influxdata/telegraf/selfstat"
)

// An influxSection says where points are written. The server's options are those of Telegraf's own
// output of that name, which does the writing.
type influxSection struct {
	FlushInterval time.Duration     `toml:"flush_interval"`
	BatchSize     int               `toml:"batch_size"`
	BufferLimit   int               `toml:"buffer_limit"`
	Buckets       map[string]string `toml:"buckets"`

	name   string
	plugin string
	out    telegraf.Output
}

// Tags by which points carry their destination to Telegraf's outputs. No tag of a point has these names.
const (
	databaseTag = "\x00db"
	policyTag   = "\x00rp"
	bucketTag   = "\x00bucket"
)

func newInfluxSection(name, plugin string, out telegraf.Output) *influxSection {
	return &influxSection{
		name: name, plugin: plugin, out: out,
		FlushInterval: time.Second, BatchSize: 5000, BufferLimit: 100000,
	}
}

func (s *influxSection) init(log telegraf.Logger) error {
	if s.FlushInterval <= 0 || s.BatchSize <= 0 || s.BufferLimit < s.BatchSize {
		return errors.New("want a positive flush_interval and 0 < batch_size <= buffer_limit")
	}
	switch out := s.out.(type) {
	case *influxdb.InfluxDB:
		if s.Buckets != nil {
			return errors.New("buckets belongs to influxdb_v2")
		}
		out.Log = log
		out.Statistics = selfstat.NewCollector(map[string]string{"output": "alerter"})
		out.DatabaseTag, out.ExcludeDatabaseTag = databaseTag, true
		out.RetentionPolicyTag, out.ExcludeRetentionPolicyTag = policyTag, true
		createOnDemand(out)
		return out.Init()
	case *influxdb_v2.InfluxDB:
		out.Log = log
		out.BucketTag, out.ExcludeBucketTag = bucketTag, true
		return out.Init()
	}
	return fmt.Errorf("unknown output %T", s.out)
}

// A target is where one point goes.
type target struct{ database, policy string }

// address adds the tags that tell Telegraf's output where a point goes.
func (s *influxSection) address(m telegraf.Metric, to target) {
	switch out := s.out.(type) {
	case *influxdb.InfluxDB:
		if to.database != "" {
			m.AddTag(databaseTag, to.database)
		}
		if to.policy != "" {
			m.AddTag(policyTag, to.policy)
		}
	case *influxdb_v2.InfluxDB:
		if b := s.bucket(to, out.Bucket); b != "" {
			m.AddTag(bucketTag, b)
		}
	}
}

// bucket returns the bucket for a database and retention policy: a mapped one, else the configured
// one, else the name that InfluxDB 2 gives to a migrated database.
func (s *influxSection) bucket(to target, configured string) string {
	if b, ok := s.Buckets[to.database+"."+to.policy]; ok && to.policy != "" {
		return b
	}
	if b, ok := s.Buckets[to.database]; ok {
		return b
	}
	switch {
	case configured != "":
		return configured
	case to.policy == "":
		return to.database
	}
	return to.database + "/" + to.policy
}
