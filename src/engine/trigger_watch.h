// Where in an answer a grammar begins to hold, for models that may call tools but need not.
#pragma once

#include <cstddef>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

struct common_chat_params;

namespace confide::engine {

class TriggerWatch {
 public:
  // For llama.cpp's triggers: words, and patterns that are looked for in a short stretch of text.
  // Throws std::regex_error.
  explicit TriggerWatch(const common_chat_params& terms);

  // Adds text. What has come from a trigger on, if there is one; it is then the last call that
  // makes sense, unless reject() follows.
  std::optional<std::string> push(std::string_view text);
  // What seemed to be a trigger was none.
  void reject();

 private:
  struct Found {
    std::size_t at = std::string::npos;
    std::size_t length = 0;
  };
  Found earliest(const std::vector<std::string>& words) const;
  std::optional<std::size_t> matched() const;
  void forget();

  std::vector<std::string> words_;
  std::vector<std::regex> anywhere_;
  std::vector<std::regex> whole_;  // match the answer from its start
  std::vector<std::string> thinking_starts_;
  std::vector<std::string> thinking_ends_;
  std::size_t longest_ = 1;  // of all words

  std::string text_;         // the end of the answer so far
  std::size_t from_ = 0;     // in it: what was not looked at yet
  std::size_t dropped_ = 0;  // bytes of the answer before it
  bool thinking_ = false;    // tools named in thoughts are not called
};

}  // namespace confide::engine
