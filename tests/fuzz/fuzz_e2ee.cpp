// An E2EE request: the first byte chooses our key and the endpoint; three lines are the client's
// key, nonce and timestamp; the rest is the body. What opens must have been sealed by somebody who
// knows our public key, which the fuzzer's seeds do not hold.
#include <cstdlib>

#include "choose.h"
#include "seal/e2ee.h"

namespace {

using namespace confide;

seal::ServerChannel make_channel() {
  std::vector<seal::OpeningKey> keys;
  keys.push_back(seal::OpeningKey::generate(seal::Suite::x25519));
  keys.push_back(seal::OpeningKey::generate(seal::Suite::secp256k1));
  return seal::ServerChannel(std::move(keys), 16);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static seal::ServerChannel channel = make_channel();
  const auto choice = fuzz::choose({data, size}, 6);
  const auto& key = channel.keys()[choice.which % 2];
  std::string_view text = as_text(choice.rest);
  if (choice.which >= 4) {
    if (key.open_field(text, "aad")) std::abort();
    return 0;
  }
  seal::E2eeHeaders headers;
  headers.version = "2";
  headers.model_public_key = key.public_hex();
  headers.client_public_key = fuzz::take_line(text);
  headers.nonce = fuzz::take_line(text);
  headers.timestamp = fuzz::take_line(text);
  const auto endpoint =
      choice.which < 2 ? seal::Endpoint::chat_completions : seal::Endpoint::completions;
  if (channel.open(headers, endpoint, text, from_unix(1'790'000'000))) std::abort();
  return 0;
}
