// A byte stream as server-sent events: cut anywhere, it gives the same events.
#include <cstdlib>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "net/sse.h"

namespace {

std::vector<std::string> events(std::string_view text, std::size_t piece) {
  std::vector<std::string> out;
  confide::net::SseParser parser([&](std::string_view data) { out.emplace_back(data); }, 4096);
  for (std::size_t at = 0; at < text.size(); at += piece) {
    if (!parser.feed(text.substr(at, piece))) {
      out.emplace_back("(refused)");
      break;
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = confide::as_text({data, size});
  // Long enough pieces to hold several events, short enough to cut one.
  if (events(text, 1) != events(text, 2 + size % 61)) std::abort();
  return 0;
}
