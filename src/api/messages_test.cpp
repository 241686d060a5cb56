// Anthropic's Messages API over the whole service: answers, streams, errors and receipts.
#include "api/messages.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service_fixture_test.h"

namespace confide::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kAsk =
    R"({"model":"tiny","max_tokens":16,"messages":[{"role":"user","content":"hi"}]})";

struct MessagesTest : ServiceTest {
  static net::HttpRequest asking(std::string body, const std::string& path = "/v1/messages") {
    net::HttpRequest out = request("POST", path, std::move(body));
    out.headers.set("anthropic-version", "2023-06-01");
    return out;
  }
  std::shared_ptr<FakeExchange> ask(std::string body) { return call(asking(std::move(body))); }
  std::shared_ptr<FakeExchange> ask(Json body, std::string_view member, Json value) {
    body[std::string(member)] = std::move(value);
    return ask(json::compact(body));
  }
  static Json hello() { return json::parse(kAsk).value(); }

  // The data of a stream's events, each of which names its type twice.
  static std::vector<Json> events(const FakeExchange& exchange) {
    std::vector<Json> out;
    const std::string body = exchange.body();
    for (std::size_t at = 0; at < body.size();) {
      const std::size_t end = body.find("\n\n", at);
      const std::string event = body.substr(at, end - at);
      const std::size_t line = event.find('\n');
      EXPECT_TRUE(event.starts_with("event: ")) << event;
      EXPECT_EQ(event.substr(line + 1, 6), "data: ") << event;
      out.push_back(json::parse(event.substr(line + 7)).value());
      EXPECT_EQ(event.substr(7, line - 7), out.back().value("type", ""));
      at = end + 2;
    }
    return out;
  }
  static std::vector<std::string> types(const std::vector<Json>& events) {
    std::vector<std::string> out;
    for (const Json& event : events) out.push_back(event["type"]);
    return out;
  }
  // Of a body in Anthropic's shape and no other.
  static std::string anthropic_error(const FakeExchange& exchange) {
    const Json body = parsed(exchange);
    EXPECT_EQ(body["type"], "error") << exchange.body();
    EXPECT_EQ(body.size(), 3U);
    EXPECT_EQ(body["request_id"], exchange.headers().get("Request-Id").value_or("none"));
    EXPECT_EQ(body["error"].size(), 2U);
    return body["error"]["type"];
  }
  static std::string message_of(const FakeExchange& exchange) {
    return parsed(exchange)["error"]["message"];
  }
};

TEST_F(MessagesTest, AnswersAsAMessage) {
  engine.cached_tokens = 1;
  const auto exchange = ask(std::string(kAsk));
  EXPECT_EQ(exchange->status(), 200) << exchange->body();
  const Json answer = parsed(*exchange);
  EXPECT_THAT(answer["id"].get<std::string>(), ::testing::StartsWith("msg_"));
  EXPECT_EQ(answer["type"], "message");
  EXPECT_EQ(answer["role"], "assistant");
  EXPECT_EQ(answer["model"], "tiny");
  EXPECT_EQ(json::compact(answer["content"]), R"([{"type":"text","text":"Paris."}])");
  EXPECT_EQ(answer["stop_reason"], "end_turn");
  EXPECT_TRUE(answer["stop_sequence"].is_null());
  EXPECT_EQ(json::compact(answer["usage"]),
            R"({"input_tokens":2,"cache_creation_input_tokens":0,"cache_read_input_tokens":1,)"
            R"("output_tokens":3,"service_tier":"standard"})");
  const Json receipt = receipt_of(*exchange);
  EXPECT_EQ(receipt["endpoint"], "/v1/messages");
  EXPECT_EQ(receipt["chat_id"], answer["id"]);
  EXPECT_EQ(event_hash(receipt, "request.received"), crypto::sha256_tag(as_bytes(kAsk)));
  EXPECT_EQ(event_hash(receipt, "response.returned"),
            crypto::sha256_tag(as_bytes(exchange->body())));
}

