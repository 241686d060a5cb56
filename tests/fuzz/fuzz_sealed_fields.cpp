// Any JSON as a body with sealed fields: every string that would be opened or sealed is visited, at
// a place of its own.
#include <array>
#include <cstdlib>
#include <set>

#include "choose.h"
#include "seal/fields.h"
#include "seal/legacy.h"

namespace {

using namespace confide;

void walk_request(std::string_view text, seal::Endpoint endpoint) {
  auto body = json::parse(text, seal::kBodyLimits);
  if (!body) return;
  std::set<std::string> seen;
  const auto visited = seal::visit_request(*body, endpoint, [&](const auto& at, Json& value) {
    if (!value.is_string() || !seen.insert(at.path).second) std::abort();
    value = "opened";
    return Status{};
  });
  if (visited && seen.size() > seal::kMaxFields) std::abort();
}

void walk_chat(std::string_view text) { walk_request(text, seal::Endpoint::chat_completions); }
void walk_completion(std::string_view text) { walk_request(text, seal::Endpoint::completions); }

void walk_answer(std::string_view text, std::string_view member) {
  auto body = json::parse(text);
  if (!body) return;
  (void)seal::response_id(*body);
  seal::drop_empty_deltas(*body);
  (void)seal::visit_response(*body, member, [](const auto& at, Json& value) {
    if (at.path.empty() || value.is_null()) std::abort();
    return Status{};
  });
}

void walk_message(std::string_view text) { walk_answer(text, "message"); }
void walk_delta(std::string_view text) { walk_answer(text, "delta"); }

void read_structured(std::string_view text) {
  const auto value = seal::as_structured(text);
  if (value && !value->is_array()) std::abort();
  (void)seal::parse_legacy_algo(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array kReaders{walk_chat, walk_completion, walk_message, walk_delta,
                                read_structured};
  const auto choice = fuzz::choose({data, size}, kReaders.size());
  kReaders.at(choice.which)(as_text(choice.rest));
  return 0;
}
