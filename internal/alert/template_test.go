package alert

import (
	"errors"
	"runtime"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCompiled wants equal texts to share a template as long as somebody has it, and nothing to stay behind.
func TestCompiled(t *testing.T) {
	made := 0
	c := newCompiled(func(text string) (*template.Template, error) {
		if text == "" {
			return nil, errors.New("empty")
		}
		made++
		return template.New(text).Parse(text)
	})
	of := func(text string) *template.Template {
		x, err := c.of(text)
		require.NoError(t, err)
		return x
	}
	a, b := of("a"), of("b")
	runtime.GC()
	require.Same(t, a, of("a"))
	require.NotSame(t, a, b)
	require.Equal(t, 2, made)
	_, err := c.of("")
	require.EqualError(t, err, "empty")

	runtime.KeepAlive(b)
	size := func() int {
		runtime.GC()
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.byText)
	}
	require.Eventually(t, func() bool { return size() == 1 }, 10*time.Second, time.Millisecond)
	require.Same(t, a, of("a"))
	runtime.KeepAlive(a)
	require.Eventually(t, func() bool { return size() == 0 }, 10*time.Second, time.Millisecond)
	of("a")
	require.Equal(t, 3, made)
}
