#include <gtest/gtest.h>

#include "seal/e2ee.h"
#include "seal/server_fixture_test.h"

namespace confide::seal {
namespace {

class ServerSealTest : public ServerTest {};

INSTANTIATE_TEST_SUITE_P(Suites, ServerSealTest, ::testing::Values(Suite::x25519, Suite::secp256k1),
                         suite_name);

TEST_P(ServerSealTest, SealsABufferedChat) {
  const ManualClient c = client();
  const auto opened = open(c.headers(), chat(c));
  ASSERT_TRUE(opened);
  const Json clear = json::parse(R"({"id":"chatcmpl-123","choices":[
          {"index":1,"message":{"role":"assistant","content":"Grüß","reasoning":"r",
           "reasoning_content":"rc","audio":{"id":"a","data":"UklG"}},"finish_reason":"stop"},
          {"message":{"role":"assistant","content":"","reasoning":null}}],"usage":{"n":1}})")
                         .value();
  Json body = clear;
  ASSERT_TRUE(opened->sealer.seal_body(body));
  const Json& message = body["choices"][0]["message"];
  const std::string id = "chatcmpl-123";
  EXPECT_EQ(c.open("choices.1.message.content", id, message["content"]).value(), "Grüß");
  EXPECT_EQ(c.open("choices.1.message.reasoning", id, message["reasoning"]).value(), "r");
  EXPECT_EQ(c.open("choices.1.message.reasoning_content", id, message["reasoning_content"]).value(),
            "rc");
  EXPECT_EQ(c.open("choices.1.message.audio.data", id, message["audio"]["data"]).value(), "UklG");
  EXPECT_EQ(message["role"], "assistant");
  const Json& second = body["choices"][1]["message"];
  EXPECT_EQ(c.open("choices.1.message.content", id, second["content"]).value(), "");
  EXPECT_TRUE(second["reasoning"].is_null());
  EXPECT_EQ(body["usage"], clear["usage"]);
}

TEST_P(ServerSealTest, SealsStreamedChunks) {
  const ManualClient c = client();
  const auto opened = open(c.headers(), chat(c));
  ASSERT_TRUE(opened);
  Json first =
      json::parse(R"({"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]})")
          .value();
  ASSERT_TRUE(opened->sealer.seal_chunk(first));
  EXPECT_EQ(json::compact(first),
            R"({"id":"x","choices":[{"index":0,"delta":{"role":"assistant"}}]})");

  const Json clear = json::parse(R"({"choices":[{"delta":{"content":"a","reasoning":"b"}},
                                                {"delta":{"reasoning_content":"c"}}]})")
                         .value();
  Json chunk = clear;
  ASSERT_TRUE(opened->sealer.seal_chunk(chunk));
  const Json& delta = chunk["choices"][0]["delta"];
  EXPECT_EQ(c.open("choices.0.delta.content", "", delta["content"]).value(), "a");
  EXPECT_EQ(c.open("choices.0.delta.reasoning", "", delta["reasoning"]).value(), "b");
  EXPECT_EQ(c.open("choices.1.delta.reasoning_content", "",
                   chunk["choices"][1]["delta"]["reasoning_content"])
                .value(),
            "c");

  // Each field has an ephemeral key and a nonce of its own, also for the same text.
  Json again = clear;
  ASSERT_TRUE(opened->sealer.seal_chunk(again));
  const auto ephemeral = [](const Json& j) {
    return j["choices"][0]["delta"]["content"].get<std::string>().substr(0, 64);
  };
  EXPECT_NE(ephemeral(again), ephemeral(chunk));

  Json last = json::parse(R"({"id":"x","choices":[],"usage":{"n":1}})").value();
  EXPECT_TRUE(opened->sealer.seal_chunk(last));
}

TEST_P(ServerSealTest, SealsCompletions) {
  const ManualClient c = client();
  const auto opened = open(c.headers(), chat(c));
  ASSERT_TRUE(opened);
  for (const bool streamed : {false, true}) {
    Json body = json::parse(R"({"id":"cmpl-1","choices":[{"index":2,"text":"t"}]})").value();
    ASSERT_TRUE(streamed ? opened->sealer.seal_chunk(body) : opened->sealer.seal_body(body));
    EXPECT_EQ(c.open("choices.2.text", "cmpl-1", body["choices"][0]["text"]).value(), "t");
  }
}

TEST_P(ServerSealTest, WhatCannotBeSealedIsAnInternalError) {
  const ManualClient c = client();
  const auto opened = open(c.headers(), chat(c));
  ASSERT_TRUE(opened);
  for (const char* text :
       {R"({"choices":[{"message":{"content":[{"type":"text"}]}}]})", R"({"choices":[{"text":1}]})",
        R"({"choices":{}})", R"({"choices":["x"]})", R"({"choices":[{"message":"x"}]})",
        R"({"choices":[{"message":{"audio":"x"}}]})"}) {
    Json body = json::parse(text).value();
    const Status status = opened->sealer.seal_body(body);
    ASSERT_FALSE(status) << text;
    EXPECT_EQ(status.error().code, Errc::internal);
  }
}

TEST_P(ServerSealTest, ContentWithoutAFieldIsNotSentInClear) {
  const ManualClient c = client();
  const auto opened = open(c.headers(), chat(c));
  ASSERT_TRUE(opened);
  for (const std::string_view choice :
       {R"({"message":{"content":"a","tool_calls":[{"id":"c"}]}})",
        R"({"message":{"content":"a","refusal":"no"}})", R"({"message":{"content":"a","new":1}})",
        R"({"message":{"content":"a"},"logprobs":{"content":[]}})"}) {
    Json body = json::parse(R"({"choices":[)" + std::string(choice) + "]}").value();
    const Status status = opened->sealer.seal_body(body);
    ASSERT_FALSE(status) << choice;
    EXPECT_EQ(status.error().code, Errc::internal) << choice;
  }
  Json nothing = json::parse(R"({"choices":[{"delta":{"content":"a","tool_calls":[],"refusal":null},
                                             "logprobs":null,"finish_reason":"stop"}]})")
                     .value();
  EXPECT_TRUE(opened->sealer.seal_chunk(nothing));
}

}  // namespace
}  // namespace confide::seal
