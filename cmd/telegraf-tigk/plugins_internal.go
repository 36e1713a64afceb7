//go:build !full && !custom

package main

// Telegraf's own inputs.internal cannot be imported on its own; this one takes
// its place.
import _ "github.com/telegraf-tigk/telegraf-tigk/plugins/inputs/internalstats"
