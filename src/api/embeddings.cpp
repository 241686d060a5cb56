#include "api/embeddings.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "api/members.h"
#include "api/prompts.h"
#include "api/try.h"
#include "base/base64.h"
#include "base/bytes.h"

namespace confide::api {
namespace {

constexpr std::size_t kMaxInputs = 2048;
constexpr std::int64_t kMaxDimensions = 1 << 20;

ApiResult<std::vector<Prompt>> inputs(const Members& members) {
  const Json* given = members.given("input");
  auto out = given != nullptr ? read_prompts(*given, kMaxInputs) : std::nullopt;
  if (out) return *std::move(out);
  return tl::unexpected(members.wrong(
      "input",
      fmt::format("a string, an array of token ids, or an array of 1 to {} of these", kMaxInputs)));
}

ApiResult<bool> base64_asked(const Members& members) {
  API_TRY_ASSIGN(const auto format, members.text("encoding_format", 1, 16));
  if (!format || *format == "float") return false;
  if (*format == "base64") return true;
  return tl::unexpected(members.wrong("encoding_format", "float or base64"));
}

std::string little_endian(const engine::Vector& vector) {
  Bytes out;
  out.reserve(vector.size() * sizeof(float));
  for (const float value : vector) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (const unsigned shift : {0U, 8U, 16U, 24U}) {
      out.push_back(static_cast<std::uint8_t>(bits >> shift));
    }
  }
  return to_base64(out);
}

// The shortest decimal that is this float, not the seventeen digits that it has as a double.
Json numbers(const engine::Vector& vector) {
  Json out = Json::array();
  for (const float value : vector) {
    std::array<char, 32> text{};
    const auto written = std::to_chars(text.data(), text.data() + text.size(), value);
    double shortest = 0;
    std::from_chars(text.data(), written.ptr, shortest);
    out.push_back(shortest);
  }
  return out;
}

}  // namespace

ApiResult<EmbeddingRequest> parse_embedding(const Json& body) {
  static constexpr std::array<std::string_view, 5> kKnown = {"model", "input", "encoding_format",
                                                             "dimensions", "user"};
  for (const auto& [name, value] : body.items()) {
    if (std::ranges::find(kKnown, name) == kKnown.end() && name != "provider") {
      return tl::unexpected(invalid_request(
          fmt::format("Unrecognized request argument supplied: {}", name.substr(0, 64)),
          name.substr(0, 64)));
    }
  }
  const Members members(body);
  EmbeddingRequest out;
  API_TRY_ASSIGN(auto model, members.text("model", 1, kMaxModelBytes));
  if (!model) return tl::unexpected(members.wrong("model", "a string"));
  out.model = *std::move(model);
  API_TRY_ASSIGN(out.input, inputs(members));
  API_TRY_ASSIGN(const auto dimensions, members.whole("dimensions", 1, kMaxDimensions));
  if (dimensions) out.dimensions = static_cast<int>(*dimensions);
  API_TRY_ASSIGN(out.base64, base64_asked(members));
  return out;
}

Json embedding_answer(const std::string& model, const std::vector<engine::Vector>& vectors,
                      bool base64, int prompt_tokens) {
  Json data = Json::array();
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    data.push_back({{"object", "embedding"},
                    {"index", i},
                    {"embedding", base64 ? Json(little_endian(vectors[i])) : numbers(vectors[i])}});
  }
  return {{"object", "list"},
          {"data", std::move(data)},
          {"model", model},
          {"usage", {{"prompt_tokens", prompt_tokens}, {"total_tokens", prompt_tokens}}}};
}

}  // namespace confide::api
