#include "attest/ccel.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "attest/measured_log.h"
#include "attest/testing/vectors.h"
#include "base/json.h"
#include "evidence/tdx_quote.h"

namespace confide::attest {
namespace {

using evidence::Measurement;
using testing::vector_file;
using Rtmrs = std::array<Measurement, 4>;

void put_u16(Bytes& out, unsigned value) {
  out.push_back(static_cast<std::uint8_t>(value & 0xffU));
  out.push_back(static_cast<std::uint8_t>((value >> 8U) & 0xffU));
}

void put_u32(Bytes& out, std::uint32_t value) {
  put_u16(out, value & 0xffffU);
  put_u16(out, value >> 16U);
}

// Writes logs with the two banks SHA-256 and SHA-384.
class LogBuilder {
 public:
  LogBuilder() {
    put_u32(bytes_, 1);
    put_u32(bytes_, 3);  // EV_NO_ACTION
    bytes_.insert(bytes_.end(), 20, 0);
    put_u32(bytes_, 16 + 8 + 4 + 8 + 1);
    append(bytes_, as_bytes(std::string_view("Spec ID Event03\0", 16)));
    bytes_.insert(bytes_.end(), 8, 0);
    put_u32(bytes_, 2);
    put_u16(bytes_, 0x0b);
    put_u16(bytes_, 32);
    put_u16(bytes_, 0x0c);
    put_u16(bytes_, 48);
    bytes_.push_back(0);
  }

  LogBuilder& event(std::uint32_t index, std::uint32_t type, std::uint8_t digest,
                    std::string_view data) {
    put_u32(bytes_, index);
    put_u32(bytes_, type);
    put_u32(bytes_, 2);
    put_u16(bytes_, 0x0b);
    bytes_.insert(bytes_.end(), 32, 0xee);
    put_u16(bytes_, 0x0c);
    bytes_.insert(bytes_.end(), 48, digest);
    put_u32(bytes_, static_cast<std::uint32_t>(data.size()));
    append(bytes_, as_bytes(data));
    return *this;
  }

  Bytes bytes() const { return bytes_; }
  Bytes padded(std::uint8_t with) const {
    Bytes out = bytes_;
    out.insert(out.end(), 100, with);
    return out;
  }

 private:
  Bytes bytes_;
};

Rtmrs replay(const std::vector<evidence::Event>& events) {
  MeasuredLog log;
  for (const evidence::Event& event : events) log.append(event);
  return log.rtmrs();
}

TEST(CcelTest, ReadsTheEventsThatExtendARegister) {
  const Bytes log = LogBuilder()
                        .event(1, 0x8000000b, 0x01, "hob")
                        .event(1, 3, 0x02, "no action")
                        .event(0, 4, 0x03, "MRTD")
                        .event(4, 4, 0x04, "")
                        .padded(0xff);
  const auto events = parse_ccel(log).value();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].imr, 0U);
  EXPECT_EQ(events[0].type, 0x8000000bU);
  EXPECT_EQ(events[0].digest, [] {
    Measurement m{};
    m.fill(0x01);
    return m;
  }());
  EXPECT_EQ(as_text(events[0].payload), "hob");
  EXPECT_TRUE(events[0].name.empty());
  EXPECT_EQ(events[1].imr, 3U);
}

TEST(CcelTest, TakesEitherPaddingOrNone) {
  const LogBuilder log = LogBuilder().event(2, 4, 0x01, "x");
  for (const Bytes& area : {log.bytes(), log.padded(0xff), log.padded(0x00)}) {
    EXPECT_EQ(parse_ccel(area).value().size(), 1U);
  }
}

TEST(CcelTest, RefusesEveryTruncation) {
  const Bytes log = LogBuilder().event(1, 4, 0x01, "data").bytes();
  const Bytes header = LogBuilder().bytes();
  for (std::size_t n = 0; n < log.size(); ++n) {
    const auto cut = parse_ccel(ByteView(log).first(n));
    if (n == header.size()) {
      EXPECT_TRUE(cut && cut->empty());
    } else {
      ASSERT_FALSE(cut) << n;
      EXPECT_EQ(cut.error().code, Errc::malformed) << n;
    }
  }
}

TEST(CcelTest, RefusesARegisterThatIsNone) {
  EXPECT_EQ(parse_ccel(LogBuilder().event(5, 4, 0x01, "x").bytes()).error().code, Errc::malformed);
}

TEST(CcelTest, RefusesAnAreaOrALogThatIsTooLong) {
  EXPECT_EQ(parse_ccel(Bytes(kMaxCcelBytes + 1, 0xff)).error().code, Errc::limit);
  LogBuilder log;
  for (int i = 0; i < 4097; ++i) log.event(1, 4, 0x01, "");
  EXPECT_EQ(parse_ccel(log.bytes()).error().code, Errc::limit);
}

