package engine

import (
	"fmt"
	"reflect"

	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
	"github.com/telegraf-tigk/telegraf-tigk/internal/task"
)

// This file has the questions of tasks answered. Who answers those of a kind stands in a file of its own.

// A question is one that a task has asked.
type question struct {
	r    *runner
	task *task.Task
	node string
	id   uint64
}

// answerers are who answers, by the type of the question's body.
var answerers = map[reflect.Type]func(q *question, b spec.Body){}

// answers says that f answers the questions whose body is a B. It is called in a turn of the task and must
// not wait; the reply comes with [question.reply], or in a later turn with [question.answer].
func answers[B spec.Body](f func(q *question, b B)) {
	answerers[reflect.TypeFor[B]()] = func(q *question, b spec.Body) {
		if x, ok := b.(B); ok {
			f(q, x)
		}
	}
}

// ask has a question of the task answered.
func (r *runner) ask(node string, a spec.Ask) {
	f := answerers[reflect.TypeOf(a.Body)]
	if f == nil {
		panic(fmt.Sprintf("engine: nobody answers a %T", a.Body))
	}
	f(&question{r: r, task: r.task, node: node, id: a.ID}, a.Body)
}

// reply brings the task what has come of the question, when it is its turn. An err is reported.
func (q *question) reply(x spec.Reply, err error) {
	q.r.box.do(func() {
		if err != nil {
			q.r.report(q.node, err.Error())
		}
		q.answer(x)
	})
}

// answer is reply in a turn of the task. A task that has been replaced gets nothing any more.
func (q *question) answer(x spec.Reply) {
	if r := q.r; r.task == q.task && !r.failed.Load() {
		r.unsaved.set()
		r.after(q.task.Answer(q.id, x))
	}
}
