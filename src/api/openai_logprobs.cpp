#include "api/openai_logprobs.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

namespace confide::api {
namespace {

// JSON has no infinity; OpenAI writes this for what could not have been.
double logprob(const engine::TokenChance& chance) {
  constexpr double kNever = -9999.0;
  return std::max(static_cast<double>(chance.logprob), kNever);
}

unsigned at(std::string_view bytes, std::size_t i) { return static_cast<unsigned char>(bytes[i]); }

// Of the UTF-8 character that `bytes` begin with; 0 if there is none, or not the whole of it.
std::size_t character_length(std::string_view bytes) {
  const unsigned first = at(bytes, 0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (bytes.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(bytes, i) & 0xC0U) != 0x80U) return 0;
  }
  // Overlong forms, surrogates, and what is beyond the last character.
  const unsigned second = at(bytes, 1);
  const bool bad = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                   (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return bad ? 0 : length;
}

std::string printable(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const std::size_t whole = character_length(bytes);
    if (whole == 0) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", at(bytes, 0));
    } else {
      out += bytes.substr(0, whole);
    }
    bytes.remove_prefix(std::max<std::size_t>(whole, 1));
  }
  return out;
}

Json chance_json(const engine::TokenChance& chance) {
  Json bytes = Json::array();
  for (const char byte : chance.bytes) bytes.push_back(static_cast<unsigned char>(byte));
  return {{"token", printable(chance.bytes)},
          {"logprob", logprob(chance)},
          {"bytes", std::move(bytes)}};
}

// Characters that begin in these bytes.
std::size_t characters(std::string_view bytes) {
  return static_cast<std::size_t>(std::ranges::count_if(
      bytes, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

}  // namespace

Json chat_logprobs(const std::vector<engine::TokenReport>& tokens) {
  Json content = Json::array();
  for (const engine::TokenReport& report : tokens) {
    Json entry = chance_json(report.picked);
    entry["top_logprobs"] = Json::array();
    for (const auto& chance : report.likeliest)
      entry["top_logprobs"].push_back(chance_json(chance));
    content.push_back(std::move(entry));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

Json completion_logprobs(const std::vector<engine::TokenReport>& tokens,
                         CompletionOffsets& offsets) {
  Json texts = Json::array();
  Json chances = Json::array();
  Json likeliest = Json::array();
  Json starts = Json::array();
  for (const engine::TokenReport& report : tokens) {
    texts.push_back(printable(report.picked.bytes));
    chances.push_back(logprob(report.picked));
    Json top = Json::object();
    for (const auto& chance : report.likeliest) top[printable(chance.bytes)] = logprob(chance);
    likeliest.push_back(std::move(top));
    starts.push_back(offsets.next);
    offsets.next += characters(report.picked.bytes);
  }
  return {{"tokens", std::move(texts)},
          {"token_logprobs", std::move(chances)},
          {"top_logprobs", std::move(likeliest)},
          {"text_offset", std::move(starts)}};
}

}  // namespace confide::api
