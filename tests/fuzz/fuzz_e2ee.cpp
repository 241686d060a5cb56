// An E2EE request: the first line is the client's key, the second a field or body. What opens must
// have been sealed by somebody who knows our public key, which the fuzzer's seeds do not hold.
#include "seal/e2ee.h"

namespace {

using confide::seal::E2eeHeaders;
using confide::seal::Endpoint;
using confide::seal::OpeningKey;
using confide::seal::ServerChannel;
using confide::seal::Suite;

ServerChannel make_channel() {
  std::vector<OpeningKey> keys;
  keys.push_back(OpeningKey::generate(Suite::x25519));
  keys.push_back(OpeningKey::generate(Suite::secp256k1));
  return ServerChannel(std::move(keys), 16);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static ServerChannel channel = make_channel();
  const std::string_view text = confide::as_text({data, size});
  const auto line = text.find('\n');
  const std::string client(text.substr(0, line));
  const std::string body(line == std::string_view::npos ? "" : text.substr(line + 1));
  for (const auto& key : channel.keys()) {
    const E2eeHeaders headers{.version = "2",
                              .client_public_key = client,
                              .model_public_key = key.public_hex(),
                              .nonce = std::string(64, 'a'),
                              .timestamp = "1790000000",
                              .signing_algo = {}};
    for (const auto endpoint : {Endpoint::chat_completions, Endpoint::completions}) {
      (void)channel.open(headers, endpoint, body, confide::from_unix(1'790'000'000));
    }
    (void)key.open_field(body, "aad");
  }
  return 0;
}