TEST(CcelTest, RefusesALogWithoutSha384) {
  Bytes log = LogBuilder().bytes();
  const std::size_t sha384 = log.size() - 1 - 4;
  log[sha384] = 0x12;  // SM3
  EXPECT_EQ(parse_ccel(log).error().code, Errc::unsupported);
}

TEST(CcelTest, RefusesAnEventWithTwoSha384Digests) {
  Bytes log = LogBuilder().bytes();
  for (const std::uint32_t field : {1U, 4U, 2U}) put_u32(log, field);
  for (const int fill : {0x01, 0x02}) {
    put_u16(log, 0x0c);
    log.insert(log.end(), 48, static_cast<std::uint8_t>(fill));
  }
  put_u32(log, 0);
  EXPECT_EQ(parse_ccel(log).error().code, Errc::malformed);
}

// One recorded boot each.
class RecordedCcelTest : public ::testing::TestWithParam<const char*> {};

TEST_P(RecordedCcelTest, ReplaysToTheRecordedRegisters) {
  const std::string folder = std::string("eventlog/") + GetParam();
  const auto area = vector_file(folder + "/eventlog.bin");
  const auto text = vector_file(folder + "/case.json");
  if (!area || !text) GTEST_SKIP() << "no recorded evidence here";
  const Json expected = json::parse(as_text(*text)).value()["expected"];
  const auto events = parse_ccel(*area);
  if (!expected.contains("replayed")) {
    ASSERT_FALSE(events);
    EXPECT_EQ(events.error().code, Errc::unsupported);
    return;
  }
  const Rtmrs rtmrs = replay(events.value());
  for (std::size_t i = 0; i < rtmrs.size(); ++i) {
    EXPECT_EQ(to_hex(rtmrs[i]), expected["replayed"]["rtmr" + std::to_string(i)].get<std::string>())
        << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, RecordedCcelTest,
                         ::testing::Values("ccel-aael-alibaba", "ccel-csv-sm3", "ccel-gcp-cos113",
                                           "ccel-gcp-trustee", "ccel-grub", "ccel-live2",
                                           "ccel-ovmf"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// Applies one operation of a recorded mutation to the log.
void mutate(Bytes& log, const Json& op) {
  const std::string kind = op["op"];
  const auto at = [&](const char* name) {
    return log.begin() + static_cast<std::ptrdiff_t>(op[name].get<std::int64_t>());
  };
  const auto length = op.value("length", std::int64_t{0});
  const Bytes bytes = from_hex(op.value("hex", op.value("mask", std::string()))).value();
  if (kind == "xor") {
    *at("offset") = static_cast<std::uint8_t>(*at("offset") ^ bytes.at(0));
  } else if (kind == "set") {
    std::ranges::copy(bytes, at("offset"));
  } else if (kind == "truncate") {
    log.resize(static_cast<std::size_t>(length));
  } else if (kind == "append") {
    append(log, bytes);
  } else if (kind == "cut") {
    log.erase(at("offset"), at("offset") + length);
  } else if (kind == "insert") {
    log.insert(at("offset"), bytes.begin(), bytes.end());
  } else {
    ASSERT_EQ(kind, "insert_copy");
    const Bytes copied(at("from_offset"), at("from_offset") + length);
    log.insert(at("offset"), copied.begin(), copied.end());
  }
}

class MutatedCcelTest : public ::testing::TestWithParam<const char*> {};

// Accepted is a log that parses and explains the quote's registers.
TEST_P(MutatedCcelTest, ExplainsTheQuoteExactlyWhenItShould) {
  const std::string folder = std::string("eventlog/") + GetParam();
  const auto area = vector_file(folder + "/eventlog.bin");
  const auto quote = vector_file(folder + "/quote.bin");
  const auto text = vector_file(folder + "/negatives.json");
  if (!area || !quote || !text) GTEST_SKIP() << "no recorded evidence here";
  const Rtmrs rtmrs = evidence::parse_tdx_quote(*quote).value().td.rtmr;
  const Json cases = json::parse(as_text(*text)).value();
  int judged = 0;
  for (const Json& mutation : cases["mutations"]) {
    const std::string expected = mutation["expected"];
    if (expected == "either") continue;
    Bytes log = *area;
    for (const Json& op : mutation["ops"]) mutate(log, op);
    const auto events = parse_ccel(log);
    const bool accepted = events && replay(*events) == rtmrs;
    EXPECT_EQ(accepted, expected == "same-as-base") << mutation["id"];
    ++judged;
  }
  EXPECT_GT(judged, 40);
}

INSTANTIATE_TEST_SUITE_P(All, MutatedCcelTest, ::testing::Values("ccel-live2", "ccel-gcp-cos113"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace confide::attest
