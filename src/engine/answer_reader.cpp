#include "engine/answer_reader.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "base/json.h"
#include "base/secret.h"
#include "engine/llama_guard.h"

namespace confide::engine {
namespace {

constexpr std::string_view kSpace = " \t\n\r";

// llama.cpp's parsers take stack for each level of JSON.
constexpr std::size_t kMaxOpened = 2000;

// Bytes at the end of `text` that may be the beginning of one of `words`.
std::size_t may_begin(std::string_view text, const std::vector<std::string>& words) {
  std::size_t held = 0;
  for (const std::string& word : words) {
    for (std::size_t n = std::min(text.size(), word.size() - 1); n > held; --n) {
      if (text.ends_with(std::string_view(word).substr(0, n))) held = n;
    }
  }
  return held;
}

bool is_space(std::string_view text) {
  return text.find_first_not_of(kSpace) == std::string_view::npos;
}

// The part of `now` that comes on top of `told`; nothing where the two disagree, since what was
// told cannot be taken back.
std::string on_top(const std::string& told, const std::string& now) {
  return now.starts_with(told) ? now.substr(told.size()) : std::string();
}

bool is_call(const common_chat_tool_call& call) {
  const auto arguments = json::parse(call.arguments);
  return !call.name.empty() && arguments && arguments->is_object();
}

}  // namespace

AnswerDelta PlainReader::push(std::string_view text) {
  return {.content = std::string(text), .reasoning = {}, .tool_calls = {}};
}

ParsingReader::ParsingReader(std::shared_ptr<const Reading> reading)
    : reading_(std::move(reading)), params_(reading_->terms) {
  const common_chat_params& terms = reading_->terms;
  const auto is_word = [](const common_grammar_trigger& t) {
    return t.type == COMMON_GRAMMAR_TRIGGER_TYPE_WORD;
  };
  for (const common_grammar_trigger& trigger : terms.grammar_triggers) {
    calls_.push_back(trigger.value);
  }
  has_markers_ = std::ranges::all_of(terms.grammar_triggers, is_word);
}

ParsingReader::~ParsingReader() {
  wipe(text_);
  wipe(reasoning_);
  wipe(content_);
}

AnswerDelta ParsingReader::push(std::string_view text) {
  text_ += text;
  switch (mode_) {
    case Mode::unknown:
      return text_.size() < parse_from_ ? AnswerDelta() : settle();
    case Mode::reasoning:
    case Mode::content:
      return pass_on();
    case Mode::calls:
      break;
  }
  return {};
}

AnswerDelta ParsingReader::finish() {
  if (too_deep()) return rest_as_content();
  const LlamaGuard guard;
  try {
    common_chat_msg message = parse();
    if (!is_whole() && !message.tool_calls.empty()) message.tool_calls.pop_back();
    std::erase_if(message.tool_calls, [](const auto& call) { return !is_call(call); });
    if (!reading_->several && message.tool_calls.size() > 1) message.tool_calls.resize(1);
    AnswerDelta delta;
    append(message, delta);
    for (common_chat_tool_call& call : message.tool_calls) {
      delta.tool_calls.push_back({.index = delta.tool_calls.size(),
                                  .id = std::move(call.id),
                                  .name = std::move(call.name),
                                  .arguments = std::move(call.arguments)});
    }
    return delta;
  } catch (const std::exception&) {
    return rest_as_content();
  }
}

// As much of it as makes sense. Throws if nothing does.
common_chat_msg ParsingReader::parse() const {
  return common_chat_peg_parse(reading_->parser, text_, /*is_partial=*/true, params_);
}

bool ParsingReader::is_whole() const {
  const std::string all = reading_->terms.generation_prompt + text_;
  common_peg_parse_context context(all);
  return reading_->parser.parse(context).success();
}

bool ParsingReader::too_deep() const {
  const auto opens = [](char c) { return c == '[' || c == '{'; };
  return static_cast<std::size_t>(std::ranges::count_if(text_, opens)) > kMaxOpened;
}

// Finds out what the text has become.
AnswerDelta ParsingReader::settle() {
  // Parsing all of a text again and again takes time in proportion to its size.
  parse_from_ = text_.size() + text_.size() / 32 + 1;
  AnswerDelta delta;
  if (too_deep()) return delta;
  const LlamaGuard guard;
  try {
    const common_chat_msg message = parse();
    append(message, delta);
    if (!message.tool_calls.empty()) {
      mode_ = Mode::calls;
    } else if (!message.content.empty()) {
      settle_in(Mode::content, message.content);
    } else if (!message.reasoning_content.empty()) {
      settle_in(Mode::reasoning, message.reasoning_content);
    }
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): not yet
  }
  return delta;
}

// If the text so far ends with `text`, all of it told, what follows is more of the same.
bool ParsingReader::settle_in(Mode mode, const std::string& text) {
  const std::size_t at = text_.rfind(text);
  if (!has_markers_ || at == std::string::npos || !is_space(text_.substr(at + text.size()))) {
    return false;
  }
  mode_ = mode;
  next_ = at + text.size();
  return true;
}

AnswerDelta ParsingReader::pass_on() {
  const bool thinking = mode_ == Mode::reasoning;
  std::vector<std::string> markers = calls_;
  if (thinking) {
    markers.insert(markers.end(), reading_->terms.thinking_end_tags.begin(),
                   reading_->terms.thinking_end_tags.end());
  }
  const std::string_view fresh = std::string_view(text_).substr(next_);
  for (const std::string& marker : markers) {
    if (fresh.find(marker) == std::string_view::npos) continue;
    mode_ = Mode::unknown;
    return settle();
  }
  // White space may turn out to belong to a marker.
  std::size_t count = fresh.size() - may_begin(fresh, markers);
  if (!markers.empty()) count = fresh.substr(0, count).find_last_not_of(kSpace) + 1;
  const std::string text(fresh.substr(0, count));
  next_ += count;
  (thinking ? reasoning_ : content_) += text;
  if (thinking) return {.content = {}, .reasoning = text, .tool_calls = {}};
  return {.content = text, .reasoning = {}, .tool_calls = {}};
}

void ParsingReader::append(const common_chat_msg& message, AnswerDelta& delta) {
  delta.reasoning = on_top(reasoning_, message.reasoning_content);
  delta.content = on_top(content_, message.content);
  reasoning_ += delta.reasoning;
  content_ += delta.content;
}

// The model did not keep to the format. Nothing it wrote is lost.
AnswerDelta ParsingReader::rest_as_content() {
  if (mode_ == Mode::reasoning) {
    return {.content = {}, .reasoning = text_.substr(next_), .tool_calls = {}};
  }
  if (mode_ == Mode::content) {
    return {.content = text_.substr(next_), .reasoning = {}, .tool_calls = {}};
  }
  const std::string& told = content_.empty() ? reasoning_ : content_;
  const std::size_t at = text_.find(told);
  if (at == std::string::npos) return {};
  return {.content = text_.substr(at + told.size()), .reasoning = {}, .tool_calls = {}};
}

}  // namespace confide::engine
