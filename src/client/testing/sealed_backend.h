// A confidential service with a sealed channel, on a real socket, and whatever a test puts between
// it and its clients.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "client/testing/service.h"
#include "net/server.h"
#include "net/sse.h"
#include "seal/ohttp_gateway.h"

namespace confide::client::testing {

inline std::string all_of(const net::HttpRequest& request) {
  std::string out = request.method + " " + request.path + "?" + request.query + "\n";
  for (const auto& [name, value] : request.headers.all()) out += name + ": " + value + "\n";
  return out + "\n" + request.body;
}

// What the sealed answer to one request is made of, as it goes over the wire.
using Pieces = std::vector<Bytes>;

class SealedBackend {
 public:
  explicit SealedBackend(std::string model = "test-model") : model_(std::move(model)) {
    publish(std::make_shared<seal::OhttpKeys>(seal::GatewayKey::generate(1)));
    net::ServerOptions options;
    options.tls = net::TlsContext::server(service.certificate, service.tls_key).value();
    server_ =
        net::Server::start(std::move(options), [this](
                                                   net::HttpRequest request,
                                                   const std::shared_ptr<net::Exchange>& exchange) {
          workers_.emplace_back([this, request, exchange] { handle(request, exchange); });
        }).value();
  }

  std::string url() const { return fmt::format("https://127.0.0.1:{}", server_->port()); }

  // The sealing key is replaced; with `grace` the old one still gets its own answer.
  void rotate(bool grace) {
    const std::lock_guard lock(mutex_);
    if (grace) {
      keys_->rotate(seal::GatewayKey::generate(keys_->next_id()), {}, std::chrono::hours{1});
      list_configuration();
    } else {
      publish(std::make_shared<seal::OhttpKeys>(seal::GatewayKey::generate(keys_->next_id())));
    }
  }

  // Every request as it came over the wire, and every one that was inside.
  std::vector<std::string> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  std::vector<seal::InnerRequest> served() const {
    const std::lock_guard lock(mutex_);
    return served_;
  }
  std::size_t appraisals() const {
    const std::lock_guard lock(mutex_);
    return appraisals_;
  }

  TestService service;
  Time now = service.now;  // the service's clock

  // The service's own misdeeds.
  std::string receipt_for;  // bytes that receipts are made for, if not the real ones
  std::string receipt_nonce;
  bool no_receipt_id = false;
  bool other_keyset = false;
  bool break_stream = false;
  std::optional<seal::InnerResponse> refusal;
  std::atomic<bool> loses_answer{false};  // the next one, after it has taken the request
  std::chrono::seconds clock_runs_by{0};  // with each sealed request
  // Before each of the later pieces of a stream.
  std::function<void()> before_piece;

  // Whoever stands between. `answer_instead` gives true if it has answered itself, and several
  // threads may be in it; `tamper` sees
  // the whole sealed answer before it goes.
  std::function<bool(const net::HttpRequest&, net::Exchange&)> answer_instead;
  std::function<void(Pieces&, const net::HttpRequest&)> tamper;
  std::optional<std::string> published_instead;  // of the key configurations

 private:
  void publish(std::shared_ptr<seal::OhttpKeys> keys) {
    keys_ = std::move(keys);
    gateway_ = std::make_unique<seal::OhttpGateway>(keys_, 1000);
    list_configuration();
  }
  void list_configuration() {
    const auto current = keys_->current();
    service.keyset.ohttp_key_configurations = {{fmt::format("ohttp-{}", current->config().key_id),
                                                seal::key_config_digest(current->encoded())}};
  }

  void handle(const net::HttpRequest& request, const std::shared_ptr<net::Exchange>& exchange) {
    std::unique_lock lock(mutex_);
    seen_.push_back(all_of(request));
    if (answer_instead) {
      lock.unlock();
      if (answer_instead(request, *exchange)) return;
      lock.lock();
    }
    if (request.path == "/v1/aci/attestation") {
      ++appraisals_;
      net::HttpResponse response;
      response.headers.add("X-ACI-Keyset-Digest", service.digest());
      response.body = service.report(net::query_value(request.query, "nonce"));
      exchange->respond(std::move(response));
    } else if (request.path == seal::kOhttpPath && request.method == "GET") {
      net::HttpResponse response;
      response.headers.add("Content-Type", std::string(seal::kOhttpKeysType));
      response.body = published_instead.value_or(std::string(as_text(keys_->published())));
      exchange->respond(std::move(response));
    } else if (request.path == seal::kOhttpPath) {
      open(request, exchange);
    } else {
      exchange->respond({.status = 404, .headers = {}, .body = "{}"});
    }
  }

