// lab-cases DIR: writes evidence of our own test labs, good and bad, as folders with a case.json
// like those of the attestation vectors.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "verify/testing/snp_lab.h"
#include "verify/testing/tdx_lab.h"

namespace confide::verify::testing {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, ByteView bytes) {
  std::ofstream(path, std::ios::binary) << as_text(bytes);
}
void write(const fs::path& path, std::string_view text) { write(path, as_bytes(text)); }

void describe(const fs::path& folder, std::string kind, Time at, bool accept, Json more) {
  Json out{{"id", "lab/" + folder.filename().string()},
           {"kind", std::move(kind)},
           {"synthetic", true},
           {"evaluation_time", to_rfc3339(at)},
           {"expected", Json{{"verdict_strict", accept ? "accept" : "reject"}}}};
  out.update(more);
  write(folder / "case.json", out.dump(1));
}

// An answer of Intel's service: the signed text as it is, beside its signature.
std::string response(const char* member, const std::string& text, ByteView signature) {
  return fmt::format(R"({{"{}":{},"signature":"{}"}})", member, text, to_hex(signature));
}

// The PCK extension with what only other verifiers ask for: SGX type and platform instance id
// (Intel's PCK certificate profile, 1.2.840.113741.1.13.1.5 and .6). A SEQUENCE of more than 255
// bytes has its length in the two after 30 82.
Bytes full_extension(const crypto::SgxExtension& platform) {
  Bytes out = crypto::encode_sgx_extension(platform);
  append(out, Bytes{0x30, 0x0f, 0x06, 0x0a, 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01,
                    0x05, 0x0a, 0x01, 0x00});
  append(out, Bytes{0x30, 0x1e, 0x06, 0x0a, 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01,
                    0x06, 0x04, 0x10});
  append(out, Bytes(16, 0x1d));
  const std::size_t content = out.size() - 4;
  out.at(2) = static_cast<std::uint8_t>(content >> 8U);
  out.at(3) = static_cast<std::uint8_t>(content & 0xFFU);
  return out;
}

void write_tdx(const fs::path& top, const std::string& name, TdxLab& lab, bool accept) {
  lab.platform.cpu_svn = lab.platform.tcb_components;  // some read the one, some the other
  lab.with_extension = false;
  lab.pck.request.extensions.emplace_back(crypto::kSgxExtensionOid, full_extension(lab.platform));
  const fs::path folder = top / name;
  fs::create_directories(folder);
  const evidence::TdxCollateral collateral = lab.collateral();
  write(folder / "quote.bin", lab.quote());
  write(folder / "root_ca.der", lab.made().root.der());
  write(folder / "tcb_info_response.json",
        response("tcbInfo", collateral.tcb_info, collateral.tcb_info_signature));
  write(folder / "qe_identity_response.json",
        response("enclaveIdentity", collateral.qe_identity, collateral.qe_identity_signature));
  write(folder / "tcb_info_issuer_chain.pem", collateral.tcb_info_issuer_chain);
  write(folder / "qe_identity_issuer_chain.pem", collateral.qe_identity_issuer_chain);
  write(folder / "pck_crl_issuer_chain.pem", collateral.pck_crl_issuer_chain);
  write(folder / "pck_crl.der", collateral.pck_crl);
  write(folder / "root_ca_crl.der", collateral.root_ca_crl);
  write(folder / "collateral.json", tdx_collateral_to_json(collateral).dump());
  const Json files{{"quote", "quote.bin"},
                   {"tcb_info", "tcb_info_response.json"},
                   {"qe_identity", "qe_identity_response.json"},
                   {"pck_crl", "pck_crl.der"},
                   {"root_ca_crl", "root_ca_crl.der"},
                   {"root_ca", "root_ca.der"},
                   {"collateral_v3", "collateral.json"}};
  describe(folder, "tdx-quote-synthetic", lab.at, accept,
           Json{{"trust_anchor", "root_ca.der"}, {"files", files}});
}