TEST_F(MessagesTest, StreamsNamedEventsAndNoDone) {
  engine.cached_tokens = 2;
  const auto exchange = ask(hello(), "stream", true);
  EXPECT_EQ(exchange->headers().get("Content-Type"), "text/event-stream");
  const auto seen = events(*exchange);
  EXPECT_THAT(types(seen), ::testing::AllOf(::testing::Contains("content_block_delta"),
                                            ::testing::Not(::testing::Contains("error"))));
  EXPECT_EQ(seen.front()["type"], "message_start");
  const Json& started = seen.front()["message"];
  EXPECT_EQ(started["content"], Json::array());
  EXPECT_TRUE(started["stop_reason"].is_null());
  EXPECT_EQ(started["usage"]["input_tokens"], 3);
  EXPECT_EQ(started["usage"]["output_tokens"], 0);
  EXPECT_EQ(json::compact(seen.at(1)), R"({"type":"ping"})");
  EXPECT_EQ(
      json::compact(seen.at(2)),
      R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})");
  std::string text;
  for (std::size_t i = 3; seen.at(i)["type"] == "content_block_delta"; ++i) {
    EXPECT_EQ(seen[i]["delta"]["type"], "text_delta");
    text += seen[i]["delta"]["text"];
  }
  EXPECT_EQ(text, "Paris.");
  EXPECT_EQ(json::compact(seen.at(seen.size() - 3)), R"({"type":"content_block_stop","index":0})");
  const Json& delta = seen.at(seen.size() - 2);
  EXPECT_EQ(json::compact(delta["delta"]), R"({"stop_reason":"end_turn","stop_sequence":null})");
  EXPECT_EQ(delta["usage"]["input_tokens"], 1);
  EXPECT_EQ(delta["usage"]["cache_read_input_tokens"], 2);
  EXPECT_EQ(delta["usage"]["output_tokens"], 3);
  EXPECT_EQ(json::compact(seen.back()), R"({"type":"message_stop"})");
  EXPECT_THAT(exchange->body(), Not(HasSubstr("[DONE]")));
  EXPECT_EQ(event_hash(receipt_of(*exchange), "response.returned"),
            crypto::sha256_tag(as_bytes(exchange->body())));
}

TEST_F(MessagesTest, ThoughtsTextAndCallsAreBlocks) {
  engine.pieces = {{"think: hm\n"},
                   {"Let me see.\n"},
                   {"call: weather {\"city\":\"Oslo\"}\n"},
                   {"call: time {}\n"}};
  const Json answer = parsed(*ask(std::string(kAsk)));
  const Json& content = answer["content"];
  ASSERT_EQ(content.size(), 4U);
  EXPECT_EQ(json::compact(content[0]), R"({"type":"thinking","thinking":"hm","signature":""})");
  EXPECT_EQ(content[1]["text"], "Let me see.\n");
  EXPECT_EQ(content[2]["type"], "tool_use");
  EXPECT_THAT(content[2]["id"].get<std::string>(), ::testing::StartsWith("toolu_"));
  EXPECT_EQ(content[2]["name"], "weather");
  EXPECT_EQ(content[2]["input"]["city"], "Oslo");
  EXPECT_EQ(content[3]["input"], Json::object());
  EXPECT_NE(content[2]["id"], content[3]["id"]);
  EXPECT_EQ(answer["stop_reason"], "tool_use");
}

TEST_F(MessagesTest, StreamedBlocksComeOneAfterAnother) {
  engine.pieces = {{"think: hm\n"},
                   {"Let me see.\n"},
                   {"call: weather {\"city\":\"Oslo\"}\n"},
                   {"call: time {}\n"}};
  const auto seen = events(*ask(hello(), "stream", true));
  std::vector<std::string> kinds;
  std::vector<std::string> said(4);
  int open = -1;
  for (const Json& event : seen) {
    if (event["type"] == "content_block_start") {
      EXPECT_EQ(open, -1);
      open = event["index"];
      kinds.push_back(event["content_block"]["type"]);
      if (kinds.back() == "tool_use") {
        EXPECT_EQ(event["content_block"]["input"], Json::object());
        EXPECT_THAT(event["content_block"]["id"].get<std::string>(),
                    ::testing::StartsWith("toolu_"));
        kinds.back() += " " + event["content_block"]["name"].get<std::string>();
      }
    } else if (event["type"] == "content_block_delta") {
      EXPECT_EQ(event["index"], open);
      const Json& delta = event["delta"];
      for (const char* member : {"thinking", "text", "partial_json"}) {
        said.at(static_cast<std::size_t>(open)) += delta.value(member, "");
      }
    } else if (event["type"] == "content_block_stop") {
      EXPECT_EQ(event["index"], open);
      open = -1;
    }
  }
  EXPECT_EQ(open, -1);
  EXPECT_THAT(kinds, ElementsAre("thinking", "text", "tool_use weather", "tool_use time"));
  EXPECT_THAT(said, ElementsAre("hm", "Let me see.\n", R"({"city":"Oslo"})", "{}"));
  EXPECT_EQ(seen.at(seen.size() - 2)["delta"]["stop_reason"], "tool_use");
}

