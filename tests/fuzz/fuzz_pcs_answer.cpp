// Any text as an answer of Intel's PCS: what it says was signed stands in it, letter for letter,
// and is the member that a JSON parser finds there.
#include <cstdlib>

#include "base/json.h"
#include "collateral/signed_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = confide::as_text({data, size});
  constexpr std::string_view kMember = "tcbInfo";  // the parser treats all names alike
  const auto found = confide::collateral::parse_signed_json(text, kMember);
  if (!found) return 0;
  if (text.find(found->text) == std::string_view::npos) std::abort();
  const auto object = confide::json::parse(found->text);
  if (!object || confide::json::parse(text)->at(kMember) != *object) std::abort();
  return 0;
}
