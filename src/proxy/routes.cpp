#include "proxy/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace confide::proxy {
namespace {

constexpr std::string_view kModels = "/v1/models/";
constexpr std::size_t kMaxList = std::size_t{1} << 20U;
constexpr json::Limits kBodyLimits{.max_bytes = std::size_t{32} << 20U};

Result<std::vector<std::string>> list_models(Service& service) {
  std::string body;
  client::Cancellation never;
  verify::Verdict verdict;
  const client::AnswerSink sink = client::gather(body, kMaxList, "the list of models");
  const seal::InnerRequest request{
      .method = "GET", .authority = service.authority, .path = "/v1/models"};
  TRY_ASSIGN(auto answer, service.channel->exchange(request, sink, never, verdict));
  service.channel->done_with(answer);
  if (answer.head.status == 200) return client::model_names(body);
  return fail(Errc::policy, fmt::format("{} does not list its models without a key: name them, "
                                        "MODEL=URL",
                                        service.url));
}

ProxyError refuse(int status, std::string code, std::string message) {
  return {.status = status, .message = std::move(message), .code = std::move(code)};
}

}  // namespace

Result<Routes> Routes::open(const std::vector<ServiceOptions>& options, verify::Verdict& verdict) {
  Routes routes;
  std::vector<std::string> taken;
  for (const ServiceOptions& wanted : options) {
    verify::Verdict mine;
    TRY_ASSIGN(const net::Url url, net::parse_url(wanted.sealed.target.url));
    auto channel = client::SealedChannel::open(wanted.sealed, mine);
    if (!channel) {
      verdict = std::move(mine);
      return fail(channel.error().code,
                  fmt::format("{}: {}", wanted.sealed.target.url, channel.error().message));
    }
    Service service{.url = wanted.sealed.target.url,
                    .authority = fmt::format("{}:{}", net::url_host(url.host), url.port),
                    .models = {},
                    .channel = *std::move(channel)};
    if (!wanted.model.empty()) {
      service.models = {wanted.model};
    } else if (options.size() > 1) {
      TRY_ASSIGN(service.models, list_models(service));
    }
    for (const std::string& model : service.models) {
      if (std::ranges::find(taken, model) != taken.end()) {
        return fail(Errc::policy, fmt::format("two services have the model {}", model));
      }
      taken.push_back(model);
    }
    routes.services_.push_back(std::move(service));
    verdict.merge(std::move(mine));
  }
  return routes;
}

tl::expected<const Service*, ProxyError> Routes::choose(const net::HttpRequest& request) const {
  if (services_.size() == 1) return &services_.front();
  std::string model;
  if (request.path.starts_with(kModels)) {
    model = request.path.substr(kModels.size());
  } else if (const auto body = json::parse(request.body, kBodyLimits)) {
    model = json::get_string(*body, "model").value_or("");
  }
  if (model.empty()) {
    return tl::unexpected(refuse(400, "model_missing",
                                 "confide: several services are behind this endpoint, and the "
                                 "request names no model to choose by."));
  }
  for (const Service& service : services_) {
    if (std::ranges::find(service.models, model) != service.models.end()) return &service;
  }
  return tl::unexpected(
      refuse(404, "model_not_found", "confide: no service behind this endpoint has that model."));
}

std::string Routes::model_list() const {
  Json data = Json::array();
  for (const Service& service : services_) {
    for (const std::string& model : service.models) {
      data.push_back(
          {{"id", model}, {"object", "model"}, {"created", 0}, {"owned_by", service.authority}});
    }
  }
  return json::compact(Json{{"object", "list"}, {"data", std::move(data)}});
}

}  // namespace confide::proxy
