#include "evidence/ccel.h"

#include <string>

#include <gtest/gtest.h>

#include "evidence/testing/ccel_bytes.h"

namespace confide::evidence {
namespace {

using testing::CcelBytes;
using testing::measurement_of;
using testing::put_u16le;
using testing::put_u32le;

constexpr CcelAlgorithm kSha256{0x000b, 32};
constexpr CcelAlgorithm kSha384{kAlgorithmSha384, 48};
constexpr CcelAlgorithm kSm3{0x0012, 32};
constexpr std::size_t kFirstEventAt = testing::kCcelAlgorithmsAt + 4 + 1;

Errc error_of(const Bytes& area) {
  const auto log = parse_ccel(area);
  EXPECT_FALSE(log);
  return log ? Errc::internal : log.error().code;
}

Bytes with(Bytes area, std::size_t at, std::uint8_t byte) {
  area.at(at) = byte;
  return area;
}

TEST(Ccel, ReadsAlgorithmsAndEvents) {
  const auto log = parse_ccel(CcelBytes({kSha256, kSha384}, "maker")
                                  .event(1, 0x8000000b, measurement_of(1), "hob")
                                  .event(4, 4, measurement_of(2), "")
                                  .bytes());
  ASSERT_TRUE(log) << log.error().message;
  ASSERT_EQ(log->algorithms.size(), 2U);
  EXPECT_EQ(log->algorithms[0].id, kSha256.id);
  EXPECT_EQ(log->algorithms[1].digest_size, 48U);
  ASSERT_EQ(log->events.size(), 2U);
  EXPECT_EQ(log->events[0].index, 1U);
  EXPECT_EQ(log->events[0].type, 0x8000000bU);
  EXPECT_EQ(log->events[0].digests[0], Bytes(32, 0xee));
  EXPECT_EQ(log->events[0].digests[1], Bytes(48, 1));
  EXPECT_EQ(as_text(log->events[0].data), "hob");
  EXPECT_EQ(log->events[1].index, 4U);
  EXPECT_TRUE(log->events[1].data.empty());
}

TEST(Ccel, TheEventsThatExtendAnRtmrAreTheOthers) {
  const auto log = parse_ccel(CcelBytes({kSha256, kSha384})
                                  .event(1, 0x8000000b, measurement_of(1), "hob")
                                  .event(1, kNoActionEvent, measurement_of(2), "no action")
                                  .event(0, 4, measurement_of(3), "MRTD")
                                  .event(4, 4, measurement_of(4), "")
                                  .padded(0xff));
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ(log->events.size(), 4U);
  const auto events = rtmr_events(*log).value();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].imr, 0U);
  EXPECT_EQ(events[0].type, 0x8000000bU);
  EXPECT_EQ(events[0].digest, measurement_of(1));
  EXPECT_EQ(as_text(events[0].payload), "hob");
  EXPECT_TRUE(events[0].name.empty());
  EXPECT_EQ(events[1].imr, 3U);
}

TEST(Ccel, ReadsALogOfAnotherBankButNoRtmrHoldsIt) {
  const auto log = parse_ccel(CcelBytes({kSm3}).event(1, 4, {}, "x").bytes());
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ(log->algorithms[0].id, kSm3.id);
  EXPECT_EQ(log->events.size(), 1U);
  EXPECT_EQ(rtmr_events(*log).error().code, Errc::unsupported);
}

TEST(Ccel, TakesEitherPaddingOrNone) {
  const CcelBytes log = CcelBytes().event(2, 4, measurement_of(1), "x");
  for (const Bytes& area : {log.bytes(), log.padded(0xff), log.padded(0x00)}) {
    EXPECT_EQ(parse_ccel(area).value().events.size(), 1U);
  }
  Bytes mixed = log.padded(0xff);
  mixed.back() = 0;
  EXPECT_EQ(error_of(mixed), Errc::malformed);
  mixed = log.padded(0x00);
  mixed.back() = 0xff;
  EXPECT_EQ(error_of(mixed), Errc::malformed);
}

TEST(Ccel, RefusesEveryTruncation) {
  const Bytes log = CcelBytes().event(1, 4, measurement_of(1), "data").bytes();
  for (std::size_t n = 0; n < log.size(); ++n) {
    const auto cut = parse_ccel(ByteView(log).first(n));
    if (n == kFirstEventAt) {
      EXPECT_TRUE(cut && cut->events.empty());
    } else {
      ASSERT_FALSE(cut) << n;
      EXPECT_EQ(cut.error().code, Errc::malformed) << n;
    }
  }
}

TEST(Ccel, RefusesAHeaderThatIsNone) {
  const Bytes good = CcelBytes().bytes();
  ASSERT_TRUE(parse_ccel(good));
  EXPECT_EQ(error_of(with(good, testing::kCcelTypeAt, 4)), Errc::malformed);
  EXPECT_EQ(error_of(with(good, testing::kCcelDigestAt + 19, 1)), Errc::malformed);
  EXPECT_EQ(error_of(with(good, testing::kCcelSignatureAt + 14, '2')), Errc::malformed);
  EXPECT_EQ(error_of(with(good, testing::kCcelSignatureAt + 15, ' ')), Errc::malformed);
  EXPECT_EQ(error_of(with(good, testing::kCcelCountAt, 0)), Errc::malformed);
  EXPECT_EQ(error_of(with(good, testing::kCcelCountAt, 2)), Errc::malformed);
}

