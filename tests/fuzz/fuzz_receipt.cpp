// Any text as a receipt under a fixed keyset: nothing the fuzzer makes has our signature.
#include <cstdlib>

#include "aci/receipt.h"

namespace {

confide::aci::ParsedKeyset test_keyset() {
  confide::aci::Keyset keyset;
  keyset.not_after = confide::from_unix(1'800'000'000);
  keyset.receipt_signing_keys = {
      {.key_id = "receipt-1",
       .algo = "ed25519",
       .public_key = "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394"}};
  return confide::aci::parse_keyset(keyset.to_json()).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto keyset = test_keyset();
  if (confide::aci::verify_receipt(confide::as_text({data, size}), keyset)) std::abort();
  return 0;
}
