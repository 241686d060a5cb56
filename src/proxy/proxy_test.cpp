#include "proxy/proxy.h"

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/temp_folder.h"
#include "client/testing/sealed_backend.h"
#include "net/server.h"
#include "proxy/testing/plain_client.h"

namespace confide::proxy {
namespace {

using client::testing::Pieces;
using client::testing::SealedBackend;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::plain_request;
using testing::PlainAnswer;

constexpr std::string_view kPrompt = "a secret question about the moon";

struct ProxyTest : ::testing::Test {
  ServiceOptions service_at(SealedBackend& at, std::string model = "") {
    ServiceOptions options;
    options.sealed.target.url = at.url();
    options.sealed.target.policy = at.service.policy();
    options.sealed.target.clock = &clock;
    options.model = std::move(model);
    return options;
  }
  void start(const std::vector<ServiceOptions>& services) {
    auto routes = Routes::open(services, verdict);
    ASSERT_TRUE(routes) << routes.error().message;
    history = History::open(folder.path()).value();
    ProxyOptions options;
    options.streams = 4;
    proxy = std::make_unique<Proxy>(*std::move(routes), options, *history, clock);
    net::ServerOptions listening;
    listening.plain = true;
    listening.make_error = &Proxy::transport_error;
    server =
        net::Server::start(std::move(listening), [this](net::HttpRequest request,
                                                        std::shared_ptr<net::Exchange> exchange) {
          proxy->handle(std::move(request), std::move(exchange));
        }).value();
  }
  void start() { start({service_at(backend)}); }
  void TearDown() override {
    server.reset();
    proxy.reset();
  }

  PlainAnswer get(const std::string& path) const {
    return plain_request(server->port(), "GET " + path, {}, "");
  }
  PlainAnswer ask(bool stream, const std::string& path = "/v1/chat/completions",
                  const std::string& model = "test-model") const {
    const Json body = {{"model", model}, {"stream", stream}, {"prompt", kPrompt}};
    return plain_request(
        server->port(), "POST " + path,
        {{"Authorization", "Bearer sk-secret"}, {"Content-Type", "application/json"}},
        json::compact(body));
  }
  static std::string code_of(const PlainAnswer& answer) {
    const auto body = json::parse(answer.body);
    return body ? (*body)["error"].value("code", "") : "no JSON";
  }

