#include "evidence/spdm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "evidence/testing/spdm_bytes.h"

namespace confide::evidence {
namespace {

using testing::gpu_report;
using ::testing::HasSubstr;
using testing::write_opaque;
using testing::write_spdm_signed_bytes;

constexpr std::size_t kResponse = 37;
constexpr std::size_t kRecord = kResponse + 8;
constexpr std::size_t kBlock = 55;
constexpr std::size_t kRecordEnd = kRecord + 64 * kBlock;
constexpr std::size_t kOpaque = kRecordEnd + 32;

Bytes whole(const SpdmReport& report) {
  Bytes out = write_spdm_signed_bytes(report);
  append(out, Bytes(96, 0x5a));
  return out;
}
Bytes whole() { return whole(gpu_report()); }

TEST(Spdm, ReadsRequestResponseAndSignature) {
  const auto report = parse_spdm_report(whole());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->request.nonce, gpu_report().request.nonce);
  EXPECT_EQ(report->request.param2, 0xFF);
  EXPECT_EQ(report->responder_nonce, gpu_report().responder_nonce);
  ASSERT_EQ(report->measurements.size(), 64U);
  EXPECT_EQ(report->measurements[7].index, 8);
  EXPECT_EQ(report->measurements[7].type, 1);
  EXPECT_FALSE(report->measurements[7].raw);
  EXPECT_EQ(report->measurements[7].value, Bytes(48, 8));
  EXPECT_EQ(report->opaque.size(), gpu_report().opaque.size());
  EXPECT_EQ(report->signature[95], 0x5a);
  EXPECT_EQ(report->signed_bytes, write_spdm_signed_bytes(gpu_report()));
  EXPECT_EQ(report->surplus, 0U);
}

TEST(Spdm, FindsBlocksAndFieldsByNumber) {
  const auto report = parse_spdm_report(whole()).value();
  EXPECT_EQ(find_measurement(report, 64)->value, Bytes(48, 64));
  EXPECT_EQ(find_measurement(report, 65), nullptr);
  EXPECT_EQ(*find_opaque(report, 11), Bytes{0xAA});
  EXPECT_EQ(find_opaque(report, 99), nullptr);
}

TEST(Spdm, TellsRawValuesFromDigests) {
  SpdmReport spoiled = gpu_report();
  spoiled.measurements[0].raw = true;
  const auto report = parse_spdm_report(whole(spoiled)).value();
  EXPECT_TRUE(report.measurements[0].raw);
  EXPECT_EQ(report.measurements[0].type, 1);
}

TEST(Spdm, CountsBytesThatNothingSigns) {
  Bytes bytes = whole();
  bytes.push_back(7);
  const auto report = parse_spdm_report(bytes).value();
  EXPECT_EQ(report.surplus, 1U);
  EXPECT_EQ(report.signature[95], 7);
  EXPECT_EQ(report.signed_bytes, write_spdm_signed_bytes(gpu_report()));
}

struct Spoiled {
  std::size_t at;
  std::uint8_t value;
  Errc code;
  const char* reason;
};

class SpdmSpoiled : public ::testing::TestWithParam<Spoiled> {};

TEST_P(SpdmSpoiled, IsRefused) {
  Bytes bytes = whole();
  bytes[GetParam().at] = GetParam().value;
  const auto report = parse_spdm_report(bytes);
  ASSERT_EQ(refusal(report), GetParam().code);
  EXPECT_THAT(report.error().message, HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, SpdmSpoiled,
    ::testing::Values(Spoiled{0, 0x12, Errc::unsupported, "version 0x12 of the request"},
                      Spoiled{1, 0xE1, Errc::malformed, "request code"},
                      Spoiled{kResponse, 0x12, Errc::unsupported, "version 0x12 of the response"},
                      Spoiled{kResponse + 1, 0x61, Errc::malformed, "response code"},
                      Spoiled{kResponse + 4, 63, Errc::malformed, "measurement record"},
                      Spoiled{kResponse + 4, 65, Errc::malformed, "measurement index"},
                      Spoiled{kResponse + 5, 0xC1, Errc::malformed, "measurement record"},
                      Spoiled{kResponse + 7, 1, Errc::malformed, "measurement record"},
                      Spoiled{kRecord, 0, Errc::malformed, "measurement index 0"},
                      Spoiled{kRecord, 0xFF, Errc::malformed, "measurement index 255"},
                      Spoiled{kRecord, 2, Errc::malformed, "measurement 2 twice"},
                      Spoiled{kRecord + 1, 2, Errc::unsupported, "measurement specification 2"},
                      Spoiled{kRecord + 3, 0xFF, Errc::malformed, "measurement"},
                      Spoiled{kRecord + 5, 47, Errc::malformed, "measurement value"},
                      Spoiled{kRecord + 5, 49, Errc::malformed, "measurement value"},
                      Spoiled{kOpaque + 1, 0xFF, Errc::malformed, "opaque data"},
                      Spoiled{kOpaque + 4, 0xFF, Errc::malformed, "opaque field"},
                      Spoiled{kOpaque + 5, 0x7F, Errc::malformed, "opaque field"}));

TEST(Spdm, RefusesAFieldTypeTwice) {
  SpdmReport spoiled = gpu_report();
  spoiled.opaque.push_back({.type = 3, .value = {1}});
  const auto report = parse_spdm_report(whole(spoiled));
  EXPECT_EQ(refusal(report), Errc::malformed);
  EXPECT_THAT(report.error().message, HasSubstr("field 3 twice"));
}

TEST(Spdm, LimitsOpaqueFields) {
  SpdmReport many = gpu_report();
  for (std::uint16_t type = 1000; many.opaque.size() < 256; ++type) {
    many.opaque.push_back({.type = type, .value = {}});
  }
  EXPECT_TRUE(parse_spdm_report(whole(many)));
  many.opaque.push_back({.type = 999, .value = {}});
  EXPECT_EQ(refusal(parse_spdm_report(whole(many))), Errc::limit);
}

TEST(Spdm, RefusesStrayBytesInOpaqueData) {
  Bytes opaque = write_opaque(gpu_report().opaque);
  append(opaque, Bytes{1, 0, 0});
  Bytes bytes = write_spdm_signed_bytes(gpu_report(), opaque);
  append(bytes, Bytes(96, 0));
  EXPECT_EQ(refusal(parse_spdm_report(bytes)), Errc::malformed);
}

TEST(Spdm, RefusesEveryTruncation) {
  const Bytes bytes = whole();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(refusal(parse_spdm_report(ByteView(bytes).first(size))), Errc::malformed) << size;
  }
}

TEST(Spdm, RefusesWhatIsTooLong) {
  EXPECT_EQ(refusal(parse_spdm_report(Bytes(kMaxSpdmReportBytes + 1))), Errc::limit);
}

TEST(Spdm, AcceptsAReportOfTheGreatestLength) {
  Bytes bytes = whole();
  bytes.resize(kMaxSpdmReportBytes);
  EXPECT_TRUE(parse_spdm_report(bytes));
}

}  // namespace
}  // namespace confide::evidence
