// A service on fakes, and how tests talk to it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "api/fakes_for_test.h"
#include "api/service.h"

namespace confide::api {

inline constexpr std::int64_t kNow = 1'790'000'000;

struct ServiceTest : ::testing::Test {
  FixedClock clock{from_unix(kNow)};
  FakeTee tee;
  FakeStore store;
  ops::Metrics metrics;
  FakeEngine engine;
  std::unique_ptr<Identity> identity = make_identity();
  std::optional<ops::WorkerPool> pool{std::in_place, 2U, 64U};
  Service service{{.provenance = {}}, parts(), *identity};

  ~ServiceTest() override { pool->stop(); }

  static std::unique_ptr<Identity> make_identity() {
    return Identity::create({.subject = "",
                             .dns_names = {"localhost"},
                             .ip_addresses = {},
                             .now = from_unix(kNow)})
        .value();
  }
  ServiceParts parts() {
    return {.models = {{.name = "tiny",
                        .aliases = {},
                        .digest = "sha256:" + std::string(64, 'a'),
                        .engine = engine}},
            .tee = tee,
            .receipts = store,
            .pool = *pool,
            .metrics = metrics,
            .clock = clock};
  }

  static net::HttpRequest request(std::string method, std::string path, std::string body = "") {
    net::HttpRequest out;
    out.method = std::move(method);
    const auto mark = path.find('?');
    out.path = path.substr(0, mark);
    if (mark != std::string::npos) out.query = path.substr(mark + 1);
    out.body = std::move(body);
    return out;
  }
  std::shared_ptr<FakeExchange> call(net::HttpRequest request) {
    auto exchange = std::make_shared<FakeExchange>();
    service.handle(std::move(request), exchange);
    exchange->wait();
    return exchange;
  }
  std::shared_ptr<FakeExchange> get(const std::string& path) { return call(request("GET", path)); }
  std::shared_ptr<FakeExchange> chat(std::string body) {
    return call(request("POST", "/v1/chat/completions", std::move(body)));
  }
  // A streamed answer whose response has begun; the engine decides when it ends.
  std::shared_ptr<FakeExchange> begin_stream() {
    auto exchange = std::make_shared<FakeExchange>();
    service.handle(
        request("POST", "/v1/chat/completions",
                R"({"model":"tiny","stream":true,"messages":[{"role":"user","content":"hi"}]})"),
        exchange);
    while (!exchange->streamed()) std::this_thread::yield();
    return exchange;
  }
  static Json parsed(const FakeExchange& exchange) { return json::parse(exchange.body()).value(); }
  static std::string error_type(const FakeExchange& exchange) {
    const Json body = parsed(exchange);
    EXPECT_EQ(body["error"].size(), 4U) << exchange.body();
    return body["error"]["type"];
  }
  Json receipt_of(const FakeExchange& exchange) {
    const auto found = get("/v1/aci/receipts/" + exchange.headers().get("X-Receipt-Id").value());
    EXPECT_EQ(found->status(), 200);
    return json::parse(found->body()).value();
  }
  static std::string event_hash(const Json& receipt, std::string_view type) {
    for (const Json& event : receipt["event_log"]) {
      if (event["type"] == type) return event["body_hash"];
    }
    return "";
  }
};

inline constexpr std::string_view kHello =
    R"({"model":"tiny","messages":[{"role":"user","content":"hi"}]})";

}  // namespace confide::api