  TempFolder folder;
  std::promise<void> client_left;  // these two outlive the backend's threads
  std::atomic<bool> waited_for_leaving{false};
  SealedBackend backend;
  FixedClock clock{backend.now};
  verify::Verdict verdict;
  std::unique_ptr<History> history;
  std::unique_ptr<Proxy> proxy;
  std::unique_ptr<net::Server> server;
};

TEST_F(ProxyTest, AnswersAndKeepsTheReceipt) {
  start();
  const PlainAnswer answer = ask(/*stream=*/false);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.complete);
  EXPECT_THAT(answer.body, HasSubstr("The moon is far."));
  const auto kept = history->list(10).value();
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_TRUE(kept[0].verified);
  EXPECT_EQ(kept[0].model, "test-model");
  EXPECT_EQ(kept[0].receipt_id, "rcpt-1");
  EXPECT_EQ(history->report_of(kept[0].id).value().nonce.size(), 64U);
  for (const std::string_view secret : {kPrompt, std::string_view("sk-secret")}) {
    EXPECT_THAT(backend.seen(), Each(Not(HasSubstr(std::string(secret)))));
  }
}

TEST_F(ProxyTest, HandsOnWhatTheClientSaidAndNoMore) {
  start();
  plain_request(server->port(), "POST /v1/chat/completions?beta=1",
                {{"Authorization", "Bearer sk-secret"},
                 {"X-Custom", "kept"},
                 {"Accept-Encoding", "gzip"},
                 {"Cookie", "of=another-site"},
                 {"Confide-Nonce", std::string(64, 'a')}},
                R"({"model":"test-model"})");
  const auto served = backend.served();
  ASSERT_FALSE(served.empty());
  EXPECT_EQ(served[0].path, "/v1/chat/completions?beta=1");
  EXPECT_EQ(served[0].content, R"({"model":"test-model"})");
  EXPECT_EQ(*seal::find_field(served[0].fields, "authorization"), "Bearer sk-secret");
  EXPECT_EQ(*seal::find_field(served[0].fields, "x-custom"), "kept");
  for (const auto* name : {"host", "accept-encoding", "cookie", "connection"}) {
    EXPECT_EQ(seal::find_field(served[0].fields, name), nullptr) << name;
  }
}

TEST_F(ProxyTest, StreamsPiecesAsTheyCome) {
  std::promise<void> first_piece;
  std::atomic<bool> waited{false};
  backend.before_piece = [&] {
    if (!waited.exchange(true)) first_piece.get_future().wait();
  };
  start();
  testing::PlainClient client(server->port());
  client.send("POST /v1/chat/completions", {}, R"({"model":"m","stream":true})");
  EXPECT_THAT(client.read_until("The moon"), HasSubstr("The moon"));
  first_piece.set_value();
  const PlainAnswer answer = client.rest();
  EXPECT_TRUE(answer.complete);
  EXPECT_THAT(answer.body, HasSubstr("data: [DONE]"));
}

TEST_F(ProxyTest, ManyAtOnce) {
  start();
  std::atomic<int> good{0};
  std::vector<std::jthread> clients;
  for (int i = 0; i < 12; ++i) {
    clients.emplace_back([&, i] {
      const PlainAnswer answer = ask(i % 2 == 0);
      if (answer.complete && answer.status == 200) ++good;
    });
  }
  clients.clear();
  EXPECT_EQ(good, 12);
  EXPECT_EQ(proxy->status()["receipts"]["verified"], 12);
}

TEST_F(ProxyTest, AnAnswerWhoseReceiptFailsIsNotDelivered) {
  backend.receipt_for = "other bytes";
  start();
  const PlainAnswer answer = ask(/*stream=*/false);
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(code_of(answer), "receipt.response");
  EXPECT_THAT(answer.body, Not(HasSubstr("moon is far")));
  const auto kept = history->list(1).value();
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_FALSE(kept[0].verified);
  EXPECT_EQ(kept[0].check, "receipt.response");
  EXPECT_FALSE(kept[0].receipt.empty());
  EXPECT_EQ(proxy->status()["receipts"]["failed"], 1);
}

TEST_F(ProxyTest, AStreamWhoseReceiptFailsNeverEnds) {
  backend.receipt_for = "other bytes";
  start();
  const PlainAnswer answer = ask(/*stream=*/true);
  EXPECT_FALSE(answer.complete);
  EXPECT_THAT(answer.body, HasSubstr("The moon"));
  EXPECT_THAT(answer.body, Not(HasSubstr("[DONE]")));
}

TEST_F(ProxyTest, ACutStreamIsCutForTheClientToo) {
  backend.tamper = [](Pieces& pieces, const net::HttpRequest&) { pieces.pop_back(); };
  start();
  const PlainAnswer answer = ask(/*stream=*/true);
  EXPECT_FALSE(answer.complete);
  EXPECT_THAT(answer.body, Not(HasSubstr("[DONE]")));
}

TEST_F(ProxyTest, WhatWhoeverStandsBetweenSaysReachesNoClient) {
  start();
  backend.answer_instead = [](const net::HttpRequest& request, net::Exchange& exchange) {
    if (request.method != "POST") return false;
    exchange.respond({.status = 200, .headers = {}, .body = "a false answer"});
    return true;
  };
  const PlainAnswer answer = ask(/*stream=*/false);
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(code_of(answer), "channel.answer");
  EXPECT_THAT(answer.body, Not(HasSubstr("false answer")));
}

TEST_F(ProxyTest, RefusesInAnthropicsShapeToo) {
  start();
  backend.rotate(/*grace=*/false);
  backend.published_instead = "nothing of use";
  const PlainAnswer answer = ask(/*stream=*/false, "/v1/messages");
  EXPECT_EQ(answer.status, 502);
  const Json body = json::parse(answer.body).value();
  EXPECT_EQ(body["type"], "error");
  EXPECT_THAT(body["error"]["message"].get<std::string>(), HasSubstr("channel.key"));
  EXPECT_THAT(backend.served(), IsEmpty());
}

TEST_F(ProxyTest, AReplacedKeyIsNoBusinessOfTheClient) {
  start();
  backend.rotate(/*grace=*/true);
  EXPECT_EQ(ask(/*stream=*/false).status, 200);
  EXPECT_EQ(proxy->status()["services"][0]["appraisals"], 2);
}

TEST_F(ProxyTest, TheServicesOwnErrorsComeThroughWithoutCors) {
  backend.refusal =
      seal::InnerResponse{.status = 429,
                          .fields = {{.name = "access-control-allow-origin", .value = "*"},
                                     {.name = "retry-after", .value = "7"}},
                          .content = R"({"error":{"message":"slow down","code":"busy"}})"};
  start();
  const PlainAnswer answer = ask(/*stream=*/true);
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(code_of(answer), "busy");
  EXPECT_THAT(answer.head, HasSubstr("retry-after: 7"));
  EXPECT_THAT(answer.head, Not(HasSubstr("access-control")));
  EXPECT_EQ(history->list(1).value().size(), 0U);
}

TEST_F(ProxyTest, ServesNoWebPageFromElsewhere) {
  start();
  const auto rebound =
      plain_request(server->port(), "GET /confide/status.json", {{"Host", "evil.example"}}, "");
  EXPECT_EQ(rebound.status, 403);
  const auto posted = plain_request(server->port(), "POST /v1/chat/completions",
                                    {{"Origin", "https://evil.example"}}, "{}");
  EXPECT_EQ(posted.status, 403);
  const auto asked = plain_request(server->port(), "OPTIONS /v1/chat/completions", {}, "");
  EXPECT_EQ(asked.status, 404);
  EXPECT_THAT(asked.head, Not(HasSubstr("ccess-Control")));
  EXPECT_THAT(backend.served(), IsEmpty());
}

TEST_F(ProxyTest, ShowsItsStateAndNothingOfWhatWasSaid) {
  start();
  ask(/*stream=*/false);
  const PlainAnswer page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.head, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page.body, Not(HasSubstr("http")));
  EXPECT_THAT(page.body, Not(HasSubstr("= >")));  // a formatter's idea of an arrow
  const PlainAnswer status = get("/confide/status.json");
  const Json document = json::parse(status.body).value();
  EXPECT_EQ(document["services"][0]["url"], backend.url());
  EXPECT_EQ(document["services"][0]["keyset"], backend.service.digest());
  EXPECT_EQ(document["requests"]["total"], 1);
  EXPECT_EQ(document["recent"][0]["receipt_id"], "rcpt-1");
  EXPECT_THAT(status.body, Not(HasSubstr("moon")));
  EXPECT_THAT(proxy->status_line(), HasSubstr("1 receipts checked"));
  EXPECT_EQ(get("/elsewhere").status, 404);
}

