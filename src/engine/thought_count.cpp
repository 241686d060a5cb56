#include "engine/thought_count.h"

#include <utility>

namespace confide::engine {

ThoughtCount::ThoughtCount(std::unique_ptr<AnswerReader> reader) : reader_(std::move(reader)) {}

void ThoughtCount::add(std::string_view shown) {
  if (reader_ == nullptr) return;
  ++undecided_;
  if (shown.empty()) return;
  const AnswerDelta delta = reader_->push(shown);
  if (!delta.reasoning.empty()) tokens_ += std::exchange(undecided_, 0);
  if (!delta.content.empty() || !delta.tool_calls.empty()) reader_.reset();
}

}  // namespace confide::engine
