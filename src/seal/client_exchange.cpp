#include <fmt/format.h>

#include "crypto/random.h"
#include "seal/e2ee.h"

namespace confide::seal {
namespace {

// Rule E7: sealed as it is, such a text would reach the model as structured content.
void protect_text(Json& content) {
  if (!content.is_string() || !as_structured(content.get_ref<const std::string&>())) return;
  Json part = Json::object();
  part["type"] = "text";
  part["text"] = std::move(content);
  content = Json::array({std::move(part)});
}

template <class Change>
void for_each_content(Json& body, Change change) {
  const auto messages = body.find("messages");
  if (messages == body.end() || !messages->is_array()) return;
  for (Json& message : *messages) {
    if (!message.is_object()) continue;
    if (const auto content = message.find("content"); content != message.end()) change(*content);
  }
}

}  // namespace

Result<ClientExchange> ClientExchange::start(Suite suite, std::string_view service_key_hex,
                                             Time now) {
  TRY_ASSIGN(Bytes service_key, parse_public(suite, service_key_hex));
  return ClientExchange(OpeningKey::generate(suite), std::move(service_key),
                        Binding{.suite = suite,
                                .model = {},
                                .nonce = to_hex(crypto::random_bytes(32)),
                                .timestamp = to_unix(now)});
}

std::vector<std::pair<std::string, std::string>> ClientExchange::headers() const {
  return {{"X-E2EE-Version", "2"},
          {"X-Client-Pub-Key", own_.public_hex()},
          {"X-Model-Pub-Key", to_hex(service_key_)},
          {"X-E2EE-Nonce", binding_.nonce},
          {"X-E2EE-Timestamp", std::to_string(binding_.timestamp)}};
}

Result<std::string> ClientExchange::seal_request(Json& body, Endpoint endpoint) {
  TRY_ASSIGN(binding_.model, json::get_string(body, "model"));
  const bool chat = endpoint == Endpoint::chat_completions;
  if (chat) for_each_content(body, protect_text);
  std::string clear = json::compact(body);
  // Sealed whole, structured content does not show of how many parts of which kind it is.
  if (chat) {
    for_each_content(body, [](Json& content) {
      if (content.is_array()) content = json::compact(content);
    });
  }
  std::size_t count = 0;
  TRY(visit_request(body, endpoint, [&](const Location& at, Json& value) -> Status {
    auto& text = value.get_ref<std::string&>();
    TRY_ASSIGN(std::string field,
               seal_field(binding_.suite, service_key_, request_aad(binding_, at.path), text));
    wipe(text);
    value = std::move(field);
    ++count;
    return {};
  }));
  if (count == 0) return fail(Errc::malformed, "request (E6): nothing to seal");
  return clear;
}

Status ClientExchange::open(Json& body, std::string_view member) const {
  const std::string id = response_id(body);
  return visit_response(body, member, [&](const Location& at, Json& value) -> Status {
    if (!value.is_string()) return fail(Errc::malformed, "answer (E8): a field is not sealed");
    const auto& field = value.get_ref<const std::string&>();
    if (field.empty()) return {};
    TRY_ASSIGN(std::string text, own_.open_field(field, response_aad(binding_, at.path, id)));
    if (!at.any_value) {
      value = std::move(text);
      return {};
    }
    TRY_ASSIGN(value, json::parse(text, kBodyLimits));
    return {};
  });
}

Status ClientExchange::open_body(Json& body) const { return open(body, "message"); }
Status ClientExchange::open_chunk(Json& chunk) const { return open(chunk, "delta"); }

}  // namespace confide::seal
