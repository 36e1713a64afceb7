package agg

func init() {
	register(&Def{
		Name:    "top",
		Doc:     "The points with the greatest values, the greatest first, equal ones by time.",
		Params:  rankParams("greatest"),
		Class:   Ranking,
		Kinds:   numSame,
		Check:   checkN,
		Example: Example{"top(2, 'v')", "m,h=a v=1 0s\nm,h=b v=9 0s\nm,h=c v=2 0s\nm v=5 1s", "m,h=b top=9 0s\nm,h=c top=2 0s"},
		New:     newRanked(-1),
	})
}
