package spec

// A Fuser can spare its children what they do not need, if it knows them. The task calls Fuse once,
// with the nodes that get what it sends, after all of them have been started and before any data.
type Fuser interface{ Fuse(children []Declarer) }
