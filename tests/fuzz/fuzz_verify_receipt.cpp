// Any text as a receipt that an attested key did sign: what stands in it is believed or refused.
#include <cstdlib>

#include "aci/receipt.h"

namespace {

using namespace confide;

struct Signer {
  crypto::Ed25519Key key = crypto::Ed25519Key::generate();
  aci::ParsedKeyset keyset = make_keyset();

  aci::ParsedKeyset make_keyset() const {
    aci::Keyset out;
    out.not_after = from_unix(1'800'000'000);
    out.receipt_signing_keys = {
        {.key_id = "receipt-1", .algo = "ed25519", .public_key = to_hex(key.public_key())}};
    return aci::parse_keyset(out.to_json()).value();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Signer signer;
  auto receipt = json::parse(as_text({data, size}));
  if (!receipt || !receipt->is_object()) return 0;
  receipt->erase("signature");
  (*receipt)["key_id"] = "receipt-1";
  (*receipt)["workload_keyset_digest"] = signer.keyset.digest;
  const auto input = json::canonical(*receipt);
  if (!input) return 0;
  (*receipt)["signature"] = to_hex(signer.key.sign(as_bytes(*input)));
  const auto verified = aci::verify_receipt(json::compact(*receipt), signer.keyset);
  if (!verified) {
    if (verified.error().code == Errc::bad_signature) std::abort();
    return 0;
  }
  if (!aci::is_digest(verified->request_hash()) || !aci::is_digest(verified->response_hash())) {
    std::abort();
  }
  return 0;
}
