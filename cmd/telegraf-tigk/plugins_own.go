package main

// The alerting engine, part of every build.
import (
	_ "github.com/telegraf-tigk/telegraf-tigk/plugins/inputs/udfsock"
	_ "github.com/telegraf-tigk/telegraf-tigk/plugins/outputs/alerter"
	_ "github.com/telegraf-tigk/telegraf-tigk/plugins/processors/tick"
)
