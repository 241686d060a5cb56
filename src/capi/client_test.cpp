// What the C interface gives of a service on a real socket, honest or not. What it says of junk is
// client_embed_test.c's.
#include <confide/client.h>
#include <poll.h>

#include <atomic>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "client/testing/sealed_backend.h"

namespace confide {
namespace {

using client::testing::Pieces;
using client::testing::SealedBackend;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kPrompt = "a secret question about the moon";
constexpr std::string_view kAnswer = "The moon is far.";

struct Free {
  void operator()(confide_channel* p) const { confide_channel_free(p); }
  void operator()(confide_exchange* p) const { confide_exchange_free(p); }
  void operator()(char* p) const { confide_document_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

confide_bytes borrow(std::string_view text) { return {as_bytes(text).data(), text.size()}; }

Json parsed(std::string_view document) { return json::parse(document).value(); }

// Nobody can hand this library a clock: the service's is the system's.
void live_today(SealedBackend& backend) {
  auto& lab = backend.service.lab;
  const Time now = SystemClock().now();
  const auto day = std::chrono::days{1};
  for (auto* one : {&lab.root, &lab.platform_ca, &lab.pck, &lab.tcb_signer}) {
    one->request.not_before = now - 365 * day;
    one->request.not_after = now + 365 * day;
  }
  lab.at = now;
  lab.crl_from = now - day;
  lab.crl_until = now + 29 * day;
  for (Json* document : {&lab.tcb_info, &lab.qe_identity}) {
    (*document)["issueDate"] = to_rfc3339(lab.crl_from);
    (*document)["nextUpdate"] = to_rfc3339(lab.crl_until);
  }
  backend.service.now = now;
  backend.service.keyset.not_after = now + 30 * day;
  backend.now = now;
}

struct Seen {
  confide_event event = CONFIDE_EVENT_NONE;
  std::string bytes;
};

class CapiClientTest : public ::testing::Test {
 protected:
  CapiClientTest() { live_today(backend); }

  Json options() const {
    const auto root = backend.service.policy().roots.back().certificate.to_pem();
    return {{"url", backend.url()}, {"trust_roots", Json::array({root})}};
  }
  Owned<confide_channel> open() const {
    char* error = nullptr;
    Owned<confide_channel> channel(confide_channel_open(borrow(options().dump()), &error));
    EXPECT_NE(channel, nullptr) << error;
    return channel;
  }
  static Owned<confide_exchange> ask(confide_channel& channel, bool stream,
                                     std::string_view path = "/v1/chat/completions") {
    Json fields = Json::array();
    fields.push_back(Json::array({"Authorization", "Bearer sk-secret"}));
    fields.push_back(Json::array({"X-Name", "caf\u00e9"}));
    fields.push_back(Json::array({"Accept-Encoding", "gzip"}));
    fields.push_back(Json::array({"Content-Length", "7"}));
    const Json head = {{"method", "POST"}, {"path", path}, {"fields", fields}};
    Json body = {{"model", "test-model"}, {"prompt", kPrompt}};
    if (stream) body["stream"] = true;
    return Owned<confide_exchange>(
        confide_exchange_start(&channel, borrow(head.dump()), borrow(json::compact(body))));
  }
  static Seen next(confide_exchange& exchange) {
    pollfd waiting{.fd = confide_exchange_descriptor(&exchange), .events = POLLIN, .revents = 0};
    confide_bytes bytes{};
    confide_event event = CONFIDE_EVENT_NONE;
    while ((event = confide_exchange_next(&exchange, &bytes)) == CONFIDE_EVENT_NONE) {
      ::poll(&waiting, 1, -1);
    }
    return {event, std::string(as_text(ByteView(bytes.data, bytes.size)))};
  }
  static std::vector<Seen> all(confide_exchange& exchange) {
    std::vector<Seen> out;
    do {
      out.push_back(next(exchange));
    } while (out.back().event != CONFIDE_EVENT_END && out.back().event != CONFIDE_EVENT_FAILED);
    return out;
  }
  static std::vector<confide_event> events(const std::vector<Seen>& seen) {
    std::vector<confide_event> out;
    for (const Seen& one : seen) out.push_back(one.event);
    return out;
  }
  static std::string content(const std::vector<Seen>& seen) {
    std::string out;
    for (const Seen& one : seen) {
      if (one.event == CONFIDE_EVENT_CONTENT) out += one.bytes;
    }
    return out;
  }
  static void expect_failed(const Seen& seen, const std::string& check, const std::string& code) {
    ASSERT_EQ(seen.event, CONFIDE_EVENT_FAILED) << seen.bytes;
    const Json failure = parsed(seen.bytes);
    EXPECT_EQ(failure["check"], check) << seen.bytes;
    EXPECT_EQ(failure["code"], code) << seen.bytes;
    EXPECT_EQ(failure["verdict"]["verdict"], "fail");
    EXPECT_THAT(seen.bytes, Not(HasSubstr(std::string(kPrompt))));
  }

  std::counting_semaphore<> go{0};  // the backend's threads may wait for it to the last
  SealedBackend backend;
};

TEST_F(CapiClientTest, AServiceIsVerified) {
  for (const bool sealed : {false, true}) {
    Json how = options();
    how["sealed"] = sealed;
    char* document = nullptr;
    ASSERT_TRUE(confide_service_verify(borrow(how.dump()), &document)) << document;
    const Owned<char> owned(document);
    const Json service = parsed(document);
    EXPECT_EQ(service["models"], Json({backend.service.model_digest()}));
    EXPECT_EQ(service["keyset"], backend.service.digest());
    EXPECT_EQ(service["simulated"], true);
    EXPECT_EQ(service["verdict"]["verdict"], "pass");
    EXPECT_EQ(service["nonce"].get<std::string>().size(), 64U);
    EXPECT_THAT(service["report"].get<std::string>(), HasSubstr("\"aci/1\""));
  }
}

TEST_F(CapiClientTest, NothingIsTrustedThatWasNotNamed) {
  const std::string how = Json{{"url", backend.url()}}.dump();
  char* document = nullptr;
  EXPECT_FALSE(confide_service_verify(borrow(how), &document));
  const Owned<char> failure(document);
  EXPECT_EQ(parsed(document)["check"], "tdx.pck.chain");
  EXPECT_EQ(parsed(document)["code"], "untrusted");
  EXPECT_EQ(confide_channel_open(borrow(how), &document), nullptr);
  const Owned<char> error(document);
  EXPECT_EQ(parsed(document)["check"], "tdx.pck.chain");
}

TEST_F(CapiClientTest, EveryPolicyHasToBeMet) {
  const std::string pinned =
      "version = 1\n[measurements]\nmr_td = [\"" + std::string(96, '0') + "\"]\n";
  for (const Json& member : {Json{{"policy", pinned}}, Json{{"require", Json::array({pinned})}}}) {
    Json how = options();
    how.update(member);
    char* error = nullptr;
    EXPECT_EQ(confide_channel_open(borrow(how.dump()), &error), nullptr);
    const Owned<char> failure(error);
    EXPECT_EQ(parsed(error)["check"], "policy.measurements");
  }
}

TEST_F(CapiClientTest, AnAnswerComesAfterItsProof) {
  const auto channel = open();
  const auto seen = all(*ask(*channel, /*stream=*/false));
  ASSERT_THAT(events(seen), ElementsAre(CONFIDE_EVENT_PROOF, CONFIDE_EVENT_HEAD,
                                        CONFIDE_EVENT_CONTENT, CONFIDE_EVENT_END))
      << seen.back().bytes;
  const Json proof = parsed(seen[0].bytes);
  EXPECT_EQ(proof["verdict"]["verdict"], "pass");
  EXPECT_EQ(proof["keyset"], backend.service.digest());
  EXPECT_EQ(parsed(proof["receipt"].get<std::string>())["model"], "test-model");
  EXPECT_EQ(parsed(seen[1].bytes)["status"], 200);
  EXPECT_THAT(parsed(seen[1].bytes)["fields"],
              Contains(Json::array({"content-type", "application/json"})));
  EXPECT_THAT(content(seen), HasSubstr(std::string(kAnswer)));
  for (const std::string& wire : backend.seen()) {
    EXPECT_THAT(wire, Not(HasSubstr(std::string(kPrompt))));
  }
}

TEST_F(CapiClientTest, FieldsTravelByteForByteButForThoseOfOneHop) {
  const auto channel = open();
  all(*ask(*channel, /*stream=*/false));
  const seal::InnerRequest request = backend.served().front();
  EXPECT_EQ(*seal::find_field(request.fields, "x-name"), "caf\xe9");
  EXPECT_EQ(*seal::find_field(request.fields, "authorization"), "Bearer sk-secret");
  EXPECT_EQ(seal::find_field(request.fields, "accept-encoding"), nullptr);
  EXPECT_EQ(seal::find_field(request.fields, "content-length"), nullptr);
}

TEST_F(CapiClientTest, AStreamComesAtOnceAndItsEndAfterTheProof) {
  const auto channel = open();
  const auto seen = all(*ask(*channel, /*stream=*/true));
  EXPECT_EQ(seen.front().event, CONFIDE_EVENT_HEAD);
  EXPECT_EQ(seen.back().event, CONFIDE_EVENT_END);
  std::string before_proof;
  bool proven = false;
  for (const Seen& one : seen) {
    proven = proven || one.event == CONFIDE_EVENT_PROOF;
    if (!proven && one.event == CONFIDE_EVENT_CONTENT) before_proof += one.bytes;
  }
  EXPECT_TRUE(proven);
  EXPECT_THAT(before_proof, HasSubstr("is far."));
  EXPECT_THAT(before_proof, Not(HasSubstr("[DONE]")));
  EXPECT_THAT(content(seen), HasSubstr("[DONE]"));
}

TEST_F(CapiClientTest, NothingWholeIsDeliveredWhoseReceiptFails) {
  const auto channel = open();
  backend.receipt_for = "other bytes";
  const auto answer = all(*ask(*channel, /*stream=*/false));
  ASSERT_THAT(events(answer), ElementsAre(CONFIDE_EVENT_FAILED));
  expect_failed(answer.back(), "receipt.response", "mismatch");
  const auto stream = all(*ask(*channel, /*stream=*/true));
  expect_failed(stream.back(), "receipt.response", "mismatch");
  EXPECT_THAT(content(stream), Not(HasSubstr("[DONE]")));
  backend.receipt_for.clear();
  backend.no_receipt_id = true;
  expect_failed(all(*ask(*channel, /*stream=*/false)).back(), "receipt.fetch", "not_found");
}

TEST_F(CapiClientTest, ARefusalIsTheServicesOwnAndNeedsNoReceipt) {
  const auto channel = open();
  backend.refusal = seal::InnerResponse{.status = 429, .content = "not now"};
  const auto seen = all(*ask(*channel, /*stream=*/false));
  ASSERT_THAT(events(seen),
              ElementsAre(CONFIDE_EVENT_HEAD, CONFIDE_EVENT_CONTENT, CONFIDE_EVENT_END));
  EXPECT_EQ(parsed(seen[0].bytes)["status"], 429);
}

TEST_F(CapiClientTest, AChangedAnswerIsRefused) {
  const auto channel = open();
  backend.tamper = [](Pieces& pieces, const net::HttpRequest&) { pieces.back().back() ^= 1; };
  expect_failed(all(*ask(*channel, /*stream=*/true)).back(), "channel.answer", "bad_signature");
}

TEST_F(CapiClientTest, RequestsThatCannotBeSealedAreRefused) {
  const auto channel = open();
  expect_failed(all(*ask(*channel, false, "no slash")).back(), "channel.request", "malformed");
  expect_failed(all(*ask(*channel, false, "/\u20ac")).back(), "channel.request", "malformed");
  for (const std::string_view head :
       {"", "{}", R"({"method":"GET","path":"/","fields":[["a"]]})",
        R"({"method":"GET","path":"/","fields":{}})", R"({"method":7,"path":"/","fields":[]})"}) {
    const Owned<confide_exchange> exchange(
        confide_exchange_start(channel.get(), borrow(head), {nullptr, 0}));
    expect_failed(next(*exchange), "channel.request", "malformed");
    expect_failed(next(*exchange), "channel.request", "malformed");  // and so it stays
  }
  EXPECT_TRUE(backend.served().empty());
}

TEST_F(CapiClientTest, WhoeverCancelsGetsNoMoreAndTheNextOneEverything) {
  backend.before_piece = [this] { go.acquire(); };
  const auto channel = open();
  const auto exchange = ask(*channel, /*stream=*/true);
  EXPECT_EQ(next(*exchange).event, CONFIDE_EVENT_HEAD);
  EXPECT_EQ(next(*exchange).event, CONFIDE_EVENT_CONTENT);
  std::thread([&] { confide_exchange_cancel(exchange.get()); }).join();
  EXPECT_EQ(next(*exchange).event, CONFIDE_EVENT_FAILED);
  go.release(100);
  EXPECT_EQ(all(*ask(*channel, /*stream=*/true)).back().event, CONFIDE_EVENT_END);
}

TEST_F(CapiClientTest, AnExchangeMayOutliveItsChannelAndBeLeftAtAnyTime) {
  backend.before_piece = [this] { go.acquire(); };
  auto channel = open();
  const auto stays = ask(*channel, /*stream=*/true);
  EXPECT_EQ(next(*stays).event, CONFIDE_EVENT_HEAD);
  ask(*channel, /*stream=*/true).reset();
  channel.reset();
  EXPECT_EQ(next(*stays).event, CONFIDE_EVENT_FAILED);
  go.release(100);
}

TEST_F(CapiClientTest, AStreamLongerThanWhatMayWaitIsWholeAndMayBeLeft) {
  const std::string line = "data: " + std::string(1000, 'x') + "\n\n";
  std::string body;
  while (body.size() < std::size_t{4} << 20U) body += line;
  backend.refusal =
      seal::InnerResponse{.status = 500,  // needs no receipt
                          .fields = {{.name = "content-type", .value = "text/event-stream"}},
                          .content = body};
  const auto channel = open();
  const auto left = ask(*channel, /*stream=*/true);
  EXPECT_EQ(next(*left).event, CONFIDE_EVENT_HEAD);
  const auto seen = all(*ask(*channel, /*stream=*/true));
  EXPECT_EQ(seen.back().event, CONFIDE_EVENT_END);
  EXPECT_EQ(content(seen), body);
  confide_exchange_cancel(left.get());
  EXPECT_EQ(next(*left).event, CONFIDE_EVENT_FAILED);
}

TEST_F(CapiClientTest, ManyAtOnce) {
  const auto channel = open();
  std::vector<std::jthread> threads;
  std::atomic<int> whole{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, stream = i % 2 == 0] {
      for (int j = 0; j < 4; ++j) {
        if (all(*ask(*channel, stream)).back().event == CONFIDE_EVENT_END) ++whole;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(whole, 32);
}

}  // namespace
}  // namespace confide
