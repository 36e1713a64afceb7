package node_test

import "testing"

func TestTrickle(t *testing.T) {
	requireCases(t, []scriptCase{
		{"points come out", "stream|from().measurement('m').groupBy('h')|window().periodCount(2).everyCount(2)|trickle()", "m,h=a,k=1 v=1 0s\nm,h=a v=2 1s\nm,h=b v=3 2s\nm,h=b,k=2 v=4 3s", "m,h=a,k=1 v=1 0s\nm,h=a v=2 1s\nm,h=b v=3 2s\nm,h=b,k=2 v=4 3s"},
		{"all children get them", "var x = stream|from().measurement('m')|window().periodCount(2).everyCount(2)|trickle()\nx|where(lambda: \"v\" > 1)|influxDBOut()\nx", "m v=1 0s\nm v=2 1s", "m v=1 0s\nm v=2 1s\nm v=2 1s"},
	})
	requirePlay(t, "stream|from().measurement('m')|window().periodCount(2).everyCount(2)|trickle()", "m v=1 0s\nm v=2 1s", "")
	requireRejected(t, "stream|from().measurement('m')|trickle()", "trickle wants batches")
}
