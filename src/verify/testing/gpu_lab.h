// GPUs and an NVSwitch of our own for tests, with roots, reference manifests and OCSP answers of
// our own: every field is open to be spoiled before it is signed. As they come, they pass under
// policy().
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "crypto/dice.h"
#include "crypto/ocsp_testing.h"
#include "crypto/x509_issue.h"
#include "evidence/testing/rim_xml.h"
#include "evidence/testing/spdm_bytes.h"
#include "verify/gpu.h"
#include "xmlsig/xml_signature_testing.h"

namespace confide::verify::testing {

using evidence::testing::find_field;

// A certificate to be issued.
struct LabIssued {
  crypto::CertificateRequest request;
  crypto::SigningKey key = crypto::SigningKey::generate(crypto::KeyKind::p384);
  std::optional<crypto::Certificate> issued = std::nullopt;  // once and for all, as roots are
};

// Certificates to be issued by each other, leaf first, root last.
using LabChain = std::vector<LabIssued>;

// What an OCSP responder of a certificate's issuer says of it.
struct LabAnswer {
  Bytes status = {0x80, 0x00};  // good
  Time from;
  std::optional<Time> until;
  bool given = true;
  bool by_issuer = false;  // signed by the issuer itself, not by its delegate
  bool with_eku = true;    // the delegate may sign answers
  bool spoiled = false;    // one bit of the signature is wrong
};

inline crypto::CertificateRequest lab_request(std::string name, const crypto::SigningKey& key,
                                              Time at) {
  crypto::CertificateRequest out;
  out.common_name = std::move(name);
  out.organization = "Confide test lab";
  out.subject_key = key.public_key();
  out.not_before = at - std::chrono::days{365};
  out.not_after = at + std::chrono::days{365};
  return out;
}

inline LabIssued lab_issued(std::string name, Time at, bool is_ca) {
  LabIssued out;
  out.request = lab_request(std::move(name), out.key, at);
  out.request.is_ca = is_ca;
  return out;
}

// Certificates of a chain, in its order.
inline std::vector<crypto::Certificate> issue_chain(const LabChain& chain) {
  std::vector<crypto::Certificate> out;
  for (std::size_t i = chain.size(); i-- > 0;) {
    const LabIssued& by = i + 1 < chain.size() ? chain[i + 1] : chain[i];
    const crypto::Certificate* issuer = out.empty() ? nullptr : &out.front();
    crypto::Certificate made =
        chain[i].issued ? *chain[i].issued
                        : crypto::issue_certificate(chain[i].request, by.key, issuer).value();
    out.insert(out.begin(), std::move(made));
  }
  return out;
}

// A DICE extension that names firmware: SEQUENCE { 1, key, FWID }.
inline Bytes dice_id(ByteView digest) {
  using crypto::der_element;
  using crypto::DerTag;
  const Bytes sha384 = from_hex("608648016503040202").value();
  const Bytes fwid = der_element(DerTag::sequence, {der_element(DerTag::oid, sha384),
                                                    der_element(DerTag::octet_string, digest)});
  return der_element(DerTag::sequence, {der_element(DerTag::integer, Bytes{1}),
                                        der_element(DerTag::sequence, Bytes()), fwid});
}

// DiceTcbInfo with `first` and an empty second FWID.
inline Bytes dice_tcb_info(ByteView first) {
  using crypto::der_element;
  using crypto::DerTag;
  const auto fwid = [](ByteView digest) {
    return der_element(DerTag::sequence,
                       {der_element(DerTag::oid, from_hex("608648016503040202").value()),
                        der_element(DerTag::octet_string, digest)});
  };
  return der_element(DerTag::sequence, {der_element(crypto::der_context(0), as_bytes("NVIDIA")),
                                        der_element(crypto::der_context_constructed(6),
                                                    {fwid(first), fwid(Bytes(48))})});
}

struct LabDevice {
  evidence::SpdmReport report;
  LabChain chain;  // its own two certificates, then those of NVIDIA's factory
  std::optional<crypto::SigningKey> signer;  // instead of the leaf's key
  std::optional<evidence::GpuDeviceKind> kind;
  std::string architecture;

  LabIssued& leaf() { return chain[0]; }
  LabIssued& rom() { return chain[1]; }
};

class GpuLab {
 public:
  GpuLab() {
    for (const char* name : {"Lab Provisioner", "Lab Identity", "Lab Device Root"}) {
      factory.push_back(lab_issued(name, at, /*is_ca=*/true));
    }
    signers = {lab_issued("Lab RIM Signer", at, false), lab_issued("Lab RIM L3", at, true),
               lab_issued("Lab RIM L2", at, true), lab_issued("Lab RIM Root", at, true)};
    for (LabChain* chain : {&factory, &signers}) issue_root(chain->back());
    gpu = make_gpu();
    nvswitch = make_switch();
    driver_rim =
        evidence::testing::rim_for("599.01", "GPU", {7, 21, 22, 23, 24, 25, 26, 27, 35, 40});
    vbios_rim = evidence::testing::rim_for("96.00.AB.00.01", "GPU",
                                           {0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12});
    switch_rim = evidence::testing::rim_for("96.10.AB.00.01", "SWITCH", {0, 1, 2, 3, 4, 5});
    answers.fill({.from = at - std::chrono::hours{1}, .until = at + std::chrono::hours{23}});
  }

