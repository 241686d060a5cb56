#include "api/openai_logprobs.h"

#include <algorithm>
#include <string_view>

#include "api/printable.h"

namespace confide::api {
namespace {

// JSON has no infinity; OpenAI writes this for what could not have been.
double logprob(const engine::TokenChance& chance) {
  constexpr double kNever = -9999.0;
  return std::max(static_cast<double>(chance.logprob), kNever);
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
    chances.push_back(report.given ? Json(nullptr) : Json(logprob(report.picked)));
    Json top = Json::object();
    for (const auto& chance : report.likeliest) top[printable(chance.bytes)] = logprob(chance);
    likeliest.push_back(report.given ? Json(nullptr) : std::move(top));
    starts.push_back(offsets.next);
    offsets.next += characters(report.picked.bytes);
  }
  return {{"tokens", std::move(texts)},
          {"token_logprobs", std::move(chances)},
          {"top_logprobs", std::move(likeliest)},
          {"text_offset", std::move(starts)}};
}

}  // namespace confide::api
