#include "verify/quote.h"

#include <algorithm>

#include "verify/sgx.h"
#include "verify/tdx.h"

namespace confide::verify {
namespace {

template <class Proof>
Status without_proof(const Result<Proof>& proof) {
  if (!proof) return tl::unexpected<Error>(proof.error());
  return {};
}

// The version of a quote is at offset 0 and its TEE type at offset 4, four bytes of zero in a quote
// of version 3, which knows SGX alone. Whatever else stands there, the parser judges.
bool is_sgx(ByteView quote) {
  constexpr std::size_t kTeeType = 4;
  if (quote.size() < kTeeType + 4) return false;
  return std::ranges::all_of(quote.subspan(kTeeType, 4), [](std::uint8_t b) { return b == 0; });
}

}  // namespace

Status verify_quote(ByteView quote, const Endorsements& endorsements, const Policy& policy, Time at,
                    Verdict& verdict) {
  if (is_sgx(quote)) {
    return without_proof(verify_sgx(quote, endorsements, policy, at, verdict));
  }
  return without_proof(verify_tdx(quote, endorsements, policy, at, verdict));
}

}  // namespace confide::verify
