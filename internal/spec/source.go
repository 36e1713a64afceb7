package spec

// This file defines how data comes into a task.

// A Source is the node that a script begins with. It says which points are to be pushed and to whom they go. Of one that
// wants none, because the nodes behind it ask for their data ([Env.Ask]) and send on the batches that they get as
// answers ([Asker]), there are no routes.
type Source interface {
	Declarer
	// Routes is called once, when the script has been read, with all its nodes and those of them that follow the
	// source.
	Routes(nodes, children []Declarer) Routes
}

// Routes are where pushed points go.
type Routes struct {
	Named   []Route // of the points of one measurement each
	Other   Route   // of all other points
	Grouped bool    // those who get points look at their group, which is that of points without dimensions
}

// A Route is the way of a kind of points.
type Route struct {
	Measurement string
	Times       int   // how often the source sends such a point; 0 if it does not want it
	To          []int // places among its children of those who get it then, in turn
}
