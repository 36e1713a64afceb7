package crashtest

import (
	"fmt"
	"time"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
)

// storm has alerts go up and down, receivers come and go, hosts be muted and the agent be started anew.
func (w *world) storm(a *agent) *agent {
	for range 22 {
		switch x := w.n(16); {
		case x == 0 && !w.steady:
			a.stop()
			a = w.start()
		case x == 1 && !w.steady:
			w.mu.Lock()
			w.down[receivers[w.r.IntN(len(receivers))]] = time.Now().Add(time.Duration(w.r.IntN(int(2 * time.Second))))
			w.mu.Unlock()
		case x <= 3 && w.muting:
			if id := w.n(w.mutes + 2); 1 <= id && id <= w.mutes {
				a.unmute(fmt.Sprintf("m%d", id))
			} else {
				a.mute(hosts[w.n(len(hosts))], time.Now().Add(w.chance(4*time.Second)))
			}
		default:
			a.push(hosts[w.n(len(hosts))], alert.Level(w.n(4)))
		}
		if w.n(2) == 0 {
			time.Sleep(w.chance(400 * time.Millisecond))
		}
	}
	return a
}

// calm lets an agent do what is left to do, and ends it.
func (a *agent) calm() {
	time.Sleep(15 * time.Second)
	a.stop()
}

// aftermath starts an agent on what a crash has left. The data go on where they were, or elsewhere, and then
// all becomes calm.
func (w *world) aftermath(levels map[string]alert.Level) {
	a := w.start()
	a.listMutes()
	for _, host := range hosts {
		if w.n(3) == 0 {
			levels[host] = alert.Level(w.n(4))
		}
		a.push(host, levels[host])
	}
	a.engine.Drain()
	a.count()
	time.Sleep(w.chance(3 * time.Second))
	for _, host := range hosts {
		if w.n(2) == 0 {
			a.push(host, alert.Level(w.n(4)))
		}
	}
	a.calm()
	if w.n(8) == 0 {
		w.start().calm()
	}
}
