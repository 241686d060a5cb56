#include "proxy/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "proxy/proxy.h"

namespace confide::proxy {
namespace {

using ::testing::HasSubstr;

TEST(ProxyErrors, EachClientGetsItsOwnShape) {
  verify::Verdict verdict;
  verdict.fail("receipt.response", "other bytes");
  const ProxyError error = to_proxy_error({Errc::mismatch, "other bytes"}, verdict);

  const auto openai = error_response(error, dialect_of("/v1/chat/completions"));
  EXPECT_EQ(openai.status, 502);
  EXPECT_EQ(openai.headers.get("X-Confide-Check"), "receipt.response");
  EXPECT_EQ(openai.headers.get("x-should-retry"), "false");
  const Json first = json::parse(openai.body).value();
  EXPECT_EQ(first["error"]["code"], "receipt.response");
  EXPECT_EQ(first["error"]["type"], "verification_failed");
  EXPECT_EQ(first["error"]["message"], "confide: other bytes");

  const Json second = json::parse(error_response(error, dialect_of("/v1/messages")).body).value();
  EXPECT_EQ(second["type"], "error");
  EXPECT_EQ(second["error"]["type"], "api_error");
  EXPECT_THAT(second["error"]["message"].get<std::string>(), HasSubstr("receipt.response"));
}

TEST(ProxyErrors, WhatMayPassByItselfIs503) {
  const ProxyError error = to_proxy_error({Errc::unavailable, "down"}, {});
  EXPECT_EQ(error.status, 503);
  EXPECT_EQ(error.code, "unavailable");
  EXPECT_EQ(json::parse(error_response(error, Dialect::anthropic).body).value()["error"]["type"],
            "overloaded_error");
}

TEST(ProxyErrors, ARequestThatCannotBeSealedIsTheClientsOwnMistake) {
  verify::Verdict verdict;
  verdict.fail("channel.request", "a field");
  const ProxyError error = to_proxy_error({Errc::malformed, "a field"}, verdict);
  EXPECT_EQ(error.status, 400);
  EXPECT_EQ(error.code, "channel.request");
  EXPECT_FALSE(error_response(error, Dialect::openai).headers.get("x-should-retry"));
}

TEST(ProxyErrors, WhatTheListenerRefusesHasTheShapeOfItsPath) {
  const auto type_at = [](int status, std::string_view path) -> std::string {
    const auto response = Proxy::transport_error(status, "too large", path);
    EXPECT_EQ(response.status, status);
    const Json body = json::parse(response.body).value();
    EXPECT_EQ(body.contains("type"), path == "/v1/messages") << response.body;
    return body["error"]["type"];
  };
  EXPECT_EQ(type_at(413, "/v1/messages"), "request_too_large");
  EXPECT_EQ(type_at(431, "/v1/messages"), "invalid_request_error");
  EXPECT_EQ(type_at(500, "/v1/messages"), "api_error");
  EXPECT_EQ(type_at(413, "/v1/responses"), "invalid_request_error");
  EXPECT_EQ(type_at(400, ""), "invalid_request_error");
}

TEST(ProxyErrors, DialectIsByPath) {
  EXPECT_EQ(dialect_of("/v1/messages/count_tokens"), Dialect::anthropic);
  EXPECT_EQ(dialect_of("/v1/messagesx"), Dialect::openai);
  EXPECT_EQ(dialect_of("/v1/models"), Dialect::openai);
}

TEST(ProxyErrors, BytesOfTheServiceDoNoHarm) {
  const auto response = error_response({502, "it said \xff\x1b[2J", "x"}, Dialect::openai);
  EXPECT_TRUE(json::parse(response.body));
}

}  // namespace
}  // namespace confide::proxy
