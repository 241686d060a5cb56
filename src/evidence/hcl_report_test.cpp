#include "evidence/hcl_report.h"

#include <string_view>

#include <gtest/gtest.h>

#include "evidence/testing/quote_bytes.h"

namespace confide::evidence {
namespace {

using testing::put_u32le;
using testing::put_zeros;

constexpr std::string_view kData = "{\"keys\":[]}";
constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kRuntimeAt = kHeaderBytes + 1184;

struct HclFields {
  std::uint32_t version = 1;
  std::uint32_t type = 2;
  std::uint32_t hash = 1;
  std::uint32_t surplus = 0;       // added to the size of the whole
  std::uint32_t data_surplus = 0;  // added to the size of the runtime data
};

Bytes write_report(const HclFields& fields) {
  Bytes out = to_bytes(as_bytes("HCLA"));
  put_u32le(out, fields.version);
  put_u32le(out, static_cast<std::uint32_t>(kRuntimeAt + 20 + kData.size()) + fields.surplus);
  put_u32le(out, 2);
  put_zeros(out, 16);
  for (std::size_t i = 0; i < 1184; ++i) out.push_back(static_cast<std::uint8_t>(i / 8));
  put_u32le(out, static_cast<std::uint32_t>(20 + kData.size()) + fields.data_surplus);
  put_u32le(out, 1);
  put_u32le(out, fields.type);
  put_u32le(out, fields.hash);
  put_u32le(out, static_cast<std::uint32_t>(kData.size()));
  append(out, as_bytes(kData));
  return out;
}

Errc error_of(const Bytes& bytes) {
  const auto report = parse_hcl_report(bytes);
  EXPECT_FALSE(report);
  return report ? Errc::internal : report.error().code;
}

TEST(HclReport, ReadsBothKindsOfHardware) {
  const auto snp = parse_hcl_report(write_report({}));
  ASSERT_TRUE(snp) << snp.error().message;
  EXPECT_EQ(snp->type, HclReportType::snp);
  EXPECT_EQ(snp->hash, HclHash::sha256);
  EXPECT_EQ(snp->hardware_report.size(), 1184U);
  EXPECT_EQ(snp->report_data[0], 0x50 / 8);
  EXPECT_EQ(snp->report_data[63], (0x50 + 63) / 8);
  EXPECT_EQ(as_text(snp->runtime_data), kData);

  const auto tdx = parse_hcl_report(write_report({.type = 4, .hash = 3}));
  ASSERT_TRUE(tdx) << tdx.error().message;
  EXPECT_EQ(tdx->type, HclReportType::tdx);
  EXPECT_EQ(tdx->hash, HclHash::sha512);
  EXPECT_EQ(tdx->report_data[0], 128 / 8);
  EXPECT_EQ(parse_hcl_report(write_report({.hash = 2}))->hash, HclHash::sha384);
}

TEST(HclReport, ZerosBehindItArePadding) {
  Bytes padded = write_report({});
  put_zeros(padded, 100);
  EXPECT_TRUE(parse_hcl_report(padded));
  padded.back() = 1;
  EXPECT_EQ(error_of(padded), Errc::malformed);
}

TEST(HclReport, RefusesEveryTruncation) {
  const Bytes good = write_report({});
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_EQ(error_of(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n))),
              Errc::malformed)
        << n;
  }
}

TEST(HclReport, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(error_of(write_report({.version = 2})), Errc::unsupported);
  for (const std::uint32_t type : {0U, 1U, 3U, 5U}) {
    EXPECT_EQ(error_of(write_report({.type = type})), Errc::unsupported) << type;
  }
  for (const std::uint32_t hash : {0U, 4U}) {
    EXPECT_EQ(error_of(write_report({.hash = hash})), Errc::unsupported) << hash;
  }
  Bytes other = write_report({});
  other[3] = 'B';
  EXPECT_EQ(error_of(other), Errc::malformed);
}

TEST(HclReport, SizesAddUp) {
  EXPECT_EQ(error_of(write_report({.surplus = 1})), Errc::malformed);
  EXPECT_EQ(error_of(write_report({.data_surplus = 1})), Errc::malformed);
  Bytes padded = write_report({});
  padded.resize(kMaxHclReportBytes, 0);
  EXPECT_TRUE(parse_hcl_report(padded));
  padded.push_back(0);
  EXPECT_EQ(error_of(padded), Errc::limit);
}

}  // namespace
}  // namespace confide::evidence
