// A Go program enters a site for members by the two doors that it has:
//
//	enter disk CA CERTIFICATE KEY URL    a certificate and its key on disk
//	enter proxy SOCKET URL               the socket of `dlogin proxy`
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// Files are read at each handshake, so that a renewed certificate is used.
func disk(ca, certificate, key string) (*http.Transport, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", ca)
	}
	return &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: roots,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(certificate, key)
			return &pair, err
		},
	}}, nil
}

// The proxy does the TLS: the URL is http, and every connection goes to its socket.
func proxy(socket string) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
}

func enter() error {
	var transport *http.Transport
	var err error
	switch {
	case len(os.Args) == 6 && os.Args[1] == "disk":
		transport, err = disk(os.Args[2], os.Args[3], os.Args[4])
	case len(os.Args) == 4 && os.Args[1] == "proxy":
		transport = proxy(os.Args[2])
	default:
		err = fmt.Errorf("usage: enter disk CA CERTIFICATE KEY URL | enter proxy SOCKET URL")
	}
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Get(os.Args[len(os.Args)-1])
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

func main() {
	if err := enter(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
