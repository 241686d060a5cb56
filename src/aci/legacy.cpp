#include "aci/legacy.h"

#include <algorithm>

namespace confide::aci {
namespace {

constexpr std::size_t kAddressSize = 20;
constexpr std::size_t kKeySize = 32;

Status check_identity(ByteView identity) {
  if (identity.size() == kAddressSize || identity.size() == kKeySize) return {};
  return fail(Errc::malformed, "legacy report: identity is neither an address nor a key");
}

ByteArray<64> slot(ByteView first, const LegacyNonce& nonce) {
  ByteArray<64> out{};
  std::ranges::copy(first, out.begin());
  std::ranges::copy(nonce, out.begin() + 32);
  return out;
}

}  // namespace

std::string legacy_signed_text(const crypto::Sha256& request, const crypto::Sha256& response) {
  return to_hex(request) + ":" + to_hex(response);
}

LegacyNonce legacy_nonce(std::string_view text) {
  if (const auto raw = from_hex_array<32>(text, HexCase::any)) return *raw;
  return crypto::sha256(as_bytes(text));
}

Result<ByteArray<64>> legacy_report_data_v1(ByteView identity, const LegacyNonce& nonce) {
  TRY(check_identity(identity));
  return slot(identity, nonce);
}

Result<ByteArray<64>> legacy_report_data_v2(ByteView identity, const crypto::Sha256& spki_sha256,
                                            const LegacyNonce& nonce) {
  TRY(check_identity(identity));
  Bytes bound = to_bytes(identity);
  append(bound, spki_sha256);
  return slot(crypto::sha256(bound), nonce);
}

}  // namespace confide::aci
