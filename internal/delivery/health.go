package delivery

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spool"
)

// This file watches the delivery itself: it raises alerts about handlers that fail and about the
// spool, and sends the heartbeat as long as all is well.

const (
	spoolID = "spool"
	// handlerID is how the IDs of alerts about handlers begin.
	handlerID = "handler:"

	healthPoll = 10 * time.Second
	// nearlyFull and roomy are the use of the spool at which an alert is raised, and is over.
	nearlyFull, roomy = 0.9, 0.8
	// hangAfter is how long an attempt may take beyond its limit before its worker counts as stuck.
	hangAfter = time.Minute
)

// A condition is what an alert of our own is about.
type condition struct {
	level alert.Level
	text  string
}

// label names a destination for people. URLs may hold tokens, so their host must do.
func label(to *integration, dest string) string {
	name := to.kind.Name
	dest = strings.TrimPrefix(dest, name)
	dest = strings.Trim(dest, " /")
	if _, rest, isURL := strings.Cut(dest, "://"); isURL {
		rest, _, _ = strings.Cut(rest, "/")
		rest, _, _ = strings.Cut(rest, "?")
		dest = rest[strings.LastIndexByte(rest, '@')+1:]
	}
	if dest == "" {
		return name
	}
	return name + ":" + dest
}

// conditions returns what is wrong, by the ID of its alert without the host, and those handlers of which it is not
// known yet whether something is.
func (d *Dispatcher) conditions(now time.Time, after time.Duration, spoolWas alert.Level) (wrong map[string]condition, unknown map[string]bool) {
	wrong, unknown = map[string]condition{}, map[string]bool{}
	for _, q := range d.queues {
		id := handlerID + label(q.to, q.dest)
		switch {
		case q.health.fails > 0 && now.Sub(q.health.since) >= after:
			wrong[id] = condition{alert.Critical, fmt.Sprintf("Handler %s has failed since %s, %d deliveries wait: %v",
				strings.TrimPrefix(id, handlerID), q.health.since.UTC().Format(time.RFC3339), q.n, q.health.err)}
		case q.health.fails > 0 || !q.health.works:
			unknown[id] = true
		}
	}
	for it := range d.flying {
		if late := now.Sub(it.began) - it.timeout; late >= hangAfter && late >= after {
			id := handlerID + label(it.to, it.item.Dest)
			wrong[id] = condition{alert.Critical, fmt.Sprintf("Handler %s has hung since %s", strings.TrimPrefix(id, handlerID), it.began.UTC().Format(time.RFC3339))}
		}
	}
	use := d.spool.Use()
	switch err := d.spool.Broken(); {
	case err != nil:
		wrong[spoolID] = condition{alert.Critical, fmt.Sprintf("The spool cannot be written, alerts are in memory only: %v", err)}
	case use >= nearlyFull, use >= roomy && spoolWas != alert.OK:
		wrong[spoolID] = condition{alert.Warning, fmt.Sprintf("The spool is %.0f %% full; beyond that alerts are lost", 100*min(use, 1))}
	}
	return wrong, unknown
}

// broken says why no heartbeat may be sent.
func (d *Dispatcher) broken(now time.Time) error {
	for it := range d.flying {
		if now.Sub(it.began) >= it.timeout+hangAfter {
			return fmt.Errorf("handler %s hangs", label(it.to, it.item.Dest))
		}
	}
	return d.spool.Broken()
}

// ownAlerts is what is known of the alerts of our own.
type ownAlerts struct {
	alert.Own
	since map[string]time.Time // by ID without the host: when it left OK
}

// only returns the levels of alerts of this host, by their IDs without it.
func (o *ownAlerts) only(topic map[string]alert.Level) map[string]alert.Level {
	own := map[string]alert.Level{}
	for id, l := range topic {
		if rest, ok := strings.CutPrefix(id, o.ID("")); ok {
			own[rest] = l
		}
	}
	return own
}

