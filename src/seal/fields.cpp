#include "seal/fields.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace confide::seal {
namespace {

// Of `message` and `delta`, beside audio.data.
constexpr std::array<std::string_view, 3> kTextMembers = {"content", "reasoning",
                                                          "reasoning_content"};

Json* find(Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(name);
  return it == object.end() ? nullptr : &*it;
}

// Counts what a request makes us open.
class RequestWalk {
 public:
  explicit RequestWalk(const FieldVisitor& visit) : visit_(visit) {}

  Status chat(Json& body) {
    Json* messages = find(body, "messages");
    if (messages == nullptr || !messages->is_array()) return {};
    for (std::size_t m = 0; m < messages->size(); ++m) {
      Json* content = find((*messages)[m], "content");
      if (content == nullptr) continue;
      const std::string path = fmt::format("messages.{}.content", m);
      // Either or: structured content that the visitor restores came out of one seal.
      if (content->is_array()) {
        TRY(parts(path, *content));
      } else {
        TRY(field({path, true}, content));
      }
    }
    return {};
  }

  // A string or several in one member of the body.
  Status texts(Json& body, std::string_view member) {
    Json* texts = find(body, member);
    if (texts == nullptr) return {};
    if (!texts->is_array()) return field({std::string(member)}, texts);
    for (std::size_t i = 0; i < texts->size(); ++i) {
      TRY(field({fmt::format("{}.{}", member, i)}, &(*texts)[i]));
    }
    return {};
  }

 private:
  Status parts(const std::string& path, Json& content) {
    for (std::size_t c = 0; c < content.size(); ++c) {
      const std::string part = fmt::format("{}.{}", path, c);
      TRY(field({part + ".text"}, find(content[c], "text")));
      if (Json* image = find(content[c], "image_url")) {
        TRY(field({part + ".image_url.url"}, find(*image, "url")));
      }
      if (Json* audio = find(content[c], "input_audio")) {
        TRY(field({part + ".input_audio.data"}, find(*audio, "data")));
      }
    }
    return {};
  }

  Status field(const Location& at, Json* value) {
    if (value == nullptr || !value->is_string()) return {};
    if (++count_ > kMaxFields) return fail(Errc::limit, "sealed request (E6): too many fields");
    return visit_(at, *value);
  }

  const FieldVisitor& visit_;
  std::size_t count_ = 0;
};

// The path uses the entry's `index`, which need not be its position (contract 2.7).
std::string entry_path(std::string_view list, const Json& entry, std::size_t position) {
  const Json* index = json::find(entry, "index");
  const bool usable =
      index != nullptr && index->is_number_integer() && index->get<std::int64_t>() >= 0;
  return fmt::format("{}.{}", list, usable ? json::compact(*index) : std::to_string(position));
}

Status visit_member(const std::string& path, Json* value, const FieldVisitor& visit) {
  if (value == nullptr || value->is_null()) return {};
  return visit({path}, *value);
}

// An object that is there and not null; anything else in its place could hide a field.
Result<Json*> inner_object(Json& outer, std::string_view name) {
  Json* inner = find(outer, name);
  if (inner == nullptr || inner->is_null()) return nullptr;
  if (!inner->is_object()) return fail(Errc::malformed, "answer (E8): not an object");
  return inner;
}

Status visit_choice(Json& choice, const std::string& path, std::string_view member,
                    const FieldVisitor& visit) {
  TRY(visit_member(path + ".text", find(choice, "text"), visit));
  TRY_ASSIGN(Json * inner, inner_object(choice, member));
  if (inner == nullptr) return {};
  const std::string base = fmt::format("{}.{}", path, member);
  for (const std::string_view name : kTextMembers) {
    TRY(visit_member(fmt::format("{}.{}", base, name), find(*inner, name), visit));
  }
  TRY_ASSIGN(Json * audio, inner_object(*inner, "audio"));
  if (audio == nullptr) return {};
  return visit_member(base + ".audio.data", find(*audio, "data"), visit);
}

// Null, or an array without elements.
Status check_nothing(const Json& value) {
  if (value.is_null() || (value.is_array() && value.empty())) return {};
  return fail(Errc::unsupported, "answer (E12): content outside the fields that are sealed");
}

Status visit_vectors(Json& body, const FieldVisitor& visit) {
  Json* data = find(body, "data");
  if (data == nullptr || !data->is_array()) return {};
  for (std::size_t i = 0; i < data->size(); ++i) {
    Json& entry = (*data)[i];
    Json* vector = find(entry, "embedding");
    if (vector == nullptr || vector->is_null()) continue;
    TRY(visit({.path = entry_path("data", entry, i) + ".embedding", .any_value = true}, *vector));
  }
  return {};
}

}  // namespace

