package udf

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"time"
	"unicode"
)

// This file logs what child processes write to standard error.

// A Logger takes what is worth knowing about functions.
type Logger interface {
	Errorf(format string, args ...any)
	Warnf(format string, args ...any)
	Infof(format string, args ...any)
	Debugf(format string, args ...any)
}

const (
	lineSize  = 1 << 10 // of a line, the rest is left out
	lineBurst = 50      // lines that may come at once
	lineRate  = 5       // a second, after that
)

// logLines logs the lines of r up to its end: of more than lineRate in the long run it logs how many
// there were.
func logLines(r io.Reader, name string, log Logger) {
	lines := bufio.NewReaderSize(r, lineSize)
	tokens, left, last := float64(lineBurst), 0, time.Now()
	skipped := func() {
		if left > 0 {
			log.Warnf("UDF %q: %d lines of its standard error are left out: there were too many", name, left)
		}
		left = 0
	}
	defer skipped()
	for {
		line, more, err := lines.ReadLine()
		text := printable(string(line))
		for more && err == nil {
			_, more, err = lines.ReadLine()
		}
		if text == "" && err != nil {
			return
		}
		now := time.Now()
		tokens = min(lineBurst, tokens+now.Sub(last).Seconds()*lineRate)
		last = now
		switch {
		case text == "":
		case tokens < 1:
			left++
		default:
			tokens--
			skipped()
			log.Infof("UDF %q: %s", name, text)
		}
		if err != nil {
			return
		}
	}
}

// printable returns text without what could disturb a log or a terminal.
func printable(text string) string {
	return strings.TrimRight(strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text), " ")
}

// nothing logs nothing.
type nothing struct{}

func (nothing) Errorf(string, ...any) {}
func (nothing) Warnf(string, ...any)  {}
func (nothing) Infof(string, ...any)  {}
func (nothing) Debugf(string, ...any) {}

// isEnd reports whether a stream has just ended, as it does when a program exits.
func isEnd(err error) bool { return errors.Is(err, io.EOF) }
