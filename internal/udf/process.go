package udf

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// This file runs functions as child processes.

// killWait is how long a process may take to die.
const killWait = 5 * time.Second

// A process is a child that speaks on its standard input and output. It leads a process group, which
// is killed as a whole: when the link ends, or when the child has exited and left others behind.
type process struct {
	cmd            *exec.Cmd
	stdin, stdout  *os.File
	stderr         *os.File
	mu             sync.Mutex
	reaped         bool // the process ID may belong to another one
	exited, logged chan struct{}
	err            error // how it exited
}

// startProcess starts a child with the environment that c gives it and no more. What it writes to
// standard error goes to log.
func startProcess(c *Config, log Logger) (link, error) {
	cmd := exec.Command(c.Command[0], c.Command[1:]...)
	cmd.Env = append([]string{}, c.Environment...) // nil would be our own environment
	cmd.Dir = c.Directory
	if err := setAttributes(cmd, c.User); err != nil {
		return nil, err
	}
	var files []*os.File
	pipe := func() (r, w *os.File, err error) {
		if r, w, err = os.Pipe(); err == nil {
			files = append(files, r, w)
		}
		return r, w, err
	}
	in, stdin, err1 := pipe()
	stdout, out, err2 := pipe()
	stderr, outErr, err3 := pipe()
	err := errors.Join(err1, err2, err3)
	if err == nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, outErr
		err = spawn(cmd)
	}
	if err != nil {
		closeAll(files)
		return nil, err
	}
	closeAll([]*os.File{in, out, outErr})
	p := &process{cmd: cmd, stdin: stdin, stdout: stdout, stderr: stderr, exited: make(chan struct{}), logged: make(chan struct{})}
	go func() {
		defer close(p.logged)
		logLines(stderr, c.Name, log)
	}()
	go p.wait()
	return p, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// spawning runs what starts processes on a thread of its own, which lives as long as we do: on Linux a
// child is told to die with the thread that started it.
var spawning = sync.OnceValue(func() chan<- func() {
	c := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range c {
			f()
		}
	}()
	return c
})

func spawn(cmd *exec.Cmd) error {
	err := make(chan error)
	spawning() <- func() { err <- cmd.Start() }
	return <-err
}

// wait reaps the child, and before that kills what it has left behind.
func (p *process) wait() {
	if awaitExit(p.cmd.Process.Pid) {
		p.kill()
		p.mu.Lock()
		p.reaped = true
		p.mu.Unlock()
		p.err = p.cmd.Wait()
	} else {
		p.err = p.cmd.Wait()
		p.mu.Lock()
		p.reaped = true
		p.mu.Unlock()
	}
	close(p.exited)
}

func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		killGroup(p.cmd.Process)
	}
}

func (p *process) Read(b []byte) (int, error)  { return p.stdout.Read(b) }
func (p *process) Write(b []byte) (int, error) { return p.stdin.Write(b) }
func (p *process) CloseWrite() error           { return p.stdin.Close() }

func (p *process) End(grace time.Duration) error {
	_ = p.stdin.Close() // the conversation is over
	if grace > 0 {
		within(p.exited, grace)
	}
	p.kill()
	died := within(p.exited, killWait)
	_ = p.stdout.Close()
	// A process that has left the group may hold the other end for ever.
	within(p.logged, 100*time.Millisecond)
	_ = p.stderr.Close()
	if !died {
		return fmt.Errorf("process %d does not die", p.cmd.Process.Pid)
	}
	return p.err
}

// within waits for c to be closed and reports whether that happened in time.
func within(c <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c:
		return true
	case <-t.C:
		return false
	}
}