void write_snp(const fs::path& top, const std::string& name, const SnpLab& lab, bool accept) {
  const fs::path folder = top / name;
  fs::create_directories(folder);
  const evidence::SnpCertificates certificates = lab.certificates();
  write(folder / "report.bin", lab.report_bytes());
  write(folder / "leaf.der", *certificates.leaf);
  write(folder / "ica.der", *certificates.ica);
  write(folder / "ark.der", lab.root().der());
  write(folder / "crl.der", *certificates.crl);
  const Json files{{"report", "report.bin"},
                   {"leaf", "leaf.der"},
                   {"ica", "ica.der"},
                   {"ark", "ark.der"},
                   {"crl", "crl.der"}};
  describe(folder, "snp-report", lab.at, accept,
           Json{{"trust_anchor", "ark.der"}, {"files", files}});
}

// Certificates that are named as Intel's are: verifiers look.
TdxLab intel_like() {
  TdxLab lab;
  for (LabCertificate* one : {&lab.root, &lab.platform_ca, &lab.pck, &lab.tcb_signer}) {
    one->request.organization = "Intel Corporation";
    one->request.crl_url = "https://lab.example/crl";
  }
  lab.root.request.common_name = "Intel SGX Root CA";
  lab.qe_identity["tcbEvaluationDataNumber"] = 20;
  return lab;
}

struct TdxSpoil {
  const char* name;
  void (*spoil)(TdxLab&);
};

constexpr TdxSpoil kTdxFaults[]{
    {"tdx-key-unbound", [](TdxLab& lab) { lab.bind_attestation_key = false; }},
    {"tdx-pck-revoked", [](TdxLab& lab) { lab.pck.revoked = true; }},
    {"tdx-ca-revoked", [](TdxLab& lab) { lab.platform_ca.revoked = true; }},
    {"tdx-pck-expired",
     [](TdxLab& lab) { lab.pck.request.not_after = lab.at - std::chrono::days{1}; }},
    {"tdx-collateral-expired",
     [](TdxLab& lab) { lab.tcb_info["nextUpdate"] = "2026-06-14T00:00:00Z"; }},
    {"tdx-other-fmspc", [](TdxLab& lab) { lab.tcb_info["fmspc"] = "0A0B0C0D0E0F"; }},
    {"tdx-platform-outofdate", [](TdxLab& lab) { lab.platform.tcb_components.fill(2); }},
    {"tdx-qe-other-signer", [](TdxLab& lab) { lab.qe().mr_signer.fill(0x11); }},
    {"tdx-debug", [](TdxLab& lab) { lab.td().td_attributes[0] = 1; }},
};

struct SnpSpoil {
  const char* name;
  void (*spoil)(SnpLab&);
};

constexpr SnpSpoil kSnpFaults[]{
    {"snp-debug", [](SnpLab& lab) { lab.report.policy.raw |= 1U << 19U; }},
    {"snp-ask-revoked", [](SnpLab& lab) { lab.ica.revoked = true; }},
    {"snp-other-chip", [](SnpLab& lab) { lab.report.chip_id[0] ^= 1U; }},
    {"snp-tcb-below-certificate", [](SnpLab& lab) { lab.report.reported_tcb[6] = 23; }},
    {"snp-spoiled",
     [](SnpLab& lab) { lab.edit_report = [](Bytes& report) { report[0x90] ^= 1U; }; }},
    {"snp-vcek-expired",
     [](SnpLab& lab) { lab.leaf.request.not_after = lab.at - std::chrono::days{1}; }},
};

void write_all(const fs::path& top) {
  TdxLab td10 = intel_like();
  write_tdx(top, "tdx-v4", td10, true);
  TdxLab td15 = intel_like();
  td15.use_td15();
  write_tdx(top, "tdx-v5", td15, true);
  for (const auto& [name, spoil] : kTdxFaults) {
    TdxLab lab = intel_like();
    spoil(lab);
    write_tdx(top, name, lab, false);
  }
  write_snp(top, "snp-milan", SnpLab(), true);
  write_snp(top, "snp-genoa", SnpLab(evidence::SnpProduct::genoa), true);
  for (const auto& [name, spoil] : kSnpFaults) {
    SnpLab lab;
    spoil(lab);
    write_snp(top, name, lab, false);
  }
}

}  // namespace
}  // namespace confide::verify::testing

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "Usage: lab-cases DIR\n");
    return 2;
  }
  confide::verify::testing::write_all(argv[1]);
  return 0;
}
