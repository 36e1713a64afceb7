package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// tickScriptCommands are what the scripts for the commands below "tick" use beside testscript's own.
func tickScriptCommands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		// tick-usage ARG… runs a command that must end with code 2, tick-wrong one with code 1.
		// Nothing may reach standard output but what replay writes there.
		"tick-usage": func(ts *testscript.TestScript, _ bool, args []string) { runTick(ts, exitUsage, args) },
		"tick-wrong": func(ts *testscript.TestScript, _ bool, args []string) { runTick(ts, exitWrong, args) },
		// mode FILE OCTAL
		"mode": func(ts *testscript.TestScript, _ bool, args []string) {
			want, err := strconv.ParseUint(args[1], 8, 32)
			ts.Check(err)
			info, err := os.Stat(ts.MkAbs(args[0]))
			ts.Check(err)
			if info.Mode().Perm() != fs.FileMode(want) {
				ts.Fatalf("%s has mode %o, want %o", args[0], info.Mode().Perm(), want)
			}
		},
		// islink FILE
		"islink": func(ts *testscript.TestScript, _ bool, args []string) {
			info, err := os.Lstat(ts.MkAbs(args[0]))
			ts.Check(err)
			if info.Mode()&fs.ModeSymlink == 0 {
				ts.Fatalf("%s is no symbolic link any more", args[0])
			}
		},
		// files DIR NAME… wants the folder to have these entries and no others but hidden ones of
		// testscript's.
		"files": func(ts *testscript.TestScript, _ bool, args []string) {
			entries, err := os.ReadDir(ts.MkAbs(args[0]))
			ts.Check(err)
			var names []string
			for _, e := range entries {
				if e.Name() != ".tmp" {
					names = append(names, e.Name())
				}
			}
			if want := slices.Sorted(slices.Values(args[1:])); !slices.Equal(names, want) {
				ts.Fatalf("%s has %v, want %v", args[0], names, want)
			}
		},
		// repeat FILE COUNT TEXT writes TEXT so many times behind what FILE has; \n is a line feed.
		"repeat": func(ts *testscript.TestScript, _ bool, args []string) {
			n, err := strconv.Atoi(args[1])
			ts.Check(err)
			f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			ts.Check(err)
			_, err = f.WriteString(strings.Repeat(strings.ReplaceAll(args[2], `\n`, "\n"), n))
			ts.Check(errors.Join(err, f.Close()))
		},
		// receiver OUT FILE… starts an HTTP server that writes path and body of each request as a
		// line of OUT, and puts its address in place of RECEIVER in the files. It answers with the
		// status that the path ends in, or 200.
		"receiver": func(ts *testscript.TestScript, _ bool, args []string) {
			out := ts.MkAbs(args[0])
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				f, ferr := os.OpenFile(out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
				if err = errors.Join(err, ferr); err == nil {
					_, err = fmt.Fprintf(f, "%s %s\n", r.URL.Path, bytes.TrimSpace(body))
					err = errors.Join(err, f.Close())
				}
				status, serr := strconv.Atoi(path.Base(r.URL.Path))
				if serr != nil {
					status = http.StatusOK
				}
				if err != nil {
					status = http.StatusInternalServerError
				}
				w.WriteHeader(status)
			}))
			ts.Defer(s.Close)
			for _, name := range args[1:] {
				text := strings.ReplaceAll(ts.ReadFile(name), "RECEIVER", s.URL)
				ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
			}
		},
		// gzip FROM TO
		"gzip": func(ts *testscript.TestScript, _ bool, args []string) {
			writeGzip(ts, args[1], ts.ReadFile(args[0]))
		},
		// recording FROM TO DB RP makes a recording like Kapacitor's of line protocol.
		"recording": func(ts *testscript.TestScript, _ bool, args []string) {
			var text strings.Builder
			for line := range strings.Lines(ts.ReadFile(args[0])) {
				if !strings.HasPrefix(line, "#") {
					fmt.Fprintf(&text, "%s\n%s\n%s", args[2], args[3], line)
				}
			}
			writeGzip(ts, args[1], text.String())
		},
		// quickly ARG… runs telegraf-tigk, which must fail with code 1 within the time that an
		// editor would wait, and say so in one line of bounded length.
		"quickly": func(ts *testscript.TestScript, _ bool, args []string) {
			begin := time.Now()
			runTick(ts, exitWrong, args)
			if took := time.Since(begin); took > 10*time.Second {
				ts.Fatalf("took %v", took)
			}
			text := strings.TrimSuffix(ts.ReadFile("stderr"), "\n")
			if strings.Contains(text, "\n") || len(text) > 2000 {
				ts.Fatalf("want one line, got %d bytes", len(text))
			}
		},
	}
}

// runTick runs telegraf-tigk tick, which must end with code.
func runTick(ts *testscript.TestScript, code int, args []string) {
	err := ts.Exec("telegraf-tigk", append([]string{"tick"}, args...)...)
	var ee *exec.ExitError
	if !errors.As(err, &ee) || ee.ExitCode() != code {
		ts.Fatalf("tick %s: want exit code %d, got %v", strings.Join(args, " "), code, fmt.Sprint(err))
	}
}

func writeGzip(ts *testscript.TestScript, file, text string) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(text))
	ts.Check(errors.Join(err, z.Close()))
	ts.Check(os.WriteFile(ts.MkAbs(file), b.Bytes(), 0o600))
}
