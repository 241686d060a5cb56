#include "verify/rim_signers.h"

#include <utility>

#include <fmt/format.h>

#include "verify/findings.h"
#include "xmlsig/xml_signature.h"

namespace confide::verify {
namespace {

Result<CertificateChain> read_signers(std::string_view xml) {
  auto out = xmlsig::verify_enveloped_xml_signature(as_bytes(xml));
  if (!out) return fail(out.error().code, "G13: " + out.error().message);
  return out;
}

Result<TrustRoot> judge_chain(const Result<CertificateChain>& chain, const Policy& policy,
                              Time at) {
  TRY_ASSIGN(const CertificateChain* const found, need(chain));
  auto out = find_nvidia_root(*found, Anchor::nvidia_rim, policy, at);
  if (!out) return fail(out.error().code, "G14: " + out.error().message);
  return out;
}

std::vector<std::string> name_findings(const Result<CertificateChain>& chain,
                                       const Result<TrustRoot>& root, Time at) {
  if (!chain) return {"rim_xmldsig"};
  if (root) return {};
  std::vector<std::string> out{"rim_chain"};
  for (std::size_t i = 0; i < chain->size(); ++i) {
    if (at > (*chain)[i].not_after()) out.push_back(fmt::format("rim_cert[{}]_expired", i));
    if (at < (*chain)[i].not_before()) out.push_back(fmt::format("rim_cert[{}]_not_yet_valid", i));
  }
  return out;
}

}  // namespace

CertificateChain RimSigners::path() const {
  CertificateChain out = *chain;
  if (!(out.back() == root->certificate)) out.push_back(root->certificate);
  return out;
}

RimSigners judge_rim_signers(std::string_view xml, const Policy& policy, Time at) {
  auto chain = read_signers(xml);
  auto root = judge_chain(chain, policy, at);
  auto findings = name_findings(chain, root, at);
  return {.chain = std::move(chain), .root = std::move(root), .findings = std::move(findings)};
}

}  // namespace confide::verify