  Time at = parse_rfc3339("2026-06-15T12:00:00Z").value();
  Bytes nonce = Bytes(32, 0x4e);
  LabChain factory;  // from the provisioner to the root
  LabChain signers;  // of the manifests, likewise
  LabDevice gpu;
  LabDevice nvswitch;
  evidence::Rim driver_rim;
  evidence::Rim vbios_rim;
  evidence::Rim switch_rim;
  // Of the boot ROM, the provisioner, the identity CA; of the RIM signer, L3, L2.
  std::array<LabAnswer, 6> answers;

  // Another GPU of the same make.
  LabDevice make_gpu() const {
    LabDevice out =
        make_device(evidence::testing::gpu_report(), "GH100 A01 GSP FMC LF", "GH100 A01 GSP BROM");
    out.kind = evidence::GpuDeviceKind::gpu;
    return out;
  }
  LabDevice make_switch() const {
    LabDevice out = make_device(evidence::testing::switch_report(), "LS_10 A01 FSP FMC LF",
                                "LS_10 A01 FSP BROM");
    out.kind = evidence::GpuDeviceKind::nvswitch;
    return out;
  }

  // Signs from the inside out.
  evidence::GpuEvidence evidence(const LabDevice& device) const {
    evidence::GpuEvidence out{.kind = device.kind,
                              .architecture = device.architecture,
                              .report = evidence::testing::write_spdm_signed_bytes(device.report),
                              .chain_pem = pem(issue_chain(device.chain))};
    const crypto::SigningKey& key = device.signer ? *device.signer : device.chain[0].key;
    append(out.report, key.sign(crypto::SignatureScheme::p384_sha384, out.report));
    return out;
  }
  evidence::GpuEvidence evidence() const { return evidence(gpu); }

  std::string sign_rim(const std::string& document) const {
    return xmlsig::sign_xml_for_test(document, signers[0].key, issue_chain(signers));
  }
  std::string rim(const evidence::Rim& from) const {
    return sign_rim(evidence::testing::write_rim(from));
  }

  // For one GPU; switches are added by their test.
  evidence::GpuReferences references() const {
    return {.driver_rims = {rim(driver_rim)}, .vbios_rims = {rim(vbios_rim)}, .ocsp = {}};
  }

  // OCSP answers about the device's chain and the signers'. Both must be those that evidence() and
  // rim() wrote: certificates have random serial numbers.
  std::vector<Bytes> ocsp(const evidence::GpuEvidence& device,
                          const std::string& rim_document) const {
    std::vector<Bytes> out;
    const auto chain = crypto::parse_pem_chain(device.chain_pem).value();
    for (std::size_t i = 0; i < 3; ++i) {
      add_answer(out, answers.at(i), chain[i + 1], chain[i + 2], gpu.chain[i + 2]);
    }
    const auto listed = evidence::parse_rim(rim_document).value().certificates;
    for (std::size_t i = 0; i < 3; ++i) {
      add_answer(out, answers.at(i + 3), crypto::Certificate::from_der(listed[i]).value(),
                 crypto::Certificate::from_der(listed[i + 1]).value(), signers[i + 1]);
    }
    return out;
  }

  Policy policy() const {
    Policy out = Policy::strict();
    trust(out);
    return out;
  }
  void trust(Policy& policy) const {
    policy.trust(*factory.back().issued);
    policy.trust(*signers.back().issued);
  }

  static void issue_root(LabIssued& root) {
    root.issued = crypto::issue_certificate(root.request, root.key, nullptr).value();
  }

  static std::string pem(const std::vector<crypto::Certificate>& chain) {
    std::string out;
    for (const auto& certificate : chain) out += certificate.to_pem();
    return out;
  }

 private:
  LabDevice make_device(evidence::SpdmReport report, std::string leaf, std::string rom) const {
    LabDevice out;
    out.report = std::move(report);
    out.chain = {lab_issued(std::move(leaf), at, false), lab_issued(std::move(rom), at, true)};
    out.chain.insert(out.chain.end(), factory.begin(), factory.end());
    out.leaf().request.extensions.emplace_back(crypto::kDiceIdOid, dice_id(Bytes(48, 0xF1)));
    return out;
  }

  static void add_answer(std::vector<Bytes>& out, const LabAnswer& answer,
                         const crypto::Certificate& subject, const crypto::Certificate& issuer,
                         const LabIssued& issuer_key) {
    if (!answer.given) return;
    const LabIssued delegate = make_delegate(answer, issuer_key);
    const auto certificate =
        crypto::issue_certificate(delegate.request, issuer_key.key, &issuer).value();
    crypto::OcspTestAnswer what{.subject = subject, .issuer = issuer, .this_update = answer.from};
    what.next_update = answer.until;
    what.status = answer.status;
    crypto::OcspTestResponse response{.answers = {what.encode()},
                                      .signer = answer.by_issuer ? issuer : certificate};
    if (!answer.by_issuer) response.certificates = {certificate};
    response.produced_at = answer.from;
    out.push_back(response.sign(answer.by_issuer ? issuer_key.key : delegate.key));
    if (answer.spoiled) spoil_signature(out.back(), certificate);
  }

  static LabIssued make_delegate(const LabAnswer& answer, const LabIssued& issuer) {
    LabIssued out = lab_issued("Lab OCSP", issuer.request.not_before + std::chrono::days{365},
                               /*is_ca=*/false);
    out.request.ocsp_signing = answer.with_eku;
    return out;
  }

  // The signature is the last thing before the delegate's certificate.
  static void spoil_signature(Bytes& response, const crypto::Certificate& delegate) {
    const std::size_t behind = delegate.der().size() + 8;
    response[response.size() - behind - 4] ^= 1U;
  }
};

}  // namespace confide::verify::testing
