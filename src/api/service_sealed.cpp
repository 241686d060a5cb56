// /.well-known/ohttp-gateway: the sealed channel around everything else. docs/protocols/ohttp.md,
// O1, O14, O20 and O21.
#include <utility>

#include "api/sealed_exchange.h"
#include "api/service.h"
#include "base/wipe_on_exit.h"

namespace confide::api {
namespace {

net::HttpRequest inner_request(seal::InnerRequest request, std::string peer) {
  net::HttpRequest out;
  out.method = std::move(request.method);
  const std::size_t mark = request.path.find('?');
  out.path = request.path.substr(0, mark);
  if (mark != std::string::npos) out.query = request.path.substr(mark + 1);
  for (auto& [name, value] : request.fields) out.headers.add(std::move(name), std::move(value));
  out.body = std::move(request.content);
  out.peer = std::move(peer);
  return out;
}

}  // namespace

void Service::key_configs(Call& call) {
  net::HttpResponse response;
  response.headers.set("Content-Type", std::string(seal::kOhttpKeysType));
  response.headers.set("Cache-Control", "no-store");
  response.body = as_text(call.keyset->key_configs);
  reply(call, std::move(response));
}

void Service::sealed(Call& call) {
  const auto count = [&](std::string_view outcome) {
    parts_.metrics.count("confide_sealed_requests_total", "Encapsulated requests, by outcome.",
                         {{"outcome", std::string(outcome)}});
  };
  const auto form =
      seal::form_of_request_type(call.request.headers.get("Content-Type").value_or(""));
  if (!form) {
    count("unsupported_type");
    ApiError error = invalid_request("This path takes encapsulated requests only.");
    error.status = 415;
    return refuse(call, error);
  }
  const ByteView capsule = as_bytes(call.request.body);
  auto outcome = gateway_.admit(*form, capsule, parts_.clock.now());
  if (const auto* refused = std::get_if<seal::Refused>(&outcome)) {
    count(to_string(refused->problem));
    net::HttpResponse response;
    response.status = refused->status;
    response.body = as_text(refused->body);
    // A sealed one to the letter like the answer to a request that was served.
    add_common_headers(response.headers, *call.keyset);
    if (refused->status == 200) {
      add_sealed_headers(response.headers, *form);
    } else {
      response.headers.set("Cache-Control", "no-store");
      response.headers.set("Content-Type", refused->content_type);
    }
    return reply(call, std::move(response));
  }
  count("admitted");
  call.request.body = {};
  serve_sealed(call, std::get<seal::Admitted>(std::move(outcome)));
}

// What is inside goes the way of any request, under the keyset that its client sealed it to.
void Service::serve_sealed(Call& outer, seal::Admitted admitted) {
  net::Headers headers;
  add_common_headers(headers, *outer.keyset);
  Call call;
  call.sealed = true;
  call.client_nonce = std::move(admitted.nonce);
  call.keyset = identity_.published_with(admitted.key);
  call.request = inner_request(std::move(admitted.request), outer.request.peer);
  const WipeOnExit body_wiped(call.request.body);
  call.watch = outer.watch;
  call.watch->set_sealed(trace_parent_of(call.request.headers));
  call.errors = error_form(call.request, *call.watch);
  call.watch->set_route(route_name(call.request.path), call.errors.dialect);
  call.exchange =
      watched(call.watch, make_sealed_exchange({.writer = std::move(admitted.answer),
                                                .head_only = call.request.method == "HEAD",
                                                .headers = std::move(headers)},
                                               outer.exchange, pacer_));
  if (!call.keyset) {
    // Two epochs went by while it was being opened: no keyset can be named that its client holds.
    call.keyset = outer.keyset;
    return refuse(call, internal_error());
  }
  route(call);
}

}  // namespace confide::api
