//go:build !full && !custom && !slim

package main

// This one brings a Kubernetes client along, a third of the program's size.
// The tag slim leaves it out; inputs.http with data_format = "prometheus"
// still reads exporters then.
import _ "github.com/influxdata/telegraf/plugins/inputs/prometheus"
