#include <utility>

#include "collateral/folder.h"
#include "collateral/signed_json.h"
#include "crypto/x509.h"

namespace confide::collateral {
namespace {

using evidence::TdxCollateral;

Result<TdxCollateral> read_v3(const std::string& path) {
  TRY_ASSIGN(const Bytes text, read_file(path));
  const auto object = json::parse(as_text(text));
  if (!object) return tl::unexpected<Error>(in_file(path, object.error()));
  auto collateral = evidence::parse_tdx_collateral(*object);
  if (!collateral) return tl::unexpected<Error>(in_file(path, collateral.error()));
  return collateral;
}

// Reads a folder's parts one by one; those that are not there stay empty.
class PartReader {
 public:
  explicit PartReader(const Folder& folder) : folder_(folder) {}

  Status signed_json(std::string_view role, const std::string& name, std::string_view member,
                     std::string& text, ByteArray<64>& signature) {
    const std::string path = folder_.file(role, {name});
    if (path.empty()) return {};
    TRY_ASSIGN(const Bytes content, read_file(path));
    auto parsed = parse_signed_json(as_text(content), member);
    if (!parsed) return tl::unexpected<Error>(in_file(path, parsed.error()));
    text = std::move(parsed->text);
    signature = parsed->signature;
    return {};
  }

  Status chain(const std::string& name, std::string& pem) {
    std::string path;
    // case.json lists the three chains under one role; their names begin alike everywhere.
    const std::string stem = name.substr(0, name.find("_issuer_chain"));
    for (const std::string& listed : chains_) {
      if (listed.substr(listed.rfind('/') + 1).starts_with(stem)) path = listed;
    }
    if (path.empty()) path = folder_.file("", {name});
    if (path.empty()) return {};
    TRY_ASSIGN(const Bytes content, read_file(path));
    pem = as_text(content);
    return {};
  }

  Status crl(std::string_view role, const std::string& name, Bytes& der) {
    const std::string path = folder_.file(role, {name});
    if (path.empty()) return {};
    TRY_ASSIGN(const Bytes content, read_file(path));
    const auto parsed = crypto::Crl::from_any(content);
    if (!parsed) return tl::unexpected<Error>(in_file(path, parsed.error()));
    der = to_bytes(parsed->der());
    return {};
  }

 private:
  const Folder& folder_;
  std::vector<std::string> chains_ = folder_.files("issuer_chains");
};

Result<TdxCollateral> read_parts(const Folder& folder) {
  PartReader parts(folder);
  TdxCollateral c;
  TRY(parts.signed_json("tcb_info", "tcb_info_response.json", "tcbInfo", c.tcb_info,
                        c.tcb_info_signature));
  TRY(parts.signed_json("qe_identity", "qe_identity_response.json", "enclaveIdentity",
                        c.qe_identity, c.qe_identity_signature));
  TRY(parts.crl("pck_crl", "pck_crl.der", c.pck_crl));
  TRY(parts.crl("root_ca_crl", "root_ca_crl.der", c.root_ca_crl));
  TRY(parts.chain("tcb_info_issuer_chain.pem", c.tcb_info_issuer_chain));
  TRY(parts.chain("qe_identity_issuer_chain.pem", c.qe_identity_issuer_chain));
  TRY(parts.chain("pck_crl_issuer_chain.pem", c.pck_crl_issuer_chain));
  return c;
}

}  // namespace

std::vector<std::string> missing_parts(const TdxCollateral& c) {
  const std::pair<const char*, bool> parts[] = {
      {"tcb_info_response.json", c.tcb_info.empty()},
      {"qe_identity_response.json", c.qe_identity.empty()},
      {"pck_crl.der", c.pck_crl.empty()},
      {"root_ca_crl.der", c.root_ca_crl.empty()},
      {"tcb_info_issuer_chain.pem", c.tcb_info_issuer_chain.empty()},
      {"qe_identity_issuer_chain.pem", c.qe_identity_issuer_chain.empty()},
      {"pck_crl_issuer_chain.pem", c.pck_crl_issuer_chain.empty()}};
  std::vector<std::string> out;
  for (const auto& [name, missing] : parts) {
    if (missing) out.emplace_back(name);
  }
  return out;
}

Result<TdxCollateral> read_tdx_collateral(const std::string& path) {
  if (!is_folder(path)) return read_v3(path);
  TRY_ASSIGN(const Folder folder, Folder::open(path));
  TRY_ASSIGN(TdxCollateral parts, read_parts(folder));
  if (missing_parts(parts).empty()) return parts;
  const std::string v3 = folder.file("collateral_v3", {"collateral.json"});
  if (!v3.empty()) return read_v3(v3);
  if (missing_parts(parts) != missing_parts({})) return parts;
  return fail(Errc::not_found, path +
                                   " holds no TDX collateral: neither tcb_info_response.json and "
                                   "its companions nor collateral.json");
}

}  // namespace confide::collateral
