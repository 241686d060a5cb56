// Google's verifiers of TDX quotes and SNP reports, one JSON request a line on standard input, one
// JSON answer a line on standard output. They see the same bytes as our own verifier does.
//
//	{"evidence":"tdx"|"snp","files":{role:path},"root":path|"","time":unix,"rounds":n}
//	{"ok":bool,"error":text,"microseconds":mean}
//
// An empty root stands for the vendor's, which both packages carry; the one for TDX then prints lines
// of its own between the answers.
package main

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/go-sev-guest/abi"
	"github.com/google/go-sev-guest/kds"
	spb "github.com/google/go-sev-guest/proto/sevsnp"
	sevvalidate "github.com/google/go-sev-guest/validate"
	sevverify "github.com/google/go-sev-guest/verify"
	sevtrust "github.com/google/go-sev-guest/verify/trust"
	tdxverify "github.com/google/go-tdx-guest/verify"
)

type request struct {
	Evidence string            `json:"evidence"`
	Files    map[string]string `json:"files"`
	Root     string            `json:"root"`
	Time     int64             `json:"time"`
	Rounds   int               `json:"rounds"`
}

type answer struct {
	Ok           bool    `json:"ok"`
	Error        string  `json:"error"`
	Microseconds float64 `json:"microseconds"`
}

// One appraisal of evidence that is already in memory.
type appraisal func() error

func read(r request) (map[string][]byte, error) {
	files := map[string][]byte{}
	for role, path := range r.Files {
		bytes, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files[role] = bytes
	}
	return files, nil
}

func certificate(path string) (*x509.Certificate, error) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(bytes)
}

// Intel's service, answered from the case's files.
type intel struct{ files map[string][]byte }

func (i intel) Get(address string) (map[string][]string, []byte, error) {
	header, chain, body := "", "", ""
	switch {
	case strings.Contains(address, "/tcb?"):
		header, chain, body = "Tcb-Info-Issuer-Chain", "tcb_info_chain", "tcb_info"
	case strings.Contains(address, "/qe/identity"):
		header, chain, body = "Sgx-Enclave-Identity-Issuer-Chain", "qe_identity_chain", "qe_identity"
	case strings.Contains(address, "/pckcrl"):
		header, chain, body = "Sgx-Pck-Crl-Issuer-Chain", "pck_crl_chain", "pck_crl"
	default:
		return nil, i.files["root_ca_crl"], nil
	}
	pem := strings.TrimRight(string(i.files[chain]), "\x00")
	return map[string][]string{header: {url.QueryEscape(pem)}}, i.files[body], nil
}

func tdx(r request, files map[string][]byte) (appraisal, error) {
	options := tdxverify.Options{
		CheckRevocations: true,
		GetCollateral:    true,
		Getter:           intel{files},
		Now:              time.Unix(r.Time, 0),
	}
	if r.Root != "" {
		root, err := certificate(r.Root)
		if err != nil {
			return nil, err
		}
		options.TrustedRoots = x509.NewCertPool()
		options.TrustedRoots.AddCert(root)
	}
	return func() error {
		fresh := options
		return tdxverify.RawTdxQuote(files["quote"], &fresh)
	}, nil
}

// AMD's service, answered with the case's CRL.
type amd struct{ crl []byte }

func (a amd) Get(string) ([]byte, error) {
	if a.crl == nil {
		return nil, fmt.Errorf("no CRL in this case")
	}
	return a.crl, nil
}

func attestation(files map[string][]byte) (*spb.Attestation, error) {
	report, err := abi.ReportToProto(files["report"])
	if err != nil {
		return nil, err
	}
	chain := &spb.CertificateChain{AskCert: files["ica"], ArkCert: files["ark"]}
	info, err := abi.ParseSignerInfo(report.GetSignerInfo())
	if err != nil {
		return nil, err
	}
	if info.SigningKey == abi.VlekReportSigner {
		chain.VlekCert = files["leaf"]
	} else {
		chain.VcekCert = files["leaf"]
	}
	return &spb.Attestation{Report: report, CertificateChain: chain}, nil
}

// The product that the certificate was issued for; reports of version 2 do not say.
func product(leaf []byte) *spb.SevProduct {
	cert, err := x509.ParseCertificate(leaf)
	if err != nil {
		return nil
	}
	extensions, err := kds.VcekCertificateExtensions(cert)
	if err != nil {
		return nil
	}
	found, err := kds.ParseProductName(extensions.ProductName, abi.VcekReportSigner)
	if err != nil {
		return nil
	}
	return found
}

func namedRoots(path string, ica []byte) (map[string][]*sevtrust.AMDRootCerts, error) {
	ark, err := certificate(path)
	if err != nil {
		return nil, err
	}
	ask, err := x509.ParseCertificate(ica)
	if err != nil {
		return nil, err
	}
	line := strings.TrimPrefix(ark.Subject.CommonName, "ARK-")
	root := sevtrust.AMDRootCertsProduct(line)
	root.ProductCerts = &sevtrust.ProductCerts{Ark: ark, Ask: ask, Asvk: ask}
	return map[string][]*sevtrust.AMDRootCerts{line: {root}}, nil
}

func snp(r request, files map[string][]byte) (appraisal, error) {
	var roots map[string][]*sevtrust.AMDRootCerts
	if r.Root != "" {
		named, err := namedRoots(r.Root, files["ica"])
		if err != nil {
			return nil, err
		}
		roots = named
	}
	return func() error {
		evidence, err := attestation(files)
		if err != nil {
			return err
		}
		err = sevverify.SnpAttestation(evidence, &sevverify.Options{
			CheckRevocations:    files["crl"] != nil,
			DisableCertFetching: true,
			Getter:              amd{files["crl"]},
			Now:                 time.Unix(r.Time, 0),
			TrustedRoots:        roots,
			Product:             product(files["leaf"]),
		})
		if err != nil {
			return err
		}
		return sevvalidate.SnpAttestation(evidence, &sevvalidate.Options{
			GuestPolicy:               abi.SnpPolicy{SMT: true},
			PermitProvisionalFirmware: true,
		})
	}, nil
}

// These packages follow a null pointer on some malformed input; that counts as a refusal.
func guarded(run appraisal) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	return run()
}

func serve(r request) (answer, error) {
	files, err := read(r)
	if err != nil {
		return answer{}, err
	}
	prepare := map[string]func(request, map[string][]byte) (appraisal, error){"tdx": tdx, "snp": snp}
	run, err := prepare[r.Evidence](r, files)
	if err != nil {
		return answer{Error: err.Error()}, nil
	}
	begin := time.Now()
	for i := 0; i < max(r.Rounds, 1) && err == nil; i++ {
		err = guarded(run)
	}
	spent := float64(time.Since(begin).Nanoseconds()) / 1000
	if err != nil {
		return answer{Error: err.Error()}, nil
	}
	return answer{Ok: true, Microseconds: spent / float64(max(r.Rounds, 1))}, nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var r request
		err := json.Unmarshal(lines.Bytes(), &r)
		var reply answer
		if err == nil {
			reply, err = serve(r)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		out.Encode(reply)
	}
}
