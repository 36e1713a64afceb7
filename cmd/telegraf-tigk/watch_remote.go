package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

var errNoLastModified = errors.New("no Last-Modified header")

// watchRemote asks the servers of remote configurations, every
// --config-url-watch-interval, whether they have changed. A server that does
// not say when is not asked again.
func watchRemote(ctx context.Context, opt *options, request func(reason string)) {
	seen := map[string]string{} // URL to Last-Modified, "" before the first answer
	if all, err := paths(opt); err == nil {
		for _, p := range all {
			if isURL(p) {
				seen[p] = ""
			}
		}
	}
	if len(seen) == 0 {
		return
	}
	log.Printf("I! Remote config watcher started for %d URL(s)", len(seen))

	client := &http.Client{Timeout: 30 * time.Second}
	ticker := time.NewTicker(opt.urlWatch)
	defer ticker.Stop()
	for {
		for url, before := range seen {
			modified, err := lastModified(ctx, client, url)
			switch {
			case errors.Is(err, errNoLastModified):
				log.Printf("E! Last-Modified header not found, stopping the watcher for %s", url)
				delete(seen, url)
				continue
			case err != nil:
				log.Printf("W! Asking for changes of a remote config: %v", err)
				continue
			}
			seen[url] = modified
			if before != "" && before != modified {
				request("remote config modified: " + url)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func lastModified(ctx context.Context, client *http.Client, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, http.NoBody)
	if err != nil {
		return "", err
	}
	req.Header.Set("User-Agent", userAgent())
	if token, ok := os.LookupEnv("TELEGRAF_CONTROLLER_TOKEN"); ok {
		req.Header.Set("Authorization", "Bearer "+token)
	} else if token, ok := os.LookupEnv("INFLUX_TOKEN"); ok {
		req.Header.Set("Authorization", "Token "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	if err := resp.Body.Close(); err != nil {
		return "", err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return "", fmt.Errorf("%s: %s", strings.SplitN(url, "?", 2)[0], resp.Status)
	}
	modified := resp.Header.Get("Last-Modified")
	if modified == "" {
		return "", errNoLastModified
	}
	return modified, nil
}
