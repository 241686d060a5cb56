#include "outcome.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "output.h"
#include "verify/claims.h"

namespace confide::app {
namespace {

constexpr std::size_t kMaxLines = 400;
constexpr std::size_t kMaxListed = 16;  // of several members each; devices of one machine fit
constexpr std::size_t kMaxNameColumn = 40;

struct Line {
  std::string name;
  std::string value;
};

bool is_plain_list(const Json& value) {
  return value.is_array() &&
         std::ranges::none_of(value, [](const Json& one) { return one.is_structured(); });
}

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (value.empty()) return "none";
  std::string out;
  for (const Json& one : value) out += (out.empty() ? "" : ", ") + text_of(one);
  return out;
}

// Claims as `name  value`, members of objects as outer.inner and of lists as outer[0].
class Lines {
 public:
  explicit Lines(const Json& claims) : claims_(claims) { add("", claims); }
  const std::vector<Line>& all() const noexcept { return lines_; }

 private:
  // What stands at the top too, under the same name, is shown once.
  bool is_repeated(const std::string& outer, const std::string& inner, const Json& value) const {
    const Json* const top = outer.empty() ? nullptr : json::find(claims_, inner);
    return top != nullptr && *top == value;
  }

  void add(const std::string& name, const Json& value) {
    if (lines_.size() >= kMaxLines) return;
    if (value.is_object()) {
      for (const auto& [inner, member] : value.items()) {
        if (is_repeated(name, inner, member)) continue;
        add(name.empty() ? inner : name + "." + inner, member);
      }
    } else if (value.is_array() && !is_plain_list(value) && value.size() > kMaxListed) {
      lines_.push_back({name, fmt::format("{} entries, shown by --json", value.size())});
    } else if (value.is_array() && !is_plain_list(value)) {
      std::size_t n = 0;
      for (const Json& one : value) add(fmt::format("{}[{}]", name, n++), one);
    } else if (!value.is_null()) {
      lines_.push_back({name, text_of(value)});
    }
  }

  const Json& claims_;
  std::vector<Line> lines_;
};

void show_claims(const verify::Verdict& verdict) {
  const std::vector<Line> lines = Lines(verdict.claims).all();
  if (lines.empty()) return;
  say(verdict.passed() ? "What this proves:" : "What the evidence claims, and does not prove:");
  std::size_t column = 0;
  for (const Line& line : lines) column = std::max(column, line.name.size());
  column = std::min(column, kMaxNameColumn);
  for (const Line& line : lines) say(fmt::format("  {:<{}}  {}", line.name, column, line.value));
  if (lines.size() >= kMaxLines) say("  ... --json shows all");
}

}  // namespace

void add_session_claims(Outcome& outcome, const verify::Policy& policy) {
  outcome.verdict.claims["session"] = verify::session_claims(outcome.verdict, policy).to_json();
}

int conclude(const EvidenceOptions& options, const Outcome& outcome) {
  const verify::Verdict& verdict = outcome.verdict;
  const Error* const error = outcome.error ? &*outcome.error : nullptr;
  std::string hint = outcome.hint;
  if (hint.empty() && error != nullptr) hint = hint_for(options.trust, *error, verdict);
  if (options.json) {
    print_json(findings_json(verdict, error, hint));
  } else {
    show_findings(verdict, error, hint, outcome.proven);
    show_claims(verdict);
  }
  return error == nullptr && verdict.passed() ? kExitVerified : kExitRefused;
}

}  // namespace confide::app
