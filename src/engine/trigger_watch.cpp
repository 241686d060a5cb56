#include "engine/trigger_watch.h"

#include <chat.h>

#include <algorithm>
#include <initializer_list>

#include "base/secret.h"

namespace confide::engine {
namespace {

// std::regex takes stack and time with the length of what it searches.
constexpr std::size_t kWindow = 256;

}  // namespace

TriggerWatch::TriggerWatch(const common_chat_params& terms)
    : thinking_ends_(terms.thinking_end_tags) {
  for (const common_grammar_trigger& trigger : terms.grammar_triggers) {
    const std::string& value = trigger.value;
    if (trigger.type == COMMON_GRAMMAR_TRIGGER_TYPE_WORD) {
      words_.push_back(value);
    } else if (value.starts_with('^') && value.ends_with('$')) {
      whole_.emplace_back(value);
    } else {
      anywhere_.emplace_back(value);
    }
  }
  if (!terms.thinking_start_tag.empty() && !thinking_ends_.empty()) {
    thinking_starts_.push_back(terms.thinking_start_tag);
    const std::size_t start = terms.generation_prompt.rfind(terms.thinking_start_tag);
    thinking_ = start != std::string::npos &&
                std::ranges::none_of(thinking_ends_, [&](const std::string& end) {
                  return terms.generation_prompt.find(end, start) != std::string::npos;
                });
  }
  for (const auto* list : {&words_, &thinking_starts_, &thinking_ends_}) {
    for (const std::string& word : *list) longest_ = std::max(longest_, word.size());
  }
}

std::optional<std::string> TriggerWatch::push(std::string_view text) {
  text_ += text;
  while (true) {
    if (thinking_) {
      const Found end = earliest(thinking_ends_);
      if (end.at == std::string::npos) break;
      thinking_ = false;
      from_ = end.at;  // the end may be the beginning of a call
      continue;
    }
    const Found word = earliest(words_);
    const Found start = earliest(thinking_starts_);
    if (word.at != std::string::npos && word.at <= start.at) {
      from_ = word.at;
      return text_.substr(from_);
    }
    if (const auto at = matched()) {
      from_ = *at;
      return text_.substr(from_);
    }
    if (start.at == std::string::npos) break;
    thinking_ = true;
    from_ = start.at + start.length;
  }
  forget();
  return std::nullopt;
}

void TriggerWatch::reject() {
  ++from_;
  forget();
}

TriggerWatch::Found TriggerWatch::earliest(const std::vector<std::string>& words) const {
  Found found;
  for (const std::string& word : words) {
    const std::size_t at = text_.find(word, from_);
    if (at < found.at) found = {.at = at, .length = word.size()};
  }
  return found;
}

// Where a pattern says that the call begins: its first group, or all of it.
std::optional<std::size_t> TriggerWatch::matched() const {
  const auto start_of = [](const std::smatch& match) {
    for (std::size_t i = 1; i < match.size(); ++i) {
      if (match.length(i) > 0) return static_cast<std::size_t>(match.position(i));
    }
    return static_cast<std::size_t>(match.position(0));
  };
  std::smatch match;
  if (dropped_ == 0 && text_.size() <= kWindow) {
    for (const std::regex& pattern : whole_) {
      if (std::regex_match(text_, match, pattern)) return start_of(match);
    }
  }
  const std::size_t window = text_.size() > kWindow ? text_.size() - kWindow : 0;
  const auto skipped = static_cast<std::ptrdiff_t>(std::max(window, from_));
  for (const std::regex& pattern : anywhere_) {
    if (std::regex_search(text_.begin() + skipped, text_.end(), match, pattern)) {
      return static_cast<std::size_t>(skipped) + start_of(match);
    }
  }
  return std::nullopt;
}

// Keeps what a word or a pattern may still begin in.
void TriggerWatch::forget() {
  const std::size_t held = anywhere_.empty() && whole_.empty() ? longest_ - 1 : kWindow;
  from_ = std::max(from_, text_.size() - std::min(text_.size(), longest_ - 1));
  const std::size_t keep = std::min(text_.size(), held);
  const std::size_t drop = std::min(text_.size() - keep, from_);
  if (!anywhere_.empty()) from_ = std::min(from_, text_.size() - keep);
  dropped_ += drop;
  text_.erase(0, drop);
  from_ -= std::min(from_, drop);
}

}  // namespace confide::engine
