// A byte stream as HTTP messages: cut anywhere, the same message comes out of it.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "net/message_parser.h"

namespace {

constexpr std::size_t kMaxHeader = 4096;
constexpr std::size_t kMaxBody = 65536;
// Refused or unfinished: with more bytes at once a mistake is seen earlier.
constexpr const char* kNone = "no message";

std::string written(const confide::net::Headers& headers) {
  std::string out;
  for (const auto& [name, value] : headers.all()) out += name + ":" + value + "\n";
  return out;
}

std::string read_response(std::string_view text, std::size_t piece) {
  confide::net::ResponseParser parser(
      {.to_head = false, .max_body_bytes = kMaxBody, .on_body = nullptr, .on_head = nullptr});
  std::string inbox;
  for (; !text.empty() && !parser.done(); text.remove_prefix(std::min(piece, text.size()))) {
    inbox += text.substr(0, piece);
    if (!parser.feed(inbox)) return kNone;
  }
  if (!parser.done()) return kNone;
  const auto response = parser.take();
  return std::to_string(response.status) + written(response.headers) + response.body;
}

std::string read_request(std::string_view text, std::size_t piece) {
  confide::net::RequestParser parser(kMaxHeader, kMaxBody);
  std::string inbox;
  for (; !text.empty() && !parser.done(); text.remove_prefix(std::min(piece, text.size()))) {
    inbox += text.substr(0, piece);
    if (parser.feed(inbox)) return kNone;
  }
  if (!parser.done()) return kNone;
  const auto request = parser.take();
  return request.method + request.path + "?" + request.query + written(request.headers) +
         request.body;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = confide::as_text({data, size});
  const auto read = text.starts_with("HTTP/") ? read_response : read_request;
  if (read(text, 1) != read(text, text.size())) std::abort();
  return 0;
}