Status visit_request(Json& body, Endpoint endpoint, const FieldVisitor& visit) {
  RequestWalk walk(visit);
  switch (endpoint) {
    case Endpoint::chat_completions:
      return walk.chat(body);
    case Endpoint::completions:
      return walk.texts(body, "prompt");
    case Endpoint::embeddings:
      return walk.texts(body, "input");
  }
  return fail(Errc::internal, "no such endpoint");
}

Status visit_response(Json& body, std::string_view member, const FieldVisitor& visit) {
  TRY(visit_vectors(body, visit));
  Json* choices = find(body, "choices");
  if (choices == nullptr) return {};
  if (!choices->is_array()) return fail(Errc::malformed, "answer (E8): choices is no array");
  for (std::size_t i = 0; i < choices->size(); ++i) {
    Json& choice = (*choices)[i];
    if (!choice.is_object()) return fail(Errc::malformed, "answer (E8): a choice is no object");
    TRY(visit_choice(choice, entry_path("choices", choice, i), member, visit));
  }
  return {};
}

Status check_covered(const Json& body, std::string_view member) {
  const Json* choices = json::find(body, "choices");
  if (choices == nullptr) return {};
  for (const Json& choice : *choices) {
    for (const auto& [name, value] : choice.items()) {
      if (name != member && name != "text" && name != "index" && name != "finish_reason") {
        TRY(check_nothing(value));
      }
    }
    const Json* inner = json::find(choice, member);
    if (inner == nullptr || !inner->is_object()) continue;
    for (const auto& [name, value] : inner->items()) {
      if (name == "role" || name == "audio" || std::ranges::count(kTextMembers, name) > 0) continue;
      TRY(check_nothing(value));
    }
  }
  return {};
}

void drop_empty_deltas(Json& chunk) {
  Json* choices = find(chunk, "choices");
  if (choices == nullptr || !choices->is_array()) return;
  for (Json& choice : *choices) {
    Json* delta = find(choice, "delta");
    if (delta == nullptr || !delta->is_object()) continue;
    for (const std::string_view name : kTextMembers) {
      if (const Json* value = find(*delta, name); value != nullptr && *value == "") {
        delta->erase(std::string(name));
      }
    }
  }
}

std::optional<Json> as_structured(std::string_view plaintext) {
  const std::size_t start = plaintext.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || plaintext[start] != '[') return std::nullopt;
  auto value = json::parse(plaintext, kBodyLimits);
  if (!value || !value->is_array()) return std::nullopt;
  return *std::move(value);
}

// The members stand in canonical order and hold strings and an integer, so the compact form is the
// canonical one.
std::string request_aad(const Binding& binding, std::string_view field) {
  Json aad = Json::object();
  aad["algo"] = to_string(binding.suite);
  aad["field"] = field;
  aad["model"] = binding.model;
  aad["nonce"] = binding.nonce;
  aad["purpose"] = "aci.e2ee.request.v2";
  aad["ts"] = binding.timestamp;
  return json::compact(aad);
}

std::string response_aad(const Binding& binding, std::string_view field, std::string_view id) {
  Json aad = Json::object();
  aad["algo"] = to_string(binding.suite);
  aad["field"] = field;
  aad["id"] = id;
  aad["model"] = binding.model;
  aad["nonce"] = binding.nonce;
  aad["purpose"] = "aci.e2ee.response.v2";
  aad["ts"] = binding.timestamp;
  return json::compact(aad);
}

std::string response_id(const Json& body) {
  const Json* id = json::find(body, "id");
  return id != nullptr && id->is_string() ? id->get<std::string>() : std::string();
}

}  // namespace confide::seal
