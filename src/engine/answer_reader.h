// Takes answers apart by llama.cpp's parsers, which read a text from its start each time.
#pragma once

#include <chat.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace confide::engine {

// What to read by.
struct Reading {
  common_peg_arena parser;
  common_chat_params terms;  // as llama.cpp gave them with the parser
  bool several = true;       // tool calls
};

class PlainReader final : public AnswerReader {
 public:
  AnswerDelta push(std::string_view text) override;
  AnswerDelta finish() override { return {}; }
};

// Parses where something may have changed: at the start, and where a word came that ends thoughts
// or begins a call. In between, text is handed on as it comes. Calls are handed on when the answer
// is whole.
class ParsingReader final : public AnswerReader {
 public:
  explicit ParsingReader(std::shared_ptr<const Reading> reading);
  ~ParsingReader() override;
  ParsingReader(const ParsingReader&) = delete;
  ParsingReader& operator=(const ParsingReader&) = delete;

  AnswerDelta push(std::string_view text) override;
  AnswerDelta finish() override;

 private:
  enum class Mode {
    unknown,    // parse to see what it is
    reasoning,  // from next_ on, until one of markers_
    content,    // likewise
    calls,      // to be parsed at the end
  };
  common_chat_msg parse() const;
  bool is_whole() const;
  bool too_deep() const;
  AnswerDelta settle();
  AnswerDelta pass_on();
  bool settle_in(Mode mode, const std::string& text);
  void append(const common_chat_msg& message, AnswerDelta& delta);
  AnswerDelta rest_as_content();

  std::shared_ptr<const Reading> reading_;
  common_chat_parser_params params_;
  bool has_markers_;                // whether calls begin with words known beforehand
  std::vector<std::string> calls_;  // those words

  Mode mode_ = Mode::unknown;
  std::string text_;
  std::size_t next_ = 0;        // reasoning, content: from here on nothing was handed on
  std::size_t parse_from_ = 0;  // unknown: bytes of text worth parsing again
  std::string reasoning_;       // handed on
  std::string content_;         // handed on
};

}  // namespace confide::engine