// startHealth begins to watch, if anybody wants to know.
func (d *Dispatcher) startHealth() {
	host, _ := os.Hostname() // an empty one is told as such
	stop := d.stop
	if d.c.HealthTopic != "" {
		d.own = ownAlerts{Own: alert.Own{Host: host, Node: "delivery", Topic: d.c.HealthTopic}, since: map[string]time.Time{}}
		d.background.Go(func() { every(healthPoll, stop, d.checkHealth) })
	}
	if d.heartbeat != nil {
		beat := func() { d.beat(stop, host) }
		d.background.Go(func() {
			beat()
			every(d.heartbeat.Interval, stop, beat)
		})
	}
}

// every calls f again and again until stop is closed.
func every(interval time.Duration, stop <-chan struct{}, f func()) {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
			f()
		}
	}
}

// checkHealth raises alerts of what has changed.
func (d *Dispatcher) checkHealth() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.takes() {
		return
	}
	was := d.own.only(d.spool.Topic(d.c.HealthTopic))
	now := time.Now()
	wrong, unknown := d.conditions(now, d.c.HealthAfter, was[spoolID])
	for _, id := range sorted(wrong) {
		if c := wrong[id]; was[id] != c.level {
			d.raise(id, c, was[id], now)
		}
	}
	for _, id := range sorted(was) {
		if _, still := wrong[id]; still || unknown[id] {
			continue
		}
		switch {
		case id == spoolID:
			d.raise(id, condition{alert.OK, "The spool has room and can be written"}, was[id], now)
		case strings.HasPrefix(id, handlerID):
			d.raise(id, condition{alert.OK, fmt.Sprintf("Handler %s no longer fails", strings.TrimPrefix(id, handlerID))}, was[id], now)
		}
	}
}

// raise makes an event and hands it to the handlers of the topic, but not to the one that it is about.
func (d *Dispatcher) raise(id string, c condition, previous alert.Level, now time.Time) {
	if previous == alert.OK || d.own.since[id].IsZero() {
		d.own.since[id] = now
	}
	e := d.own.Event(id, c.text, c.level, now.UnixNano(), d.own.since[id].UnixNano())
	e.Previous, e.NodePrevious = previous, previous
	if c.level == alert.OK {
		delete(d.own.since, id)
	}
	p := &plan{event: e, fail: d.fail}
	d.toTopic(p, d.c.HealthTopic, e)
	p.list = slices.DeleteFunc(p.list, func(it *delivery) bool { return handlerID+label(it.to, it.destination()) == id })
	p.levels = append(p.levels, spool.TopicLevel{Topic: d.c.HealthTopic, ID: e.ID, Level: c.level})
	d.accept(p)
}

// contextUntil returns a context that ends when stop is closed.
func contextUntil(stop <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-stop:
		case <-ctx.Done():
		}
		cancel()
	}()
	return ctx, cancel
}

// beat sends the heartbeat, unless something is wrong.
func (d *Dispatcher) beat(stop <-chan struct{}, host string) {
	p := handler.Pulse{Host: host, Time: time.Now(), Interval: d.heartbeat.Interval}
	d.mu.Lock() // to find out whether it can be had
	if !d.takes() {
		d.mu.Unlock()
		return
	}
	err := d.broken(p.Time)
	p.Muted = len(d.held)
	for _, q := range d.queues {
		p.Waiting += q.n
	}
	d.mu.Unlock()
	if err != nil {
		d.stats.beatsWithheld.Incr(1)
		d.causes.Log(d.log.Errorf, "heartbeat withheld", fmt.Errorf("heartbeat withheld: %w", err))
		return
	}
	ctx, cancel := contextUntil(stop)
	defer cancel()
	if err := d.heartbeat.Beat(ctx, p); err != nil {
		d.stats.beatsFailed.Incr(1)
		if ctx.Err() == nil {
			d.causes.Log(d.log.Warnf, "heartbeat", fmt.Errorf("heartbeat: %w", err))
		}
		return
	}
	d.stats.beats.Incr(1)
}
