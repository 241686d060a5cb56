#include "verify/quote.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "verify/testing/tdx_lab.h"

namespace confide::verify {
namespace {

template <class Lab>
Verdict judge(const Lab& lab, const Bytes& quote) {
  const auto collateral = lab.collateral();
  Verdict verdict;
  const Status status =
      verify_quote(quote, Endorsements(&collateral), lab.policy(), lab.at, verdict);
  EXPECT_EQ(status.has_value(), verdict.passed());
  return verdict;
}

TEST(QuoteTest, EachTeeIsJudgedByItsOwnRules) {
  const testing::TdxLab tdx;
  EXPECT_TRUE(judge(tdx, tdx.quote()).passed());
  EXPECT_EQ(judge(tdx, tdx.quote()).checks().front().id, "tdx.quote.parse");
  const testing::SgxLab sgx;
  EXPECT_TRUE(judge(sgx, sgx.quote()).passed());
  EXPECT_EQ(judge(sgx, sgx.quote()).checks().front().id, "sgx.quote.parse");
}

TEST(QuoteTest, WhatIsNoQuoteFails) {
  const testing::TdxLab lab;
  for (const std::size_t size : {0U, 7U, 8U, 64U}) {
    const Verdict verdict = judge(lab, Bytes(size, 0));
    EXPECT_FALSE(verdict.passed());
    // Eight bytes of zero are the beginning of an enclave's.
    EXPECT_EQ(verdict.first_failure()->id, size < 8 ? "tdx.quote.parse" : "sgx.quote.parse");
  }
}

}  // namespace
}  // namespace confide::verify
