// What the sealed channel costs beside the cryptography that it cannot do without. Both ends run in
// this process, one after the other, so what is measured is the sum of both. One JSON document:
//
//   [{"what":"request"|"chunk","padding":name,"content":bytes,"sealed":bytes,
//     "ours_us":mean,"bare_us":mean}...]
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/json.h"
#include "bench/timing.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "seal/ohttp_exchange.h"
#include "seal/ohttp_gateway.h"

namespace confide {
namespace {

using bench::kRounds;
using bench::median;
using bench::must;
using bench::one_round;

constexpr auto kAead = crypto::Aead::aes_128_gcm;
constexpr std::size_t kAnswer = 1024;
constexpr int kChunksOfAnAnswer = 10'000;  // its limit of bytes is not far beyond

// Microseconds of one call: of several rounds, the median of each. Rounds of the two alternate, so
// that what else the machine does falls on both.
struct Pair {
  double ours = 0, bare = 0;
};
Pair measure(const std::function<void()>& ours, const std::function<void()>& bare) {
  std::vector<double> first, second;
  for (int i = 0; i < kRounds; ++i) {
    first.push_back(one_round(ours));
    second.push_back(one_round(bare));
  }
  return {median(first), median(second)};
}

// The two HKDF extractions and three expansions by which HPKE gets from an agreement to a key
// (RFC 9180, sections 4.1 and 5.1), without the labels.
crypto::AeadSequence hpke_key(const SecretBytes& agreed) {
  const SecretBytes shared =
      crypto::hkdf_sha256_expand(crypto::hkdf_sha256_extract({}, agreed), "shared", 32);
  const SecretBytes secret = crypto::hkdf_sha256_extract(shared.reveal(), shared);
  const SecretBytes key = crypto::hkdf_sha256_expand(secret, "key", crypto::key_size(kAead));
  crypto::hkdf_sha256_expand(secret, "base_nonce", crypto::kAeadNonceSize);
  return {kAead, key, {}};
}

// And the extraction and two expansions of an answer's (RFC 9458, section 4.4).
crypto::AeadSequence answer_key(const SecretBytes& exported) {
  const SecretBytes secret = crypto::hkdf_sha256_extract(exported.reveal(), exported);
  const SecretBytes key = crypto::hkdf_sha256_expand(secret, "key", crypto::key_size(kAead));
  crypto::hkdf_sha256_expand(secret, "nonce", crypto::kAeadNonceSize);
  return {kAead, key, {}};
}

// The agreement at both ends, the keys, and the bytes of request and answer sealed and opened.
void bare_request(const crypto::X25519Key& own, std::size_t request, std::size_t answer) {
  const auto ephemeral = crypto::X25519Key::generate();
  auto sender = hpke_key(must(ephemeral.agree(own.public_key())));
  auto receiver = hpke_key(must(own.agree(ephemeral.public_key())));
  must(receiver.open({}, must(sender.seal({}, Bytes(request)))));
  const SecretBytes exported(32);
  auto from = answer_key(exported);
  auto to = answer_key(exported);
  must(to.open({}, must(from.seal({}, Bytes(answer)))));
}

seal::InnerRequest request_of(const std::string& content) {
  return {.method = "POST",
          .authority = "127.0.0.1:8443",
          .path = "/v1/chat/completions",
          .fields = {{"authorization", "Bearer sk-0123456789abcdef"},
                     {"content-type", "application/json"}},
          .content = content};
}

std::string fresh_nonce() { return to_hex(crypto::random_bytes(32)); }

class Bench {
 public:
  Bench() {
    const auto keys = std::make_shared<seal::OhttpKeys>(seal::GatewayKey::generate(1));
    gateway_ = std::make_unique<seal::OhttpGateway>(keys);
    config_ = keys->current()->config();
  }

  Json request(seal::Padding padding, std::size_t size) {
    const std::string content(size, 'x');
    std::size_t sealed = 0, answered = 0;
    const auto ours = [&] {
      auto exchange = must(seal::seal_exchange(config_, request_of(content), options(padding)));
      auto admitted = admit(exchange.capsule);
      const Bytes answer =
          must(admitted.answer.respond({.status = 200,
                                        .fields = {{"content-type", "application/json"}},
                                        .content = std::string(kAnswer, 'y')}));
      must(exchange.answer.feed(answer));
      must(exchange.answer.finish());
      sealed = exchange.capsule.size();
      answered = answer.size();
    };
    ours();
    const auto own = crypto::X25519Key::generate();
    return row("request", padding, size, sealed,
               measure(ours, [&] { bare_request(own, sealed, answered); }));
  }

  Json chunk(seal::Padding padding, std::size_t size) {
    const std::string content(size, 'x');
    std::optional<Stream> stream;
    std::size_t sealed = 0;
    int left = 0;
    const auto ours = [&] {
      if (left-- == 0) {
        stream = open_stream(padding);
        left = kChunksOfAnAnswer;
      }
      const Bytes bytes = must(stream->writer.write(as_bytes(content)));
      sealed = bytes.size();
      must(stream->reader.feed(bytes));
    };
    ours();
    const SecretBytes exported(32);
    auto from = answer_key(exported);
    auto to = answer_key(exported);
    const Bytes plaintext(sealed - crypto::kAeadTagSize);
    return row("chunk", padding, size, sealed,
               measure(ours, [&] { must(to.open({}, must(from.seal({}, plaintext)))); }));
  }

 private:
  seal::ExchangeOptions options(seal::Padding padding) const {
    return {.aead = kAead, .padding = padding, .now = now_, .nonce = fresh_nonce()};
  }
  // Both ends of an answer that has begun.
  struct Stream {
    seal::AnswerWriter writer;
    seal::AnswerReader reader;
  };
  Stream open_stream(seal::Padding padding) {
    auto exchange = must(seal::seal_exchange(config_, request_of("{}"), options(padding)));
    auto admitted = admit(exchange.capsule);
    must(exchange.answer.feed(must(admitted.answer.start({.status = 200}))));
    return {std::move(admitted.answer), std::move(exchange.answer)};
  }
  seal::Admitted admit(ByteView capsule) {
    auto outcome = gateway_->admit(seal::OhttpForm::chunked, capsule, now_);
    auto* const admitted = std::get_if<seal::Admitted>(&outcome);
    if (admitted == nullptr) std::exit(1);
    return std::move(*admitted);
  }
  static Json row(std::string_view what, seal::Padding padding, std::size_t content,
                  std::size_t sealed, const Pair& spent) {
    return {{"what", what},          {"padding", seal::to_string(padding)},
            {"content", content},    {"sealed", sealed},
            {"ours_us", spent.ours}, {"bare_us", spent.bare}};
  }

  const Time now_ = from_unix(1'800'000'000);
  std::unique_ptr<seal::OhttpGateway> gateway_;
  seal::KeyConfig config_;
};

}  // namespace
}  // namespace confide

int main() {
  using confide::seal::Padding;
  confide::Bench bench;
  confide::Json rows = confide::Json::array();
  for (const Padding padding : {Padding::none, Padding::bucketed, Padding::constant}) {
    for (const std::size_t size : {500U, 8'000U, 64'000U}) {
      rows.push_back(bench.request(padding, size));
    }
  }
  for (const Padding padding : {Padding::none, Padding::bucketed, Padding::constant}) {
    rows.push_back(bench.chunk(padding, 250));
  }
  fmt::print("{}\n", rows.dump());
  return 0;
}
