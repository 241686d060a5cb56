#include "verify/gpu_measurements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "evidence/testing/rim_xml.h"
#include "evidence/testing/spdm_bytes.h"

namespace confide::verify {
namespace {

using evidence::GpuStatus;
using evidence::Rim;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Compared {
  MeasurementComparison comparison;
  Status accepted;
};

class GpuMeasurements : public ::testing::Test {
 protected:
  Compared compare(std::vector<const Rim*> rims) const {
    Compared out;
    out.comparison = compare_measurements(report_, opaque_, rims);
    out.accepted = accept_measurements(out.comparison, rims);
    return out;
  }
  Compared compare() const { return compare({&driver_, &vbios_}); }

  evidence::SpdmReport report_ = evidence::testing::gpu_report();
  evidence::GpuOpaque opaque_;
  Rim driver_ = evidence::testing::rim_for("599.01", "GPU", {7, 35});
  Rim vbios_ = evidence::testing::rim_for("96.00.AB.00.01", "GPU", {9, 8});
};

TEST_F(GpuMeasurements, MatchByIndexLessOne) {
  const Compared out = compare();
  EXPECT_TRUE(out.accepted);
  EXPECT_THAT(out.comparison.matched, ElementsAre(7, 8, 9, 35));
  EXPECT_THAT(out.comparison.mismatched, IsEmpty());
  EXPECT_THAT(out.comparison.skipped, IsEmpty());
  EXPECT_THAT(out.comparison.conflict, IsEmpty());
}

TEST_F(GpuMeasurements, AnyAlternativeMayBeTheOne) {
  driver_.measurements[0].values.insert(driver_.measurements[0].values.begin(), Bytes(48, 0xEE));
  EXPECT_TRUE(compare().accepted);
}

TEST_F(GpuMeasurements, AnotherValueDoesNotMatch) {
  driver_.measurements[0].values = {Bytes(48, 0xEE)};
  const Compared out = compare();
  EXPECT_EQ(refusal(out.accepted), Errc::mismatch);
  EXPECT_THAT(out.accepted.error().message, HasSubstr("G18: not the reference value at index 7"));
  EXPECT_THAT(out.comparison.mismatched, ElementsAre(7));
}

TEST_F(GpuMeasurements, NoValueMatchesNothing) {
  driver_.measurements[0].values.clear();
  EXPECT_THAT(compare().comparison.mismatched, ElementsAre(7));
}

TEST_F(GpuMeasurements, AMissingBlockDoesNotMatch) {
  report_.measurements.erase(report_.measurements.begin() + 7);
  EXPECT_THAT(compare().comparison.mismatched, ElementsAre(7));
}

TEST_F(GpuMeasurements, ARawValueIsNoDigest) {
  report_.measurements[7].raw = true;
  EXPECT_THAT(compare().comparison.mismatched, ElementsAre(7));
}

TEST_F(GpuMeasurements, OrderOfBlocksDoesNotMatter) {
  std::swap(report_.measurements[7], report_.measurements[8]);
  EXPECT_TRUE(compare().accepted);
}

TEST_F(GpuMeasurements, InactiveOnesAreNotCompared) {
  driver_.measurements[0].values = {Bytes(48, 0xEE)};
  driver_.measurements[0].active = false;
  const Compared out = compare();
  EXPECT_TRUE(out.accepted);
  EXPECT_THAT(out.comparison.matched, ElementsAre(8, 9, 35));
}

TEST_F(GpuMeasurements, AManifestThatAsksForNothingIsRefused) {
  for (auto& measurement : vbios_.measurements) measurement.active = false;
  const Compared out = compare();
  EXPECT_EQ(refusal(out.accepted), Errc::mismatch);
  EXPECT_THAT(out.accepted.error().message, HasSubstr("G16: 96.00.AB.00.01"));
}

TEST_F(GpuMeasurements, OneIndexInBothIsAConflict) {
  vbios_.measurements[0].index = 7;
  vbios_.measurements[0].values = driver_.measurements[0].values;
  const Compared out = compare();
  EXPECT_EQ(refusal(out.accepted), Errc::mismatch);
  EXPECT_THAT(out.accepted.error().message, HasSubstr("G17: both manifests claim index 7"));
  EXPECT_THAT(out.comparison.conflict, ElementsAre(7));
}

TEST_F(GpuMeasurements, ConflictsAreListedInOrder) {
  EXPECT_THAT(compare({&vbios_, &vbios_}).comparison.conflict, ElementsAre(8, 9));
}

TEST_F(GpuMeasurements, ADecoderThatIsOffIsSkipped) {
  driver_.measurements[1].values = {Bytes(48, 0xEE)};
  opaque_.nvdec0 = GpuStatus::disabled;
  const Compared out = compare();
  EXPECT_TRUE(out.accepted);
  EXPECT_THAT(out.comparison.skipped, ElementsAre(35));
  EXPECT_THAT(out.comparison.matched, ElementsAre(7, 8, 9));
}

TEST_F(GpuMeasurements, OnlyADecoderThatIsOffIsSkipped) {
  driver_.measurements[1].values = {Bytes(48, 0xEE)};
  for (const auto status : {std::optional<GpuStatus>(), std::optional(GpuStatus::enabled),
                            std::optional(GpuStatus::unknown)}) {
    opaque_.nvdec0 = status;
    EXPECT_THAT(compare().comparison.mismatched, ElementsAre(35));
  }
}

TEST_F(GpuMeasurements, NothingElseIsSkippedWithTheDecoder) {
  driver_.measurements[0].values = {Bytes(48, 0xEE)};
  opaque_.nvdec0 = GpuStatus::disabled;
  EXPECT_THAT(compare().comparison.mismatched, ElementsAre(7));
}

}  // namespace
}  // namespace confide::verify