TEST_F(ProxyTest, SeveralServicesByModel) {
  SealedBackend second("second-model");
  start({service_at(backend), service_at(second, "second-model")});
  EXPECT_EQ(ask(false, "/v1/chat/completions", "test-model").status, 200);
  EXPECT_EQ(ask(true, "/v1/chat/completions", "second-model").status, 200);
  EXPECT_THAT(second.served(), ::testing::SizeIs(2));
  const auto unknown = ask(false, "/v1/chat/completions", "third-model");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(code_of(unknown), "model_not_found");
  const auto unnamed =
      plain_request(server->port(), "POST /v1/chat/completions", {}, R"({"stream":true})");
  EXPECT_EQ(unnamed.status, 400);
  const Json list = json::parse(get("/v1/models").body).value();
  ASSERT_EQ(list["data"].size(), 2U);
  EXPECT_EQ(list["data"][1]["id"], "second-model");
  EXPECT_EQ(get("/v1/models/second-model").status, 404);  // the service's own answer
}

TEST_F(ProxyTest, TwoServicesWithOneModelAreRefused) {
  SealedBackend second;
  const auto routes = Routes::open({service_at(backend), service_at(second)}, verdict);
  ASSERT_FALSE(routes);
  EXPECT_EQ(routes.error().code, Errc::policy);
}

TEST_F(ProxyTest, DoesNotBeginWithAServiceThatFails) {
  ServiceOptions options = service_at(backend);
  options.sealed.target.policy.model_digests = {std::string(64, '0')};
  const auto routes = Routes::open({options}, verdict);
  ASSERT_FALSE(routes);
  EXPECT_EQ(verdict.first_failure()->id, "aci.model");
}

TEST_F(ProxyTest, ARequestThatFailsUnexpectedlyIsNotUnderWayForEver) {
  Tally tally;
  EXPECT_THROW(
      {
        const Tally::Request counted(tally);
        throw std::runtime_error("out of memory, perhaps");
      },
      std::runtime_error);
  EXPECT_EQ(tally.counts().under_way, 0U);
  EXPECT_EQ(tally.counts().refused, 1U);
}

TEST_F(ProxyTest, AFailedReceiptIsKeptThoughTheClientLeft) {
  verify::Verdict failed;
  failed.fail("receipt.response", "other bytes");
  EXPECT_TRUE(is_worth_keeping(failed, /*client_left=*/true));
  verify::Verdict missing;
  missing.fail("receipt.fetch", "cut off");
  EXPECT_FALSE(is_worth_keeping(missing, /*client_left=*/true));
  EXPECT_TRUE(is_worth_keeping(missing, /*client_left=*/false));
}

TEST_F(ProxyTest, AClientThatLeavesEndsItsRequest) {
  backend.before_piece = [&] {
    if (!waited_for_leaving.exchange(true)) client_left.get_future().wait();
  };
  start();
  {
    testing::PlainClient client(server->port());
    client.send("POST /v1/chat/completions", {}, R"({"model":"m","stream":true})");
    client.read_until("The moon");
  }
  while (proxy->status()["requests"]["under_way"] != 0) std::this_thread::yield();
  client_left.set_value();
  EXPECT_EQ(history->list(1).value().size(), 0U);
}

}  // namespace
}  // namespace confide::proxy
