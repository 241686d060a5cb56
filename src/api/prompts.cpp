#include "api/prompts.h"

#include <limits>
#include <utility>

namespace confide::api {
namespace {

// As a double first: an integer type would wrap what is beyond its range.
bool is_token(const Json& id) {
  return id.is_number_integer() && id.get<double>() >= 0 &&
         id.get<double>() <= std::numeric_limits<engine::Token>::max();
}

std::optional<Prompt> read_prompt(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  auto tokens = read_tokens(value);
  if (!tokens || tokens->empty()) return std::nullopt;
  return *std::move(tokens);
}

}  // namespace

std::optional<std::vector<engine::Token>> read_tokens(const Json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<engine::Token> out;
  out.reserve(value.size());
  for (const Json& id : value) {
    if (!is_token(id)) return std::nullopt;
    out.push_back(id.get<engine::Token>());
  }
  return out;
}

std::optional<std::vector<Prompt>> read_prompts(const Json& value, std::size_t most) {
  if (auto one = read_prompt(value)) return std::vector{*std::move(one)};
  if (!value.is_array() || value.empty() || value.size() > most) return std::nullopt;
  std::vector<Prompt> out;
  out.reserve(value.size());
  for (const Json& entry : value) {
    auto prompt = read_prompt(entry);
    if (!prompt) return std::nullopt;
    out.push_back(*std::move(prompt));
  }
  return out;
}

}  // namespace confide::api
