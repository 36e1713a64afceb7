package spool

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/journal"
)

// BenchmarkRestart measures reading 10 000 undelivered events back.
func BenchmarkRestart(b *testing.B) {
	dir := journal.Dir(b.TempDir())
	s := New(Config{MaxEvents: 20000, MaxBytes: 64 << 20, Log: &lines{}, Folder: dir})
	_, err := s.load()
	require.NoError(b, err)
	s.disk.Repair()
	for i := range 10000 {
		e := &alert.Event{EventID: fmt.Sprint(i), ID: fmt.Sprint(i % 1000), Message: "m", Recoverable: true}
		require.NoError(b, s.Put(&Posting{Event: e, Items: []*Item{newItem(e, "D", `{"address":"r:1"}`)}}))
	}
	for b.Loop() {
		x := newLoaded()
		require.NoError(b, s.disk.Read(x.take))
		x.settle()
		require.Len(b, x.entries, 10000)
	}
}
