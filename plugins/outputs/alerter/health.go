package alerter

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/handler"
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

// label names the destination of a queue for people. URLs may hold tokens, so their host must do.
func label(q *queue) string {
	name := q.outlet.kind.Name
	dest := strings.TrimPrefix(q.key, name)
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
func (d *dispatcher) conditions(now time.Time, after time.Duration, spoolWas alert.Level) (wrong map[string]condition, unknown map[string]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	wrong, unknown = map[string]condition{}, map[string]bool{}
	for _, q := range d.queues {
		id := handlerID + label(q)
		switch {
		case q.fails > 0 && now.Sub(q.failed) >= after:
			wrong[id] = condition{alert.Critical, fmt.Sprintf("Handler %s has failed since %s, %d deliveries wait: %v",
				strings.TrimPrefix(id, handlerID), q.failed.UTC().Format(time.RFC3339), q.n, q.err)}
		case q.fails > 0 || !q.works:
			unknown[id] = true
		}
	}
	for it, since := range d.flights {
		if over := now.Sub(since) - it.timeout; over >= hangAfter && over >= after {
			id := handlerID + label(it.queue)
			wrong[id] = condition{alert.Critical, fmt.Sprintf("Handler %s has hung since %s", strings.TrimPrefix(id, handlerID), since.UTC().Format(time.RFC3339))}
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

// sick says why no heartbeat may be sent.
func (d *dispatcher) sick(now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for it, since := range d.flights {
		if now.Sub(since) >= it.timeout+hangAfter {
			return fmt.Errorf("handler %s hangs", label(it.queue))
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
func (a *Alerter) startHealth() {
	host, _ := os.Hostname() // an empty one is told as such
	stop := a.stop
	if a.HealthTopic != "" {
		a.own = ownAlerts{Own: alert.Own{Host: host, Node: "delivery", Topic: a.HealthTopic}, since: map[string]time.Time{}}
		a.background.Go(func() { every(healthPoll, stop, a.checkHealth) })
	}
	if a.heartbeat != nil {
		beat := func() { a.beat(stop, host) }
		a.background.Go(func() {
			beat()
			every(a.heartbeat.Interval, stop, beat)
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
func (a *Alerter) checkHealth() {
	a.routing.Lock()
	defer a.routing.Unlock()
	d := a.dispatch
	if d == nil {
		return
	}
	d.mu.Lock()
	stand := a.own.only(d.spool.Topic(a.HealthTopic))
	d.mu.Unlock()
	now := time.Now()
	wrong, unknown := d.conditions(now, time.Duration(a.HealthAfter), stand[spoolID])
	for _, id := range sorted(wrong) {
		if c := wrong[id]; stand[id] != c.level {
			a.raise(id, c, stand[id], now)
		}
	}
	for _, id := range sorted(stand) {
		if _, still := wrong[id]; still || unknown[id] {
			continue
		}
		switch {
		case id == spoolID:
			a.raise(id, condition{alert.OK, "The spool has room and can be written"}, stand[id], now)
		case strings.HasPrefix(id, handlerID):
			a.raise(id, condition{alert.OK, fmt.Sprintf("Handler %s no longer fails", strings.TrimPrefix(id, handlerID))}, stand[id], now)
		}
	}
}

// raise makes an event and hands it to the handlers of the topic, but not to the one that it is about.
func (a *Alerter) raise(id string, c condition, previous alert.Level, now time.Time) {
	if previous == alert.OK || a.own.since[id].IsZero() {
		a.own.since[id] = now
	}
	e := a.own.Event(id, c.text, c.level, now.UnixNano(), a.own.since[id].UnixNano())
	e.Previous, e.NodePrevious = previous, previous
	if c.level == alert.OK {
		delete(a.own.since, id)
	}
	r := &routing{Alerter: a, fail: a.fail}
	r.topic(a.HealthTopic, e)
	r.list = slices.DeleteFunc(r.list, func(it delivery) bool {
		return handlerID+label(&queue{outlet: it.outlet, key: it.key()}) == id
	})
	r.levels = append(r.levels, topicLevel{a.HealthTopic, e.ID, c.level})
	a.post(e, r, nil, nil)
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
func (a *Alerter) beat(stop <-chan struct{}, host string) {
	a.routing.Lock() // to find out whether it can be had
	d := a.dispatch
	a.routing.Unlock()
	if d == nil {
		return
	}
	st := a.stats.heartbeat()
	if err := d.sick(time.Now()); err != nil {
		st.withheld.Incr(1)
		a.limit.log(a.Log.Errorf, "heartbeat withheld", fmt.Errorf("heartbeat withheld: %w", err))
		return
	}
	p := handler.Pulse{Host: host, Time: time.Now(), Interval: a.heartbeat.Interval}
	d.mu.Lock()
	p.Muted = len(d.held)
	for _, q := range d.queues {
		p.Waiting += q.n
	}
	d.mu.Unlock()
	ctx, cancel := contextUntil(stop)
	defer cancel()
	if err := a.heartbeat.Beat(ctx, p); err != nil {
		st.failed.Incr(1)
		if ctx.Err() == nil {
			a.limit.log(a.Log.Warnf, "heartbeat", fmt.Errorf("heartbeat: %w", err))
		}
		return
	}
	st.sent.Incr(1)
}
