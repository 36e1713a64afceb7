package redact_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/redact"
)

func TestError(t *testing.T) {
	_, err := http.Get("http://user:s3cret@127.0.0.1:1/?token=s3cret") //nolint:bodyclose,noctx // there is none
	require.ErrorContains(t, err, "token=s3cret")
	require.NotContains(t, redact.Error(fmt.Errorf("post: %w", err)).Error(), "s3cret")
	require.ErrorContains(t, redact.Error(err), "connection refused")

	_, err = http.NewRequestWithContext(context.Background(), http.MethodGet, "http://[s3cret", http.NoBody)
	require.NotContains(t, redact.Error(err).Error(), "s3cret")

	other := errors.New("other")
	require.Equal(t, other, redact.Error(other))
	require.NoError(t, redact.Error(nil))
}
