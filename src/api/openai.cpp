#include "api/openai.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "api/try.h"

namespace confide::api {
namespace {

constexpr std::size_t kMaxStops = 16;
constexpr std::size_t kMaxStopBytes = 512;
constexpr std::int64_t kMaxChoices = 128;
constexpr double kMaxBias = 100.0;
constexpr std::size_t kMaxSaltBytes = 256;
constexpr std::size_t kMaxCacheKeyBytes = 1024;

// The engine's seed has 32 bits; a longer one is folded, and the receipt shows what was used.
ApiResult<std::optional<std::uint32_t>> seed(const Members& body) {
  const Json* member = body.given("seed");
  if (member == nullptr) return std::nullopt;
  if (!member->is_number_integer()) return tl::unexpected(body.wrong("seed", "a whole number"));
  return static_cast<std::uint32_t>(member->is_number_unsigned()
                                        ? member->get<std::uint64_t>()
                                        : static_cast<std::uint64_t>(member->get<std::int64_t>()));
}

ApiResult<std::vector<std::string>> stops(const Members& body) {
  std::vector<std::string> out;
  const Json* member = body.given("stop");
  if (member == nullptr) return out;
  const auto bad = [&] {
    return tl::unexpected(body.wrong(
        "stop", fmt::format("a non-empty string or an array of up to {} of them, each of at most "
                            "{} bytes",
                            kMaxStops, kMaxStopBytes)));
  };
  const auto add = [&](const Json& one) {
    if (!one.is_string()) return false;
    out.push_back(one.get<std::string>());
    return !out.back().empty() && out.back().size() <= kMaxStopBytes;
  };
  if (member->is_array()) {
    if (member->size() > kMaxStops || !std::ranges::all_of(*member, add)) return bad();
  } else if (!add(*member)) {
    return bad();
  }
  return out;
}

// {"token id": bias}. Whether the model has the token is for its engine to say.
ApiResult<std::vector<std::pair<engine::Token, float>>> logit_bias(const Members& body) {
  std::vector<std::pair<engine::Token, float>> out;
  API_TRY_ASSIGN(const auto bias, body.object("logit_bias"));
  if (!bias) return out;
  for (const auto& [name, value] : bias->json().items()) {
    engine::Token token = -1;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), token);
    const bool whole = error == std::errc() && end == name.data() + name.size() && token >= 0;
    if (!whole || !value.is_number() || !(std::abs(value.get<double>()) <= kMaxBias)) {
      return tl::unexpected(
          body.wrong("logit_bias", "an object of token ids with numbers between -100 and 100"));
    }
    out.emplace_back(token, value.get<float>());
  }
  return out;
}

ApiResult<void> parse_sampling(const Members& body, GenerationRequest& out) {
  API_TRY_ASSIGN(out.temperature, body.number("temperature", 1.0, 0.0, 2.0));
  API_TRY_ASSIGN(out.top_p, body.number("top_p", 1.0, 0.0, 1.0));
  // Others write -1 for all tokens.
  API_TRY_ASSIGN(const auto top_k, body.whole("top_k", -1, std::numeric_limits<int>::max()));
  out.top_k = static_cast<int>(std::max<std::int64_t>(top_k.value_or(0), 0));
  API_TRY_ASSIGN(out.presence_penalty, body.number("presence_penalty", 0.0, -2.0, 2.0));
  API_TRY_ASSIGN(out.frequency_penalty, body.number("frequency_penalty", 0.0, -2.0, 2.0));
  API_TRY_ASSIGN(out.seed, seed(body));
  API_TRY_ASSIGN(out.stop, stops(body));
  API_TRY_ASSIGN(out.bias, logit_bias(body));
  return {};
}

ApiResult<void> parse_limits(const Members& body, GenerationRequest& out,
                             std::int64_t least_tokens) {
  constexpr std::int64_t kMost = std::numeric_limits<int>::max();
  for (const std::string_view name : {"max_tokens", "max_completion_tokens"}) {
    API_TRY_ASSIGN(const auto limit, body.whole(name, least_tokens, kMost));
    if (limit) out.max_tokens = static_cast<int>(*limit);
  }
  API_TRY_ASSIGN(const auto n, body.whole("n", 1, kMaxChoices));
  out.n = static_cast<int>(n.value_or(1));
  return {};
}

}  // namespace

ApiResult<void> parse_openai_common(const Members& body, GenerationRequest& out,
                                    std::int64_t least_tokens) {
  const Json* model = body.given("model");
  if (model == nullptr || !model->is_string()) {
    return tl::unexpected(body.wrong("model", "a string"));
  }
  out.model = model->get<std::string>();
  API_TRY(parse_sampling(body, out));
  API_TRY(parse_limits(body, out, least_tokens));
  API_TRY_ASSIGN(out.stream, body.boolean("stream", false));
  API_TRY_ASSIGN(auto salt, body.text("cache_salt", 1, kMaxSaltBytes));
  out.cache_salt = std::move(salt).value_or("");
  API_TRY_ASSIGN(auto partition, body.text("prompt_cache_key", 0, kMaxCacheKeyBytes));
  out.cache_partition = std::move(partition).value_or("");
  return {};
}

ApiResult<OpenaiStreamOptions> parse_stream_options(const Members& body, bool stream) {
  API_TRY_ASSIGN(const auto options, body.object("stream_options"));
  OpenaiStreamOptions out;
  if (!options) return out;
  if (!stream) {
    return tl::unexpected(
        invalid_request("'stream_options' is only for streamed answers.", "stream_options"));
  }
  API_TRY_ASSIGN(out.include_usage, options->boolean("include_usage", false));
  if (options->given("include_obfuscation") != nullptr) {
    API_TRY_ASSIGN(out.include_obfuscation, options->boolean("include_obfuscation", false));
  }
  return out;
}

Json openai_frame(const OpenaiAnswer& answer, std::string_view object) {
  return {{"id", answer.head.id},
          {"object", object},
          {"created", answer.head.created},
          {"model", answer.head.model},
          {"system_fingerprint", answer.head.fingerprint}};
}

Json openai_chunk(const OpenaiAnswer& answer, std::string_view object, Json choices) {
  Json out = openai_frame(answer, object);
  out["choices"] = std::move(choices);
  if (answer.include_usage) out["usage"] = nullptr;
  return out;
}

Json openai_usage(const engine::Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}}};
}

StreamEvents openai_usage_event(const OpenaiAnswer& answer, std::string_view object,
                                const engine::Usage& usage) {
  if (!answer.include_usage) return {};
  Json out = openai_chunk(answer, object, Json::array());
  out["usage"] = openai_usage(usage);
  return {{.name = "", .data = std::move(out)}};
}

StreamEvents openai_failure(const ApiError& error) {
  return {{.name = "", .data = error_json(error)}};
}

}  // namespace confide::api
