// Bytes as binary HTTP: cut anywhere they give the same message or refusal, and a message that is
// read can be written and read again.
#include <cstdlib>
#include <optional>
#include <string>

#include "seal/bhttp.h"

namespace {

using confide::Bytes;
using confide::ByteView;
using confide::seal::BhttpDecoder;
using confide::seal::InnerResponse;
using Kind = BhttpDecoder::Kind;

void same(bool condition) {
  if (!condition) std::abort();
}

// The content, if the whole is a message.
std::optional<std::string> read(Kind kind, ByteView message, std::size_t piece) {
  BhttpDecoder decoder(kind);
  std::string content;
  for (std::size_t at = 0; at < message.size(); at += piece) {
    auto part = decoder.feed(message.subspan(at, std::min(piece, message.size() - at)));
    if (!part) return std::nullopt;
    content += *part;
  }
  if (!decoder.finish()) return std::nullopt;
  return content;
}

void again(const InnerResponse& response) {
  const auto written = confide::seal::encode_response(response);
  same(written.has_value());
  const auto back = confide::seal::decode_response(*written);
  same(back && back->status == response.status && back->content == response.content &&
       back->fields.size() == response.fields.size() &&
       back->trailers.size() == response.trailers.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView message{data, size};
  for (const Kind kind : {Kind::request, Kind::response}) {
    const auto whole = read(kind, message, size + 1);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{64}}) {
      same(read(kind, message, piece) == whole);
    }
  }
  if (const auto response = confide::seal::decode_response(message)) again(*response);
  if (const auto request = confide::seal::decode_request(message)) {
    const auto written = confide::seal::encode_request(*request);
    same(written.has_value());
    const auto back = confide::seal::decode_request(*written);
    same(back && back->path == request->path && back->content == request->content);
  }
  return 0;
}
