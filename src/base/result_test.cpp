#include "base/result.h"

#include <memory>

#include <gtest/gtest.h>

#include "base/testing.h"

namespace confide {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Errc::malformed, "odd");
  return n / 2;
}

Result<int> quarter(int n) {
  TRY_ASSIGN(const int h, half(n));
  return half(h);
}

Status check(int n) {
  TRY(half(n));
  return {};
}

TEST(Result, CarriesAValueOrAnError) {
  EXPECT_EQ(*half(4), 2);
  EXPECT_EQ(half(3).error().code, Errc::malformed);
  EXPECT_EQ(half(3).error().message, "odd");
}

TEST(Result, TryPassesErrorsOn) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(refusal(quarter(7)), Errc::malformed);
  EXPECT_EQ(refusal(quarter(6)), Errc::malformed);
  EXPECT_EQ(refusal(check(2)), std::nullopt);
  EXPECT_EQ(refusal(check(1)), Errc::malformed);
}

TEST(Result, TryAssignMovesTheValue) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
  const auto use = [&]() -> Result<int> {
    TRY_ASSIGN(const std::unique_ptr<int> p, make());
    return *p;
  };
  EXPECT_EQ(*use(), 7);
}

TEST(ResultDeathTest, ReadingTheAbsentSideAborts) {
  EXPECT_DEATH(static_cast<void>(*half(3)), "");
  EXPECT_DEATH(static_cast<void>(half(4).error()), "");
}

TEST(Errc, EveryCodeHasItsOwnName) {
  EXPECT_EQ(to_string(Errc::malformed), "malformed");
  EXPECT_EQ(to_string(Errc::bad_signature), "bad signature");
  EXPECT_EQ(to_string(Errc::internal), "internal error");
}

}  // namespace
}  // namespace confide
