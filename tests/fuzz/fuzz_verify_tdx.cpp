// A genuine quote and its collateral, edited: refused, or nothing that the proof rests on changed.
#include <array>
#include <cstdlib>

#include "splice.h"
#include "verify/tdx.h"
#include "verify/testing/tdx_lab.h"

namespace {

using namespace confide;

struct Genuine {
  verify::testing::TdxLab lab;
  verify::Policy policy = lab.policy();
  Bytes quote = lab.quote();
  evidence::TdxCollateral collateral = lab.collateral();
  verify::Endorsements endorsements{&collateral};
  Bytes signed_bytes = evidence::parse_dcap_quote(quote).value().signed_bytes;
};

Bytes bytes_of(const std::string& text) { return to_bytes(as_bytes(text)); }

ByteArray<64> signature_of(const Bytes& bytes) {
  ByteArray<64> out{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), out.size()), out.begin());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Genuine genuine;
  evidence::TdxCollateral edited = genuine.collateral;
  const std::array<Bytes, 10> before{genuine.quote,
                                     bytes_of(edited.tcb_info),
                                     to_bytes(edited.tcb_info_signature),
                                     bytes_of(edited.tcb_info_issuer_chain),
                                     bytes_of(edited.qe_identity),
                                     to_bytes(edited.qe_identity_signature),
                                     bytes_of(edited.qe_identity_issuer_chain),
                                     edited.pck_crl,
                                     bytes_of(edited.pck_crl_issuer_chain),
                                     edited.root_ca_crl};
  std::array<Bytes, 10> parts = before;
  fuzz::edit({data, size}, parts);
  edited.tcb_info = fuzz::text_of(parts[1]);
  edited.tcb_info_signature = signature_of(parts[2]);
  edited.tcb_info_issuer_chain = fuzz::text_of(parts[3]);
  edited.qe_identity = fuzz::text_of(parts[4]);
  edited.qe_identity_signature = signature_of(parts[5]);
  edited.qe_identity_issuer_chain = fuzz::text_of(parts[6]);
  edited.pck_crl = parts[7];
  edited.pck_crl_issuer_chain = fuzz::text_of(parts[8]);
  edited.root_ca_crl = parts[9];

  // What is read once for many quotes is, where it is the genuine one.
  const bool same = std::equal(parts.begin() + 1, parts.end(), before.begin() + 1);
  const auto endorsements = same ? genuine.endorsements : verify::Endorsements(&edited);
  verify::Verdict verdict;
  const auto proof =
      verify::verify_tdx(parts[0], endorsements, genuine.policy, genuine.lab.at, verdict);
  if (proof.has_value() != verdict.passed()) std::abort();
  if (size == 0 && !proof) std::abort();  // the genuine ones pass
  if (!proof) return 0;
  if (evidence::parse_dcap_quote(parts[0]).value().signed_bytes != genuine.signed_bytes ||
      edited.tcb_info != genuine.collateral.tcb_info ||
      edited.qe_identity != genuine.collateral.qe_identity) {
    std::abort();
  }
  return 0;
}
