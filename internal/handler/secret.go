package handler

import "errors"

// A Secret is a password or token that is fetched when it is needed and cannot be printed. The zero
// Secret is empty.
type Secret struct{ get func() (string, error) }

// NewSecret returns a Secret whose text get fetches; get may be called at any time.
func NewSecret(get func() (string, error)) Secret { return Secret{get} }

// TextSecret returns a Secret that is text.
func TextSecret(text string) Secret {
	return Secret{func() (string, error) { return text, nil }}
}

// Get returns the text. Do not keep it.
func (s Secret) Get() (string, error) {
	if s.get == nil {
		return "", nil
	}
	text, err := s.get()
	if err != nil {
		return "", errors.New("secret: " + err.Error())
	}
	return text, nil
}

// Empty reports whether no secret was configured.
func (s Secret) Empty() bool { return s.get == nil }

func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return "***"
}

// GoString keeps %#v from looking inside.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps encoders from looking inside.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// orSecret returns text, or that of s if it is empty.
func orSecret(text string, s Secret) (string, error) {
	if text != "" {
		return text, nil
	}
	return s.Get()
}
