// Package redact keeps out of messages what may be secret.
package redact

import (
	"errors"
	"net/url"
)

// Error returns what went wrong without the URL that it went wrong with, which may hold a token or a
// password.
func Error(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
