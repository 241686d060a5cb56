// Any text as a policy file: read or refused, and what was read is written and read back the same.
#include <cstdlib>

#include "verify/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using confide::verify::Policy;
  const auto policy = Policy::from_toml(confide::as_text({data, size}));
  if (!policy) return 0;
  if (policy->roots.empty()) std::abort();
  const std::string written = policy->to_toml();
  const auto again = Policy::from_toml(written);
  if (!again || again->to_toml() != written) std::abort();
  return 0;
}