TEST(Ccel, RefusesOtherVersionsOfTheFormat) {
  const Bytes good = CcelBytes().bytes();
  EXPECT_EQ(error_of(with(good, testing::kCcelMajorAt, 1)), Errc::unsupported);
  EXPECT_EQ(error_of(with(good, testing::kCcelMinorAt, 1)), Errc::unsupported);
}

TEST(Ccel, TheHeaderIsUsedUpExactly) {
  // The vendor's bytes are one fewer than the header's size leaves.
  Bytes log = CcelBytes({kSha384}, "maker").bytes();
  log.at(testing::kCcelAlgorithmsAt + 4) = 4;
  EXPECT_EQ(error_of(log), Errc::malformed);
  // And one more, behind which there is nothing.
  log.at(testing::kCcelAlgorithmsAt + 4) = 6;
  EXPECT_EQ(error_of(log), Errc::malformed);
}

TEST(Ccel, RefusesEveryTruncationOfTheHeadersData) {
  const Bytes log = CcelBytes({kSha384}, "maker").bytes();
  for (std::size_t n = testing::kCcelSignatureAt; n < log.size(); ++n) {
    Bytes cut = to_bytes(ByteView(log).first(n));
    cut.at(testing::kCcelSizeAt) = static_cast<std::uint8_t>(n - testing::kCcelSignatureAt);
    EXPECT_EQ(error_of(cut), Errc::malformed) << n;
  }
}

TEST(Ccel, RefusesAlgorithmsThatAreNot) {
  EXPECT_EQ(error_of(CcelBytes(std::vector<CcelAlgorithm>()).bytes()), Errc::malformed);
  EXPECT_EQ(error_of(CcelBytes({kSha384, kSha384}).bytes()), Errc::malformed);
  EXPECT_EQ(error_of(CcelBytes({{kAlgorithmSha384, 32}}).bytes()), Errc::malformed);
  EXPECT_EQ(error_of(CcelBytes({kSha384, {0x7fff, 0}}).bytes()), Errc::malformed);
  EXPECT_EQ(error_of(CcelBytes({kSha384, {0x7fff, 65}}).bytes()), Errc::malformed);
  EXPECT_TRUE(parse_ccel(CcelBytes({kSha384, {0x7fff, 64}}).bytes()));
  std::vector<CcelAlgorithm> many{kSha384};
  for (std::uint16_t id = 0x7000; many.size() < 8; ++id) many.push_back({id, 16});
  EXPECT_TRUE(parse_ccel(CcelBytes(many).bytes()));
  many.push_back({0x7100, 16});
  EXPECT_EQ(error_of(CcelBytes(many).bytes()), Errc::malformed);
}

TEST(Ccel, RefusesARegisterThatIsNone) {
  EXPECT_EQ(error_of(CcelBytes().event(5, 4, {}, "x").bytes()), Errc::malformed);
}

// Index, type, and the number of digests; what follows is left to the test.
Bytes event_with_digests(const CcelBytes& log, std::uint32_t count) {
  Bytes out = log.bytes();
  for (const std::uint32_t field : {1U, 4U, count}) put_u32le(out, field);
  return out;
}

void put_digest(Bytes& to, const CcelAlgorithm& algorithm) {
  put_u16le(to, algorithm.id);
  to.insert(to.end(), algorithm.digest_size, 1);
}

TEST(Ccel, AnEventHasOneDigestOfEachAlgorithm) {
  const CcelBytes two({kSha256, kSha384});
  Bytes swapped = event_with_digests(two, 2);
  put_digest(swapped, kSha384);
  put_digest(swapped, kSha256);
  put_u32le(swapped, 0);
  EXPECT_EQ(parse_ccel(swapped).value().events[0].digests[1].size(), 48U);

  Bytes twice = event_with_digests(two, 2);
  put_digest(twice, kSha384);
  put_digest(twice, kSha384);
  put_u32le(twice, 0);
  EXPECT_EQ(error_of(twice), Errc::malformed);

  Bytes one = event_with_digests(two, 1);
  put_digest(one, kSha384);
  put_u32le(one, 0);
  EXPECT_EQ(error_of(one), Errc::malformed);

  Bytes none = event_with_digests(two, 0);
  put_u32le(none, 0);
  EXPECT_EQ(error_of(none), Errc::malformed);

  Bytes foreign = event_with_digests(two, 2);
  put_digest(foreign, kSha384);
  put_digest(foreign, kSm3);
  put_u32le(foreign, 0);
  EXPECT_EQ(error_of(foreign), Errc::malformed);
}

TEST(Ccel, RefusesAnAreaOrALogThatIsTooLong) {
  EXPECT_EQ(error_of(Bytes(kMaxCcelBytes + 1, 0xff)), Errc::limit);
  CcelBytes log;
  for (int i = 0; i < 4096; ++i) log.event(1, 4, {}, "");
  EXPECT_EQ(parse_ccel(log.bytes()).value().events.size(), 4096U);
  EXPECT_EQ(error_of(log.event(1, 4, {}, "").bytes()), Errc::limit);
  Bytes full = CcelBytes().bytes();
  full.resize(kMaxCcelBytes, 0xff);
  EXPECT_TRUE(parse_ccel(full));
}

TEST(Ccel, NamesEventsAsTcgDoes) {
  EXPECT_EQ(tcg_event_name(4), "EV_SEPARATOR");
  EXPECT_EQ(tcg_event_name(0x800000e0), "EV_EFI_VARIABLE_AUTHORITY");
  EXPECT_EQ(tcg_event_name(kRuntimeEvent), "");
}

}  // namespace
}  // namespace confide::evidence