  void open(const net::HttpRequest& request, const std::shared_ptr<net::Exchange>& exchange) {
    now += clock_runs_by;
    auto admitted = gateway_->admit(seal::OhttpForm::chunked, as_bytes(request.body), now);
    if (const auto* refused = std::get_if<seal::Refused>(&admitted)) {
      net::HttpResponse response;
      response.status = refused->status;
      response.headers.add("Content-Type", refused->content_type);
      response.body = as_text(refused->body);
      return exchange->respond(std::move(response));
    }
    auto& inner = std::get<seal::Admitted>(admitted);
    served_.push_back(inner.request);
    if (loses_answer.exchange(false)) return exchange->abort();
    net::HttpResponse head;
    head.headers.add("Content-Type", std::string(seal::response_type(seal::OhttpForm::chunked)));
    exchange->start(std::move(head));
    Pieces pieces;
    const auto send = [&](Bytes piece) {
      if (tamper) return pieces.push_back(std::move(piece));
      exchange->write(std::string(as_text(piece)));
    };
    const bool finished = serve(inner, send);
    if (tamper) tamper(pieces, request);
    for (const Bytes& piece : pieces) exchange->write(std::string(as_text(piece)));
    if (finished) return exchange->finish();
    exchange->abort();
  }

  seal::HttpFields common() const {
    return {{.name = "x-aci-keyset-digest",
             .value = other_keyset ? "sha256:" + std::string(64, '0') : service.digest()}};
  }

  bool serve(seal::Admitted& inner, const std::function<void(Bytes)>& send) {
    const seal::InnerRequest& request = inner.request;
    seal::InnerResponse response{.fields = common()};
    if (refusal) {
      response = *refusal;
      response.fields.push_back(common().front());
    } else if (request.path == "/v1/models") {
      response.content =
          R"({"object":"list","data":[{"id":")" + model_ + R"(","object":"model"}]})";
    } else if (request.method == "POST") {
      return generate(inner, std::move(response), send);
    } else if (const auto found = receipts_.find(request.path); found != receipts_.end()) {
      response.content = found->second;
    } else {
      response.status = 404;
      response.content = R"({"error":{"message":"nothing here"}})";
    }
    send(inner.answer.respond(response).value());
    return true;
  }

  bool generate(seal::Admitted& inner, seal::InnerResponse head,
                const std::function<void(Bytes)>& send) {
    const bool stream = inner.request.content.find(R"("stream":true)") != std::string::npos;
    const std::string id = fmt::format("rcpt-{}", served_.size());
    if (!no_receipt_id) head.fields.push_back({.name = "x-receipt-id", .value = id});
    head.fields.push_back(
        {.name = "content-type", .value = stream ? "text/event-stream" : "application/json"});
    const auto file = [&](const std::string& sent) {
      receipts_["/v1/aci/receipts/" + id] = service.receipt(
          inner.request.content, receipt_for.empty() ? sent : receipt_for, service.execution(),
          receipt_nonce.empty() ? inner.nonce : receipt_nonce, id);
    };
    if (!stream) {
      head.content = R"({"choices":[{"index":0,"message":{"content":"The moon is far."}}]})";
      file(head.content);
      send(inner.answer.respond(head).value());
      return true;
    }
    send(inner.answer.start(head).value());
    const auto event = [](const Json& delta, const Json& reason) {
      Json choice = {{"index", 0}, {"delta", delta}, {"finish_reason", reason}};
      return net::sse_event(
          json::compact(Json{{"id", "chatcmpl-1"}, {"choices", Json::array({choice})}}));
    };
    std::string sent;
    for (const std::string& text :
         {event({{"content", "The moon"}}, nullptr), event({{"content", " is far."}}, nullptr),
          event(Json::object(), "stop"), net::sse_event("[DONE]")}) {
      if (!sent.empty() && before_piece) {
        mutex_.unlock();  // held by handle()
        before_piece();
        mutex_.lock();
      }
      sent += text;
      // Before the last bytes, so that whoever has them can ask for it.
      if (text.find("[DONE]") != std::string::npos) file(sent);
      send(inner.answer.write(as_bytes(text)).value());
      if (break_stream) return false;
    }
    send(inner.answer.finish().value());
    return true;
  }

  std::string model_;
  mutable std::mutex mutex_;
  std::vector<std::string> seen_;
  std::vector<seal::InnerRequest> served_;
  std::size_t appraisals_ = 0;
  std::map<std::string, std::string> receipts_;  // by path
  std::shared_ptr<seal::OhttpKeys> keys_;
  std::unique_ptr<seal::OhttpGateway> gateway_;
  std::vector<std::jthread> workers_;  // I/O thread only
  std::unique_ptr<net::Server> server_;
};

}  // namespace confide::client::testing
