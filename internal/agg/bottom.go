package agg

func init() {
	register(&Def{
		Name:    "bottom",
		Doc:     "The points with the smallest values, the smallest first, equal ones by time.",
		Params:  rankParams("smallest"),
		Class:   Ranking,
		Kinds:   numSame,
		Check:   checkN,
		Example: Example{"bottom(2, 'v')", "m,h=a v=1 0s\nm,h=b v=9 0s\nm,h=c v=2 0s\nm v=5 1s", "m,h=a bottom=1 0s\nm,h=c bottom=2 0s"},
		New:     newRanked(1),
	})
}
