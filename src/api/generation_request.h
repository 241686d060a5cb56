// What a caller asks of a model, whichever API it came by.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/engine.h"

namespace confide::api {

// The schema of an answer that is to be any JSON object.
inline constexpr std::string_view kAnyObject = R"({"type":"object"})";

// The most that a model's name may have.
inline constexpr std::size_t kMaxModelBytes = 256;

using Prompt = std::variant<std::string, std::vector<engine::Token>>;

struct GenerationRequest {
  std::string model;
  // What an assistant answers to, or texts to go on with, at least one.
  std::variant<engine::Conversation, std::vector<Prompt>> input;
  int n = 1;          // answers to each prompt
  bool echo = false;  // each answer begins with its prompt; with `logprobs`, its tokens' come first
  std::string suffix = {};  // of texts to go on with: what comes after each answer; empty: none
  double temperature = 1.0;
  double top_p = 1.0;
  int top_k = 0;  // as in engine::Sampling
  double presence_penalty = 0.0;
  double frequency_penalty = 0.0;
  std::optional<std::uint32_t> seed;
  std::vector<std::pair<engine::Token, float>> bias;
  int logprobs = -1;  // as in engine::Sampling
  // Nothing: as many as the context has room for. 0: the prompt is only reported on.
  std::optional<int> max_tokens;
  std::vector<std::string> stop;
  bool stream = false;
  std::optional<bool> even;  // whether a stream hides the lengths of tokens; else only under E2EE
  // What is kept of prompts is found by those who give the same salt, whoever they are; without
  // one, by the same credential alone. The partition divides it further. Empty: none.
  std::string cache_salt;
  std::string cache_partition;
};

}  // namespace confide::api
