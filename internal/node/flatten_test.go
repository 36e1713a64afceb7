package node_test

import "testing"

func TestFlatten(t *testing.T) {
	const from = "stream|from().measurement('m').groupBy('h')"
	requireCases(t, []scriptCase{
		{"on", from + "|flatten().on('port')", "m,h=A,port=80 b=1,c=2 0s\nm,h=A,port=443 b=3 0s\nm,h=A,port=80 b=4 1s", "m,h=A 443.b=3,80.b=1,80.c=2 0s"},
		{"several tags", from + "|flatten().on('port', 'h').delimiter('/')", "m,h=A,port=80 b=1 0s\nm,h=A,port=80 b=4 1s", "m,h=A 80/A/b=1 0s"},
		{"without on", from + "|flatten()", "m,h=A b=1,c=1 0s\nm,h=A b=2,d=2 0s\nm,h=A b=4 1s", "m,h=A b=2,c=1,d=2 0s"},
		{"without the fields' names", from + "|flatten().on('port').dropOriginalFieldName()", "m,h=A,port=80 b=1 0s\nm,h=A,port=443 b=3 0s\nm,h=A b=4 1s", "m,h=A 443=3,80=1 0s\nerror point missing tag for flatten operation: tag port is missing from point"},
		{"with them after all", from + "|flatten().on('port').dropOriginalFieldName(FALSE)", "m,h=A,port=80 b=1 0s\nm,h=A,port=80 b=4 1s", "m,h=A 80.b=1 0s"},
		{"tolerance", from + "|flatten().on('port').tolerance(2s)", "m,h=A,port=80 b=1 1s\nm,h=A,port=443 b=3 2s\nm,h=A,port=80 b=4 5s", "m,h=A 443.b=3,80.b=1 2s"},
		{"a tag is missing", from + "|flatten().on('h', 'port')", "m,h=A b=1 0s\nm,h=A,port=80 b=2 0s\nm,h=A,port=81 b=3 0s\nm,h=A,port=80 b=3 1s", "error point missing tag for flatten operation: tag port is missing from point\nm,h=A A.81.b=3,AA.80.b=2 0s"},
		{"late points count as now", from + "|flatten().on('port')", "m,h=A,port=80 b=1 5s\nm,h=A,port=80 b=2 3s\nm,h=A,port=80 b=3 6s", "m,h=A 80.b=1 5s\nm,h=A 80.b=2 5s"},
		{"groups", from + "|flatten().on('port')", "m,h=A,port=80 b=1 0s\nm,h=B,port=80 b=2 1s\nm,h=A,port=80 b=3 2s", "m,h=A 80.b=1 0s"},
		{"batch", from + "|window().periodCount(4).everyCount(4)|flatten().on('port')|trickle()", "m,h=A,port=80 b=1 0s\nm,h=A,port=443 b=2 0s\nm,h=A,port=80 b=3 1s\nm,h=A,port=443 b=4 0s", "m,h=A 443.b=2,80.b=1 0s\nm,h=A 80.b=3 1s\nm,h=A 443.b=4 0s"},
		{"barrier", from + "|barrier().idle(2s)|flatten().on('port')", "m,h=A,port=80 b=1 0s\n# advance: 3s\nm,h=A,port=80 b=2 4s", "m,h=A 80.b=1 0s"},
	})
	requireRejected(t, from+"|flatten().tolerance(-1s)", "tolerance must not be negative")
	requireRejected(t, from+"|flatten().dropOriginalFieldName(TRUE, FALSE)", "want at most one boolean, got 2")
}
