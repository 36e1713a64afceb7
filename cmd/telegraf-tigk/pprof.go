package main

import (
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// servePprof listens before it returns, so that an address in use is an error
// at start and not a surprise later.
func servePprof(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)

	log.Printf("I! Starting pprof HTTP server at: http://%s/debug/pprof", l.Addr())
	// No write time-out: a profile takes as long as its reader asks for.
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		log.Printf("E! pprof server failed: %v", srv.Serve(l))
	}()
	return nil
}
