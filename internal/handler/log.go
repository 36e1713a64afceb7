package handler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/telegraf-tigk/telegraf-tigk/internal/alert"
	"github.com/telegraf-tigk/telegraf-tigk/internal/spec"
)

func init() {
	Register(Kind{
		Name:    "log",
		Options: func() spec.Declarer { return &Log{Mode: defaultMode} },
		Config:  func() any { return &LogConfig{} },
		Open:    open(openLog),
	})
}

const defaultMode = 0o600

// Log is the options of the handler log.
type Log struct {
	Path string `json:"path,omitempty" stays:"place"`
	Mode int64  `json:"mode,omitempty" stays:"place"`
}

// Declare names the properties.
func (l *Log) Declare(s *spec.Spec) {
	s.Doc("Appends the alert data to a file, one line of JSON per event. The file is opened for each event, so it may be rotated.")
	s.Arg(&l.Path, "path", "absolute path of the file, or stdout or stderr")
	s.Prop(&l.Mode, "mode", "permissions of a file that is created, with a leading 0: 0644")
	s.Check(func() error { return checkLogPath(l.Path) })
}

// Destination is the file: one that cannot be written holds no other back.
func (l *Log) Destination() string { return l.Path }

// Local is true: nobody else has a say in the files of this host.
func (l *Log) Local() bool { return true }

func checkLogPath(path string) error {
	if path != "" && path != "stdout" && path != "stderr" && !filepath.IsAbs(path) {
		return fmt.Errorf("log: the path must be absolute, got %q", path)
	}
	return nil
}

// LogConfig is the section log: where events go whose script names no path.
type LogConfig struct {
	Section
	Path string `toml:"path"`
	Mode string `toml:"mode"` // octal, "0600" if unset
}

type logSender struct {
	noClose
	path           string
	mode           int64
	stdout, stderr io.Writer
}

func openLog(configs []*LogConfig) (Sender, error) {
	c := first(configs, LogConfig{})
	if err := checkLogPath(c.Path); err != nil {
		return nil, err
	}
	if c.Global && c.Path == "" {
		return nil, errors.New("log: global needs a path")
	}
	mode := int64(defaultMode)
	if c.Mode != "" {
		var err error
		if mode, err = strconv.ParseInt(c.Mode, 8, 32); err != nil {
			return nil, fmt.Errorf("log: mode: want an octal number like \"0644\", got %q", c.Mode)
		}
	}
	return &logSender{path: c.Path, mode: mode, stdout: os.Stdout, stderr: os.Stderr}, nil
}

func (s *logSender) Send(_ context.Context, e *alert.Event, options spec.Declarer) error {
	o := options.(*Log)
	path, mode := o.Path, o.Mode
	if path == "" {
		path, mode = s.path, s.mode
	}
	line := Body(e)
	var err error
	switch path {
	case "":
		return Permanent(errors.New("log: no path"))
	case "stdout":
		_, err = s.stdout.Write(line)
	case "stderr":
		_, err = s.stderr.Write(line)
	default:
		if err := checkLogPath(path); err != nil {
			return Permanent(err)
		}
		err = appendTo(path, fs.FileMode(mode)&fs.ModePerm, line)
	}
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	return nil
}

// appendTo writes line in one call, so that writers of one file do not mix their lines. If the disk
// takes only a part of it, that part is taken back: the repeat must not follow half a line.
func appendTo(path string, mode fs.FileMode, line []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, mode)
	if err != nil {
		return err
	}
	n, err := f.Write(line)
	if err != nil && n > 0 {
		if info, serr := f.Stat(); serr == nil && info.Mode().IsRegular() {
			err = errors.Join(err, f.Truncate(info.Size()-int64(n)))
		}
	}
	return errors.Join(err, f.Close())
}
