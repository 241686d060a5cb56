// Any text as the record of a session: refused under any id but its own.
#include <cstdlib>

#include "aci/session.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace confide;
  const auto document = json::parse(as_text({data, size}));
  if (!document) return 0;
  const Time at = from_unix(1'790'000'000);
  if (aci::check_session(*document, std::string(64, '0'), at)) std::abort();
  const auto id = aci::session_id(*document);
  if (id) (void)aci::check_session(*document, *id, at);
  return 0;
}
