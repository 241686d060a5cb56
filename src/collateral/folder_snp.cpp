#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "collateral/folder.h"
#include "crypto/x509.h"

namespace confide::collateral {
namespace {

namespace fs = std::filesystem;
using evidence::SnpCertificates;
using evidence::SnpSigningKey;
using Slot = std::optional<Bytes> SnpCertificates::*;

constexpr std::array<std::string_view, 5> kEndings{".der", ".pem", ".crt", ".cer", ".crl"};
constexpr auto kTable = "certs.bin";

struct Name {
  std::string_view stem;
  Slot slot;
  std::optional<SnpSigningKey> key;  // the kind of report that needs it; absent: both
};

constexpr std::array<Name, 6> kNames{{
    {"vcek", &SnpCertificates::leaf, SnpSigningKey::vcek},
    {"vlek", &SnpCertificates::leaf, SnpSigningKey::vlek},
    {"ask", &SnpCertificates::ica, SnpSigningKey::vcek},
    {"asvk", &SnpCertificates::ica, SnpSigningKey::vlek},
    {"ark", &SnpCertificates::ark, std::nullopt},
    {"crl", &SnpCertificates::crl, std::nullopt},
}};

bool fits(const Name& name, std::optional<SnpSigningKey> key) {
  return !name.key || !key || *name.key == *key;
}

// AMD's subjects: SEV-VCEK and SEV-VLEK, SEV-<product> and SEV-VLEK-<product>, ARK-<product>.
Slot slot_of(const crypto::Certificate& certificate) {
  const std::string name = certificate.common_name();
  if (name == "SEV-VCEK" || name == "SEV-VLEK") return &SnpCertificates::leaf;
  if (name.starts_with("ARK-")) return &SnpCertificates::ark;
  return &SnpCertificates::ica;
}

void set_if_absent(std::optional<Bytes>& slot, Bytes value) {
  if (!slot) slot = std::move(value);
}

void add_certificates(std::span<const crypto::Certificate> certificates, SnpCertificates& out) {
  for (const crypto::Certificate& certificate : certificates) {
    set_if_absent(out.*slot_of(certificate), to_bytes(certificate.der()));
  }
}

void add_all(SnpCertificates from, SnpCertificates& out) {
  for (const Slot slot : {&SnpCertificates::leaf, &SnpCertificates::ica, &SnpCertificates::ark,
                          &SnpCertificates::crl}) {
    if (from.*slot) set_if_absent(out.*slot, *std::move(from.*slot));
  }
}

// A file whose name says nothing.
Status add_by_content(const std::string& path, std::optional<SnpSigningKey> key,
                      SnpCertificates& out) {
  TRY_ASSIGN(const Bytes content, read_file(path));
  if (const auto chain = crypto::parse_pem_chain(as_text(content)); chain && !chain->empty()) {
    add_certificates(*chain, out);
    return {};
  }
  if (const auto certificate = crypto::Certificate::from_der(content)) {
    add_certificates(std::array{*certificate}, out);
    return {};
  }
  if (crypto::Crl::from_any(content)) {
    set_if_absent(out.crl, content);
    return {};
  }
  auto table = evidence::parse_snp_certificate_table(content, key);
  if (!table) {
    return fail(Errc::malformed,
                path + " is no certificate, CRL or certificate table: " + table.error().message);
  }
  add_all(*std::move(table), out);
  return {};
}

Status add_named(const std::string& path, Slot slot, SnpCertificates& out) {
  TRY_ASSIGN(Bytes content, read_file(path));
  set_if_absent(out.*slot, std::move(content));
  return {};
}

Status add_file(const std::string& path, std::optional<SnpSigningKey> key, SnpCertificates& out) {
  const fs::path file(path);
  const auto named = std::ranges::find(kNames, file.stem().string(), &Name::stem);
  const bool ending = std::ranges::find(kEndings, file.extension().string()) != kEndings.end();
  if (named == kNames.end() || !ending) return add_by_content(path, key, out);
  return add_named(path, named->slot, out);
}

Status add_described(const Folder& folder, SnpCertificates& out) {
  constexpr std::array<std::pair<std::string_view, Slot>, 4> kRoles{{
      {"leaf", &SnpCertificates::leaf},
      {"ica", &SnpCertificates::ica},
      {"ark", &SnpCertificates::ark},
      {"crl", &SnpCertificates::crl},
  }};
  for (const auto& [role, slot] : kRoles) {
    const std::string path = folder.file(role);
    if (!path.empty()) TRY(add_named(path, slot, out));
  }
  return {};
}

Status add_conventional(const Folder& folder, std::optional<SnpSigningKey> key,
                        SnpCertificates& out) {
  for (const Name& name : kNames) {
    if (!fits(name, key)) continue;
    for (const std::string_view ending : kEndings) {
      const std::string path = folder.file("", {std::string(name.stem) + std::string(ending)});
      if (!path.empty()) TRY(add_named(path, name.slot, out));
    }
  }
  for (const std::string& chain :
       {folder.file("", {"cert_chain", "cert_chain.pem"}), folder.file("", {kTable})}) {
    if (!chain.empty()) TRY(add_by_content(chain, key, out));
  }
  if (!out.leaf && !out.ica && !out.ark && !out.crl) {
    return fail(Errc::not_found, folder.path() +
                                     " holds no SEV-SNP certificates: no vcek.der or vlek.der, "
                                     "ask.der, ark.der, cert_chain.pem, crl.der or certs.bin");
  }
  return {};
}

}  // namespace

Result<SnpCertificates> read_snp_certificates(std::span<const std::string> paths,
                                              std::optional<SnpSigningKey> key) {
  SnpCertificates out;
  for (const std::string& path : paths) {
    if (!is_folder(path)) {
      TRY(add_file(path, key, out));
      continue;
    }
    TRY_ASSIGN(const Folder folder, Folder::open(path));
    TRY(folder.description().empty() ? add_conventional(folder, key, out)
                                     : add_described(folder, out));
  }
  return out;
}

}  // namespace confide::collateral
