// A byte stream as a sealed answer: broken off or refused, and no text comes out of it that was not
// sealed to us.
#include <cstdlib>

#include "client/answer.h"
#include "seal/e2ee.h"

namespace {

using namespace confide;

seal::ClientExchange make_exchange() {
  const auto service = seal::OpeningKey::generate(seal::Suite::x25519);
  return seal::ClientExchange::start(seal::Suite::x25519, service.public_hex(),
                                     from_unix(1'790'000'000))
      .value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const seal::ClientExchange exchange = make_exchange();
  const client::AnswerReader::OnText on_text = [](std::string_view) { std::abort(); };
  client::Answer answer;
  client::AnswerReader reader([](Json& chunk) { return exchange.open_chunk(chunk); }, on_text,
                              answer);
  reader.feed(as_text({data, size}));
  (void)reader.finish();
  if (!answer.text.empty() || answer.raw.size() != size) std::abort();
  return 0;
}