TEST_F(MessagesTest, SaysWhyItStopped) {
  engine.finish = engine::Finish::length;
  EXPECT_EQ(parsed(*ask(std::string(kAsk)))["stop_reason"], "max_tokens");
  engine.finish = engine::Finish::stop;
  engine.stopped_by = 1;
  for (const bool stream : {false, true}) {
    Json body = hello();
    body["stop_sequences"] = {"END", "###"};
    const auto exchange = ask(std::move(body), "stream", stream);
    const Json stopped = stream ? Json(events(*exchange).end()[-2]["delta"]) : parsed(*exchange);
    EXPECT_EQ(stopped["stop_reason"], "stop_sequence");
    EXPECT_EQ(stopped["stop_sequence"], "###");
  }
  EXPECT_THAT(engine.jobs.back().stop, ElementsAre("END", "###"));
}

TEST_F(MessagesTest, ACallThatWasCutOffIsNone) {
  engine.pieces = {{"call: weather {\"city\":\"Os\n"}};
  engine.finish = engine::Finish::length;
  const Json answer = parsed(*ask(std::string(kAsk)));
  EXPECT_EQ(answer["content"], Json::array());
  EXPECT_EQ(answer["stop_reason"], "max_tokens");
}

TEST_F(MessagesTest, SamplingReachesTheEngine) {
  Json body = hello();
  body["temperature"] = 0.25;
  body["top_p"] = 0.5;
  body["top_k"] = 7;
  body["metadata"] = {{"user_id", "somebody"}};
  body["service_tier"] = "standard_only";
  body["cache_control"] = {{"type", "ephemeral"}};
  EXPECT_EQ(ask(json::compact(body))->status(), 200);
  const engine::Job& job = engine.jobs.back();
  EXPECT_EQ(job.sampling.temperature, 0.25F);
  EXPECT_EQ(job.sampling.top_p, 0.5F);
  EXPECT_EQ(job.sampling.top_k, 7);
  EXPECT_EQ(job.max_tokens, 16);
}

TEST_F(MessagesTest, CountsTokensAndGeneratesNothing) {
  const std::string body = R"({"model":"tiny","messages":[{"role":"user","content":"hello"}]})";
  const auto exchange = call(asking(body, "/v1/messages/count_tokens"));
  EXPECT_EQ(exchange->status(), 200);
  EXPECT_EQ(exchange->body(), R"({"input_tokens":6})");
  EXPECT_EQ(engine.jobs.size(), 0U);
  EXPECT_EQ(store.size(), 0U) << "it pushes no other answer's receipt out";
  const Json receipt = receipt_of(*exchange);
  EXPECT_EQ(receipt["endpoint"], "/v1/messages/count_tokens");
  EXPECT_EQ(receipt["model"], "tiny");
  EXPECT_EQ(event_hash(receipt, "request.received"), crypto::sha256_tag(as_bytes(body)));
  EXPECT_EQ(event_hash(receipt, "response.returned"),
            crypto::sha256_tag(as_bytes(exchange->body())));
  const Json& ran = receipt["event_log"][2];
  EXPECT_EQ(ran["type"], "confide.execution");
  EXPECT_EQ(ran["prompt_tokens"], 6);
  EXPECT_EQ(ran["completion_tokens"], 0);
}

TEST_F(MessagesTest, CountsWhatDoesNotFitTheContext) {
  const Json body = {{"model", "tiny"},
                     {"messages", {{{"role", "user"}, {"content", std::string(1000, 'x')}}}}};
  const auto exchange = call(asking(json::compact(body), "/v1/messages/count_tokens"));
  EXPECT_EQ(parsed(*exchange)["input_tokens"], 1001);
}

TEST_F(MessagesTest, CountingTakesNothingThatGenerates) {
  const auto exchange = call(asking(std::string(kAsk), "/v1/messages/count_tokens"));
  EXPECT_EQ(exchange->status(), 400);
  EXPECT_EQ(message_of(*exchange), "max_tokens: Extra inputs are not permitted");
}

