#include "client/proven_exchange.h"

#include <memory>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/testing/sealed_backend.h"

namespace confide::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::SealedBackend;

TEST(ProvenFields, OfOneHopAndOfTheChannelStayBehind) {
  for (const std::string_view name :
       {"connection", "host", "content-length", "transfer-encoding", "accept-encoding", "date",
        "cookie", "origin", "sec-fetch-site", "x-forwarded-for", "confide-nonce"}) {
    EXPECT_FALSE(is_sent(name)) << name;
  }
  for (const std::string_view name :
       {"set-cookie", "content-length", "access-control-allow-origin", "alt-svc"}) {
    EXPECT_FALSE(is_handed_on(name)) << name;
  }
  for (const std::string_view name : {"authorization", "content-type", "x-receipt-id"}) {
    EXPECT_TRUE(is_sent(name) && is_handed_on(name)) << name;
  }
}

// What a program gets of one question.
class ProvenExchangeTest : public ::testing::Test {
 protected:
  ProvenExchangeTest() {
    SealedOptions options;
    options.target.url = backend.url();
    options.target.policy = backend.service.policy();
    options.target.clock = &clock;
    verify::Verdict opened;
    channel = SealedChannel::open(std::move(options), opened).value();
  }

  Status ask(bool stream) {
    seal::InnerRequest request{.authority = "service", .path = "/v1/chat/completions"};
    request.content = stream ? R"({"stream":true})" : "{}";
    const ProvenSink sink{
        .on_receipt =
            [this](const SealedAnswer&, const std::string& document, const verify::Verdict& found) {
              had_content_before_receipt = !content.empty();
              receipt = document;
              receipt_passed = found.passed();
            },
        .on_head =
            [this](const seal::InnerResponse& head) {
              status = head.status;
              return Status();
            },
        .on_content = [this](const std::string& piece) -> Status {
          content += piece;
          if (refuses_content) return fail(Errc::unavailable, "nobody is there");
          return {};
        }};
    Cancellation never;
    return exchange_proven(*channel, request, sink, never, verdict);
  }
  void expect_failed(const Status& asked, Errc code, const std::string& check) {
    ASSERT_FALSE(asked);
    EXPECT_EQ(asked.error().code, code);
    ASSERT_NE(verdict.first_failure(), nullptr);
    EXPECT_EQ(verdict.first_failure()->id, check);
  }

  SealedBackend backend;
  FixedClock clock{backend.service.now};
  std::unique_ptr<SealedChannel> channel;
  bool refuses_content = false;

  int status = 0;
  std::string content;
  std::optional<std::string> receipt;
  bool receipt_passed = false;
  bool had_content_before_receipt = false;
  verify::Verdict verdict;
};

TEST_F(ProvenExchangeTest, AnAnswerIsWithheldUntilItsReceiptHasVerified) {
  ASSERT_TRUE(ask(/*stream=*/false));
  EXPECT_TRUE(receipt_passed);
  EXPECT_FALSE(had_content_before_receipt);
  EXPECT_EQ(status, 200);
  EXPECT_THAT(content, HasSubstr("The moon is far."));
}

TEST_F(ProvenExchangeTest, AStreamIsHandedOnAtOnceButForItsEnd) {
  ASSERT_TRUE(ask(/*stream=*/true));
  EXPECT_TRUE(had_content_before_receipt);
  EXPECT_THAT(content, HasSubstr("[DONE]"));
}

TEST_F(ProvenExchangeTest, WhatDoesNotVerifyIsNotDelivered) {
  backend.receipt_for = "other bytes";
  expect_failed(ask(/*stream=*/false), Errc::mismatch, "receipt.response");
  EXPECT_EQ(status, 0);
  EXPECT_EQ(content, "");
  EXPECT_THAT(receipt.value(), HasSubstr("rcpt-")) << "it is evidence";
  EXPECT_FALSE(receipt_passed);
}

TEST_F(ProvenExchangeTest, NorIsTheEndOfAStream) {
  backend.receipt_for = "other bytes";
  expect_failed(ask(/*stream=*/true), Errc::mismatch, "receipt.response");
  EXPECT_THAT(content, HasSubstr("far."));
  EXPECT_THAT(content, Not(HasSubstr("[DONE]")));
}

TEST_F(ProvenExchangeTest, AMissingReceiptIsNone) {
  backend.no_receipt_id = true;
  expect_failed(ask(/*stream=*/false), Errc::not_found, "receipt.fetch");
  EXPECT_EQ(receipt, "");
  EXPECT_EQ(content, "");
}

TEST_F(ProvenExchangeTest, ARefusalNeedsNoReceipt) {
  backend.refusal = seal::InnerResponse{.status = 429, .content = "not now"};
  ASSERT_TRUE(ask(/*stream=*/false));
  EXPECT_EQ(status, 429);
  EXPECT_EQ(content, "not now");
  EXPECT_FALSE(receipt);
}

TEST_F(ProvenExchangeTest, WhoeverTakesNoMoreEndsIt) {
  refuses_content = true;
  const Status asked = ask(/*stream=*/true);
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().message, "nobody is there");
  EXPECT_FALSE(receipt) << "no receipt is asked for";
}

}  // namespace
}  // namespace confide::client
