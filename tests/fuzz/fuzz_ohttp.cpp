// Bytes as key configurations, as an encapsulated request, and as the message in one that opens.
#include <chrono>
#include <cstdlib>
#include <memory>
#include <variant>

#include "seal/ohttp_gateway.h"

namespace {

using namespace confide;
using namespace confide::seal;

std::shared_ptr<OhttpKeys> make_keys() {
  auto key = crypto::X25519Key::from_scalar(SecretBytes::copy_of(Bytes(32, 0x11)));
  if (!key) std::abort();
  return std::make_shared<OhttpKeys>(GatewayKey(1, *std::move(key)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto keys = make_keys();
  static OhttpGateway gateway(keys, 16);
  const Time now = from_unix(1'790'000'000);
  const ByteView input{data, size};

  if (const auto configs = split_key_configs(input)) {
    if (join_key_configs(*configs) != to_bytes(input)) std::abort();
    for (const Bytes& config : *configs) (void)parse_key_config(config);
  }
  (void)parse_key_config(input);
  for (const auto form : {OhttpForm::whole, OhttpForm::chunked}) {
    (void)gateway.admit(form, input, now);
    // What the fuzzer cannot seal is sealed for it.
    auto sealer = RequestSealer::start(keys->current()->config(), crypto::Aead::aes_128_gcm, form);
    if (!sealer) std::abort();
    const auto capsule = sealer->finish(input);
    if (!capsule) std::abort();
    const auto answer = gateway.admit(form, *capsule, now);
    const auto* refused = std::get_if<Refused>(&answer);
    if (refused != nullptr && refused->status != 200) std::abort();
  }
  return 0;
}