TEST_F(MessagesTest, TheVersionIsRequired) {
  net::HttpRequest none = request("POST", "/v1/messages", std::string(kAsk));
  auto exchange = call(none);
  EXPECT_EQ(exchange->status(), 400);
  EXPECT_EQ(anthropic_error(*exchange), "invalid_request_error");
  EXPECT_EQ(message_of(*exchange), "anthropic-version: header is required");
  for (const char* version : {"2023-01-01", "2023-6-1", "latest", "2023-06-01, 2023-06-01"}) {
    none.headers.set("anthropic-version", version);
    exchange = call(none);
    EXPECT_EQ(exchange->status(), 400) << version;
    EXPECT_THAT(message_of(*exchange), HasSubstr("2023-06-01"));
  }
  none.headers.set("anthropic-version", "2026-10-21");
  EXPECT_EQ(call(none)->status(), 200);
}

TEST_F(MessagesTest, EveryErrorHasAnthropicsShape) {
  auto exchange = ask(hello(), "model", "gpt-none");
  EXPECT_EQ(exchange->status(), 404);
  EXPECT_EQ(anthropic_error(*exchange), "not_found_error");
  exchange = ask("no JSON");
  EXPECT_EQ(exchange->status(), 400);
  EXPECT_EQ(anthropic_error(*exchange), "invalid_request_error");
  exchange = call(asking("{}", "/v1/messages/batches"));
  EXPECT_EQ(exchange->status(), 404);
  EXPECT_EQ(anthropic_error(*exchange), "not_found_error");
  exchange = get("/v1/messages");
  EXPECT_EQ(exchange->status(), 405);
  EXPECT_EQ(anthropic_error(*exchange), "invalid_request_error");
  exchange = ask(hello(), "provider", {{"aci_session_ids", Json::array({std::string(64, 'a')})}});
  EXPECT_EQ(exchange->status(), 412);
  EXPECT_EQ(anthropic_error(*exchange), "session_not_accepted");
  EXPECT_EQ(receipt_of(*exchange)["model"], "tiny");
  EXPECT_EQ(store.size(), 0U);
  const auto large = service.transport_error(413, "too large", "/v1/messages");
  EXPECT_EQ(json::parse(large.body).value()["error"]["type"], "request_too_large");
  const auto elsewhere = service.transport_error(413, "too large", "/v1/messagesx");
  EXPECT_EQ(json::parse(elsewhere.body).value()["error"]["type"], "invalid_request_error");
  EXPECT_FALSE(json::parse(elsewhere.body).value().contains("type"));
}

TEST_F(MessagesTest, TheRequestsIdIsWhereAnthropicsClientsLook) {
  const auto answered = ask(std::string(kAsk));
  EXPECT_EQ(answered->headers().get("Request-Id"), answered->headers().get("X-Request-Id"));
  EXPECT_FALSE(parsed(*answered).contains("request_id"));
  EXPECT_FALSE(chat(std::string(kHello))->headers().has("Request-Id"));
}

TEST_F(MessagesTest, AFullQueueIsARateLimit) {
  engine.refuse = Errc::limit;
  const auto exchange = ask(std::string(kAsk));
  EXPECT_EQ(exchange->status(), 429);
  EXPECT_EQ(anthropic_error(*exchange), "rate_limit_error");
  EXPECT_TRUE(exchange->headers().get("Retry-After"));
}

TEST_F(MessagesTest, OurOwnFaultIsAnApiError) {
  engine.finish = engine::Finish::error;
  const auto whole = ask(std::string(kAsk));
  EXPECT_EQ(whole->status(), 500);
  EXPECT_EQ(anthropic_error(*whole), "api_error");
  const auto streamed = ask(hello(), "stream", true);
  const Json last = events(*streamed).back();
  EXPECT_EQ(last["type"], "error");
  EXPECT_EQ(last["error"]["type"], "api_error");
  EXPECT_EQ(last["request_id"], streamed->headers().get("Request-Id").value());
  EXPECT_THAT(streamed->body(), Not(HasSubstr("message_stop")));
  EXPECT_EQ(event_hash(receipt_of(*streamed), "response.returned"),
            crypto::sha256_tag(as_bytes(streamed->body())));
}

TEST_F(MessagesTest, FieldEncryptionIsNotForThisPath) {
  for (const char* path : {"/v1/messages", "/v1/messages/count_tokens"}) {
    net::HttpRequest sealed = asking(std::string(kAsk), path);
    sealed.headers.set("X-E2EE-Version", "2");
    const auto exchange = call(std::move(sealed));
    EXPECT_EQ(exchange->status(), 400);
    EXPECT_EQ(anthropic_error(*exchange), "e2ee_unsupported_endpoint");
    EXPECT_FALSE(exchange->headers().get("X-Receipt-Id"));
  }
  EXPECT_EQ(engine.jobs.size(), 0U);
}

}  // namespace
}  // namespace confide::api
