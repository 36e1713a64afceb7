package tlsconf_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/telegraf-tigk/telegraf-tigk/internal/tlsconf"
)

func TestLoadTLS(t *testing.T) {
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	certFile, keyFile := file("cert", "CERTIFICATE", der), file("key", "EC PRIVATE KEY", private)

	full := tlsconf.TLS{CA: certFile, Cert: certFile, Key: keyFile, ServerName: "s", InsecureSkipVerify: true}
	c, err := full.LoadTLS()
	require.NoError(t, err)
	require.Equal(t, "s", c.ServerName)
	require.True(t, c.InsecureSkipVerify)
	require.Len(t, c.Certificates, 1)
	require.NotNil(t, c.RootCAs)

	c, err = new(tlsconf.TLS).LoadTLS()
	require.NoError(t, err)
	require.Nil(t, c.RootCAs, "those of the system")
	require.False(t, c.InsecureSkipVerify)

	for want, bad := range map[string]tlsconf.TLS{
		"tls_ca: open":                     {CA: filepath.Join(dir, "none")},
		"tls_ca: no certificate":           {CA: keyFile},
		"tls_cert: ":                       {Cert: certFile, Key: certFile},
		"tls_cert and tls_key go together": {Cert: certFile},
	} {
		_, err := bad.LoadTLS()
		require.ErrorContains(t, err, want)
	}
}
