package spec

import (
	"encoding/gob"
	"fmt"
	"reflect"
)

// This file defines how a node asks the world outside of its task. A new kind of question is a Body and a
// Reply with [RegisterAsk], somebody who answers it in the agent, and what a replay takes for the answer.

// An Ask is a question. Whoever runs the task brings the reply with the task's Answer, once and at any
// time, and nothing else may depend on when that is.
type Ask struct {
	ID   uint64 // no other question of the task has it
	Body Body
}

// A Body is what is asked. Like a [Reply] it is data and nothing else: both can be kept, logged, written
// down and read back. Nobody changes them once they have been handed on.
type Body interface {
	// Likely returns the reply of a replay, which asks nobody.
	Likely() Reply
}

// A Reply is what comes of a question, of the type that goes with its Body.
type Reply any

// An Asker is a node that asks, with [Env.Ask]. What it has asked before a restart is not answered.
type Asker interface{ Answer(id uint64, r Reply) }

// askKind is a kind of questions.
type askKind struct {
	name  string
	reply reflect.Type
}

var askKinds = map[reflect.Type]askKind{}

// RegisterAsk makes a kind of questions known by the types of body and reply, and gives it a name in what
// is written down. It is called from init functions.
func RegisterAsk(name string, body Body, reply Reply) {
	askKinds[reflect.TypeOf(body)] = askKind{name, reflect.TypeOf(reply)}
	gob.RegisterName("ask."+name, body)
	gob.RegisterName("reply."+name, reply)
}

// CheckReply returns what is wrong with r as the reply to b.
func CheckReply(b Body, r Reply) error {
	k, ok := askKinds[reflect.TypeOf(b)]
	switch {
	case !ok:
		return fmt.Errorf("a question of type %T is not known", b)
	case reflect.TypeOf(r) != k.reply:
		return fmt.Errorf("the question %s is answered with a %T, want a %v", k.name, r, k.reply)
	}
	return nil
}
