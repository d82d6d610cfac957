// Command x509check reads a JSON object from standard input and says what is wrong with the certificates in it:
//
//	{"trustDomain": "cluster.local", "bundle": PEM, "svids": [PEM chain, …], "others": [PEM, …]}
//
// Every SVID is verified against the bundle by go-spiffe; every certificate is looked at by the lints of zlint whose
// source is an RFC. One finding a line; the exit code is 1 when there is one.
package main

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"

	"crypto/x509"
)

type input struct {
	TrustDomain string   `json:"trustDomain"`
	Bundle      string   `json:"bundle"`
	SVIDs       []string `json:"svids"`
	Others      []string `json:"others"`
}

func main() {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		fmt.Println("input:", err)
		os.Exit(2)
	}
	findings := append(verify(in), lintAll(in)...)
	for _, finding := range findings {
		fmt.Println(finding)
	}
	if len(findings) > 0 {
		os.Exit(1)
	}
	fmt.Printf("%d certificates are fine\n", len(in.SVIDs)+len(in.Others)+len(blocks(in.Bundle)))
}

func verify(in input) (findings []string) {
	domain, err := spiffeid.TrustDomainFromString(in.TrustDomain)
	if err != nil {
		return []string{err.Error()}
	}
	bundle, err := x509bundle.Parse(domain, []byte(in.Bundle))
	if err != nil {
		return []string{err.Error()}
	}
	for i, chain := range in.SVIDs {
		var certificates []*x509.Certificate
		for _, der := range blocks(chain) {
			certificate, err := x509.ParseCertificate(der)
			if err != nil {
				findings = append(findings, fmt.Sprintf("svid %d: %v", i, err))
				continue
			}
			certificates = append(certificates, certificate)
		}
		if _, _, err := x509svid.Verify(certificates, bundle); err != nil {
			findings = append(findings, fmt.Sprintf("svid %d: %v", i, err))
		}
	}
	return findings
}

func lintAll(in input) (findings []string) {
	registry, err := lint.GlobalRegistry().Filter(lint.FilterOptions{
		IncludeSources: lint.SourceList{lint.RFC3279, lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC6962, lint.RFC8813},
	})
	if err != nil {
		return []string{err.Error()}
	}
	for _, text := range append(append([]string{in.Bundle}, in.SVIDs...), in.Others...) {
		for _, der := range blocks(text) {
			certificate, err := zx509.ParseCertificate(der)
			if err != nil {
				findings = append(findings, err.Error())
				continue
			}
			for name, result := range zlint.LintCertificateEx(certificate, registry).Results {
				if result.Status >= lint.Warn {
					findings = append(findings, fmt.Sprintf("%s: %s: %s %s", certificate.Subject, name, result.Status, result.Details))
				}
			}
		}
	}
	return findings
}

func blocks(text string) (all [][]byte) {
	for rest := []byte(text); ; {
		block, more := pem.Decode(rest)
		if block == nil {
			return all
		}
		all = append(all, block.Bytes)
		rest = more
	}
}
