// An answer on its way to the client: the bytes as they are, and the bytes as the plaintext of
// chunks that open. Cut anywhere, the same comes out.
#include <cstdlib>
#include <optional>
#include <string>

#include "seal/ohttp_exchange.h"

namespace {

using namespace confide;
using namespace confide::seal;

AnswerSecret secret() {
  return {.form = OhttpForm::chunked,
          .aead = crypto::Aead::aes_128_gcm,
          .enc = {},
          .secret = SecretBytes(16)};
}

// The content, if the whole is an answer.
std::optional<std::string> read(ByteView answer, std::size_t piece) {
  AnswerReader reader(secret());
  std::string content;
  for (std::size_t at = 0; at < answer.size(); at += piece) {
    auto part = reader.feed(answer.subspan(at, std::min(piece, answer.size() - at)));
    if (!part) return std::nullopt;
    content += *part;
  }
  const auto rest = reader.finish();
  if (!rest) return std::nullopt;
  return content + *rest;
}

void check(ByteView answer) {
  const auto whole = read(answer, answer.size() + 1);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{300}}) {
    if (read(answer, piece) != whole) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input{data, size};
  check(input);
  // The first byte says how long the plaintexts are.
  const std::size_t length = size == 0 ? 1 : 1 + std::size_t{data[0]};
  AnswerSealer sealer(secret(), Bytes(16, 0x22));
  Bytes answer;
  ByteView left = input.subspan(std::min<std::size_t>(size, 1));
  while (left.size() > length) {
    const auto sealed = sealer.seal(left.first(length));
    if (!sealed) std::abort();
    append(answer, *sealed);
    left = left.subspan(length);
  }
  const auto last = sealer.finish(left);
  if (!last) std::abort();
  append(answer, *last);
  check(answer);
  return 0;
}
