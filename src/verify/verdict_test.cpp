#include "verify/verdict.h"

#include <gtest/gtest.h>

namespace confide::verify {
namespace {

TEST(Verdict, NothingCheckedIsAFail) {
  Verdict verdict;
  EXPECT_FALSE(verdict.passed());
  EXPECT_EQ(verdict.to_json().at("verdict"), "fail");
  EXPECT_EQ(verdict.first_failure(), nullptr);
}

TEST(Verdict, SkippingAloneIsAFail) {
  Verdict verdict;
  verdict.skip("a", "nobody asked");
  EXPECT_FALSE(verdict.passed());
}

TEST(Verdict, OneFailureAmongPassesIsAFail) {
  Verdict verdict;
  verdict.pass("a");
  verdict.skip("b", "nobody asked");
  EXPECT_TRUE(verdict.passed());
  verdict.fail("c", "wrong");
  verdict.fail("d", "wrong too");
  EXPECT_FALSE(verdict.passed());
  ASSERT_NE(verdict.first_failure(), nullptr);
  EXPECT_EQ(verdict.first_failure()->id, "c");
}

TEST(Verdict, CheckRecordsAStatus) {
  Verdict verdict;
  EXPECT_TRUE(verdict.check("a", Status{}, "seen"));
  EXPECT_FALSE(verdict.check("b", fail(Errc::mismatch, "rule 7"), "seen"));
  EXPECT_EQ(verdict.checks()[0].detail, "seen");
  EXPECT_EQ(verdict.checks()[1].detail, "rule 7");
  EXPECT_EQ(verdict.checks()[1].status, CheckStatus::fail);
}

TEST(Verdict, MergingKeepsFailuresClaimsAndSimulated) {
  Verdict into;
  into.pass("a");
  into.claims["x"] = 1;
  Verdict other;
  other.fail("b", "wrong");
  other.claims["y"] = 2;
  other.simulated = true;
  into.merge(std::move(other));
  EXPECT_FALSE(into.passed());
  EXPECT_TRUE(into.simulated);
  EXPECT_EQ(into.claims, (Json{{"x", 1}, {"y", 2}}));
  EXPECT_EQ(into.checks().size(), 2U);
  into.merge(Verdict{});
  EXPECT_TRUE(into.simulated);
}

TEST(Verdict, HasTheFormThatProgramsRead) {
  Verdict verdict;
  verdict.pass("a", "seen");
  verdict.skip("b", "unasked");
  verdict.claims["mr_td"] = "00";
  EXPECT_EQ(verdict.to_json(), Json::parse(R"({"verdict":"pass","simulated":false,"checks":[
                {"id":"a","status":"pass","detail":"seen"},
                {"id":"b","status":"skip","detail":"unasked"}],"claims":{"mr_td":"00"}})"));
}

}  // namespace
}  // namespace confide::verify
