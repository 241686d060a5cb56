#include "engine/input_guard.h"

#include <utility>

namespace confide::engine {
namespace {

// Alone it is a cut, doubled it is itself. Filters take it for a letter: it is no white space, and
// no way of writing JSON escapes it.
constexpr char kCut = '\x7F';

}  // namespace

InputGuard::InputGuard(const ControlTokens& controls, std::string_view source)
    : controls_(controls), source_(source) {}

std::string InputGuard::seal(std::string_view text) const { return seal(text, false); }

std::string InputGuard::seal_message(std::string_view text) const { return seal(text, true); }

std::string InputGuard::seal(std::string_view text, bool keep_tags) const {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t first = controls_.may_begin(text);
    const bool cut = first > 0 && !(keep_tags && is_known_tag(text));
    const std::size_t length = first > 0 ? first : 1;
    out += text.substr(0, length);
    if (cut || text.front() == kCut) out += kCut;
    text.remove_prefix(length);
  }
  return out;
}

// Whether `text` starts with "<...>" as the template spells it somewhere.
bool InputGuard::is_known_tag(std::string_view text) const {
  constexpr std::size_t kLongest = 40;
  if (text.front() != '<') return false;
  const std::size_t end = text.substr(0, kLongest).find('>');
  if (end == std::string_view::npos) return false;
  const std::string_view tag = text.substr(0, end + 1);
  return !controls_.is_prefix(tag) && source_.find(tag) != std::string_view::npos;
}

void InputGuard::open(std::string_view sealed, bool from_user, std::vector<PromptPart>& parts) {
  PromptPart part{.text = {}, .from_user = from_user};
  const auto end_part = [&] {
    if (!part.text.empty())
      parts.push_back(std::exchange(part, {.text = {}, .from_user = from_user}));
  };
  while (!sealed.empty()) {
    if (sealed.front() != kCut) {
      part.text += sealed.front();
    } else if (sealed.substr(1).starts_with(kCut)) {
      part.text += kCut;
      sealed.remove_prefix(1);
    } else {
      end_part();
    }
    sealed.remove_prefix(1);
  }
  end_part();
}

}  // namespace confide::engine
