// /v1/models: which models there are, as OpenAI's and as Anthropic's clients list them, and which
// of them a name means.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "api/messages.h"
#include "api/service.h"
#include "api/try.h"

namespace confide::api {
namespace {

// Anthropic's own.
constexpr std::size_t kPage = 20;
constexpr std::size_t kMaxPage = 1000;

ApiResult<std::size_t> page_size(std::string_view query) {
  const auto text = net::query_value(query, "limit");
  if (!text) return kPage;
  std::size_t out = 0;
  const char* const last = text->data() + text->size();
  const auto [end, error] = std::from_chars(text->data(), last, out);
  if (error == std::errc() && end == last && out >= 1 && out <= kMaxPage) return out;
  return tl::unexpected(
      invalid_request(fmt::format("limit: must be a number from 1 to {}", kMaxPage), "limit"));
}

// Where the model that a page is to begin after, or end before, stands in the list.
ApiResult<std::size_t> position(const Json& list, std::string_view query, std::string_view member,
                                std::size_t otherwise) {
  const auto id = net::query_value(query, member);
  if (!id) return otherwise;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i]["id"] == *id) return i;
  }
  return tl::unexpected(
      invalid_request(fmt::format("{}: there is no such model here", member), std::string(member)));
}

// `before_id` turns pages backwards: the last before that model.
ApiResult<Json> page_of(const Json& list, std::string_view query) {
  API_TRY_ASSIGN(const std::size_t size, page_size(query));
  API_TRY_ASSIGN(const std::size_t after, position(list, query, "after_id", list.size()));
  API_TRY_ASSIGN(std::size_t end, position(list, query, "before_id", list.size()));
  const bool backwards = net::query_value(query, "before_id").has_value();
  std::size_t begin = after == list.size() ? 0 : after + 1;
  end = std::max(begin, end);
  const bool more = end - begin > size;
  if (more && backwards) begin = end - size;
  if (more && !backwards) end = begin + size;
  Json data = Json::array();
  for (std::size_t i = begin; i < end; ++i) data.push_back(list[i]);
  Json first = data.empty() ? Json(nullptr) : data.front()["id"];
  Json last = data.empty() ? Json(nullptr) : data.back()["id"];
  return Json{{"data", std::move(data)},
              {"has_more", more},
              {"first_id", std::move(first)},
              {"last_id", std::move(last)}};
}

}  // namespace

const Service::Model* Service::find_model(std::string_view name) const {
  for (const Model& model : models_) {
    if (model.served.name == name || std::ranges::count(model.served.aliases, name) > 0) {
      return &model;
    }
  }
  return nullptr;
}

Json Service::model_json(const Model& model) const {
  Json out = {{"id", model.served.name},
              {"object", "model"},
              {"created", to_unix(started_)},
              {"owned_by", "confide"},
              {"context_length", model.served.engine.info().context_length},
              {"digest", model.served.digest}};
  if (!model.served.aliases.empty()) out["aliases"] = model.served.aliases;
  return out;
}

Json Service::embedder_json(const ServedEmbedder& served) const {
  return {{"id", served.name},
          {"object", "model"},
          {"created", to_unix(started_)},
          {"owned_by", "confide"},
          {"context_length", served.embedder.info().context_length},
          {"digest", served.digest},
          {"dimensions", served.embedder.dimensions()}};
}

Json Service::anthropic_model_json(const Model& model) const {
  return {{"type", "model"},
          {"id", model.served.name},
          {"display_name", model.served.name},
          {"created_at", to_rfc3339(started_)}};
}

ApiError Service::no_such_model() const {
  std::vector<std::string_view> names;
  for (const Model& model : models_) names.push_back(model.served.name);
  for (const ServedEmbedder& served : parts_.embedders) names.push_back(served.name);
  return {.status = 404,
          .type = "not_found_error",
          .message = fmt::format("There is no such model here; this service has '{}'.",
                                 fmt::join(names, "', '")),
          .code = "model_not_found",
          .param = "model"};
}

bool Service::may_use(const Call& call, const Model& model) const {
  const auto grant = call.watch->grant();
  return !grant || grant->may_use(model.served.name) ||
         std::ranges::any_of(model.served.aliases,
                             [&](const std::string& alias) { return grant->may_use(alias); });
}

ApiResult<void> Service::check_scope(const Call& call, const std::string& name) {
  const auto grant = call.watch->grant();
  if (!grant || grant->may_use(name)) return {};
  return tl::unexpected(ApiError{.status = 403,
                                 .type = "permission_error",
                                 .message = "This API key may not use this model.",
                                 .code = "model_not_allowed",
                                 .param = "model"});
}

ApiResult<const Service::Model*> Service::model_for(const Call& call,
                                                    const std::string& name) const {
  const Model* model = find_model(name);
  // Before it is said whether there is such a model.
  if (model == nullptr || !may_use(call, *model)) API_TRY(check_scope(call, name));
  if (model != nullptr) return model;
  if (find_embedder(name) == nullptr) return tl::unexpected(no_such_model());
  return tl::unexpected(
      invalid_request("This model only makes embeddings; ask it at /v1/embeddings.", "model"));
}

ApiResult<Json> Service::model_list(const Call& call) const {
  const bool anthropic = call.errors.dialect == Dialect::anthropic;
  Json list = Json::array();
  for (const Model& model : models_) {
    if (!may_use(call, model)) continue;
    list.push_back(anthropic ? anthropic_model_json(model) : model_json(model));
  }
  if (anthropic) return page_of(list, call.request.query);
  for (const ServedEmbedder& served : parts_.embedders) {
    if (check_scope(call, served.name)) list.push_back(embedder_json(served));
  }
  return Json{{"object", "list"}, {"data", std::move(list)}};
}

ApiResult<Json> Service::models_answer(const Call& call) const {
  const bool anthropic = call.errors.dialect == Dialect::anthropic;
  if (anthropic) API_TRY(check_anthropic_version(call.request.headers));
  const std::string_view rest = std::string_view(call.request.path).substr(kModels.size());
  if (rest.empty()) return model_list(call);
  const std::string name = net::percent_decode(rest.substr(1));
  if (!anthropic) {
    const ServedEmbedder* served = find_embedder(name);
    if (served != nullptr && check_scope(call, name)) return embedder_json(*served);
  }
  API_TRY_ASSIGN(const Model* const model, model_for(call, name));
  return anthropic ? anthropic_model_json(*model) : model_json(*model);
}

void Service::models(Call& call) {
  const auto answer = models_answer(call);
  if (!answer) return refuse(call, answer.error());
  reply_json(call, *answer);
}

}  // namespace confide::api
