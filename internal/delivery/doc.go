// Package delivery brings alert events to their handlers.
//
//	d, err := delivery.New(delivery.Config{…}) // checks; opens nothing but the files that are named
//	err = d.Start()                            // reads the spool
//	d.Events(list, safe)                       // takes events over
//	d.Close(deadline)
//
// An event is routed: to the handlers of its topics, to those that its script names, and to those that get
// all. Each becomes a delivery, which lies in the spool with the event and has a life of its own (life.go):
// it waits in the queue of its destination, is tried, waits for its next try, and is over. While it is
// muted it is held; for a handler that makes one event of many it waits in a bundle.
//
// Whoever hands over events waits for no receiver. Each destination has workers of its own, so that a dead
// one holds back nothing but itself; the deliveries of one alert arrive there in order.
package delivery
