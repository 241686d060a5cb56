// Any text as JSON: read or refused. Both forms that we write of it read back as the same value.
#include <cstdlib>

#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace json = confide::json;
  const auto value = json::parse({reinterpret_cast<const char*>(data), size});
  if (!value) return 0;
  const std::string written = json::compact(*value);
  const auto again = json::parse(written);
  if (!again || *again != *value || json::compact(*again) != written) std::abort();
  const auto canonical = json::canonical(*value);
  if (!canonical) return 0;
  const auto ordered = json::parse(*canonical);
  if (!ordered || json::canonical(*ordered) != *canonical) std::abort();
  return 0;
}
