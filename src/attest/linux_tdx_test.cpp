#include "attest/linux_tdx.h"

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attest/measured_log.h"
#include "attest/sim_pki.h"
#include "attest/sim_platform.h"
#include "attest/sim_quote.h"
#include "attest/testing/vectors.h"
#include "base/testing/temp_folder.h"
#include "evidence/dcap_quote.h"

namespace confide::attest {
namespace {

using evidence::Measurement;
using evidence::ReportData;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t kRtmr3Offset = 520;
constexpr std::size_t kReportDataOffset = 568;

// What the tests change about the kernel, and see of it.
struct KernelState {
  Bytes quote;  // its RTMR3 and report data are replaced by the current ones
  Bytes ccel;
  Bytes rtmr3 = Bytes(48);
  std::string provider = "tdx_guest\n";
  std::set<std::string> entries;
  std::string broken;           // an attribute or file that fails
  int foreign_writes = 0;       // how many more reports another process disturbs
  bool ignores_inblob = false;  // answers for other report data
  bool bad_generation = false;
  int reports = 0;
};

// The TSM interface of a kernel: attributes exist while their entry does.
class FakeKernel final : public LinuxFiles {
 public:
  explicit FakeKernel(KernelState& state) : state_(state) {}

  Result<Bytes> read(const std::string& path, std::size_t max) override {
    TRY_ASSIGN(Bytes bytes, content(path));
    if (bytes.size() > max) return fail(Errc::limit, path);
    return bytes;
  }
  Status write(const std::string& path, ByteView bytes) override {
    if (is_broken(path)) return fail(Errc::unavailable, path);
    if (path == "rtmr3") {
      EXPECT_EQ(bytes.size(), 48U);
      ByteReader in(state_.rtmr3);
      Measurement digest{};
      std::ranges::copy(bytes, digest.begin());
      state_.rtmr3 = to_bytes(extended(in.array<48>("rtmr3").value(), digest));
      return {};
    }
    EXPECT_TRUE(path.ends_with("/inblob"));
    EXPECT_EQ(bytes.size(), 64U);
    inblob_ = to_bytes(bytes);
    ++generation_;
    return {};
  }
  Status make_directory(const std::string& path) override {
    if (is_broken("mkdir")) return fail(Errc::not_found, path);
    EXPECT_TRUE(state_.entries.insert(path).second);
    return {};
  }
  Status remove_directory(const std::string& path) override {
    EXPECT_EQ(state_.entries.erase(path), 1U);
    return {};
  }

 private:
  bool is_broken(const std::string& path) const {
    return !state_.broken.empty() && path.ends_with(state_.broken);
  }

  Result<Bytes> content(const std::string& path) {
    if (is_broken(path)) return fail(Errc::unavailable, path);
    if (path == "rtmr3") return state_.rtmr3;
    if (path == "ccel") return state_.ccel;
    const std::size_t slash = path.rfind('/');
    if (!state_.entries.contains(path.substr(0, slash))) return fail(Errc::not_found, path);
    const std::string attribute = path.substr(slash + 1);
    if (attribute == "provider") return to_bytes(as_bytes(state_.provider));
    if (attribute == "generation") {
      return to_bytes(
          as_bytes(state_.bad_generation ? "many\n" : std::to_string(generation_) + "\n"));
    }
    EXPECT_EQ(attribute, "outblob");
    return report();
  }

  Bytes report() {
    ++state_.reports;
    if (state_.foreign_writes > 0) {
      --state_.foreign_writes;
      ++generation_;
      std::ranges::fill(inblob_, 0xbb);
    }
    Bytes quote = state_.quote;
    std::ranges::copy(state_.rtmr3, quote.begin() + kRtmr3Offset);
    if (!state_.ignores_inblob) std::ranges::copy(inblob_, quote.begin() + kReportDataOffset);
    return quote;
  }

  KernelState& state_;
  Bytes inblob_;
  std::uint64_t generation_ = 7;
};

Bytes some_quote() {
  const TempFolder folder;
  const Time now = from_unix(1'800'000'000);
  const auto pki = SimPki::make(open_sim_root(folder.path(), now).value(), now).value();
  return SimQuotingEnclave(pki).quote(sim_td_report());
}

// Only the header: a boot that measured nothing.
Bytes empty_ccel() {
  return from_hex(
             "01000000"
             "03000000"
             "0000000000000000000000000000000000000000"
             "21000000"
             "53706563204944204576656e74303300"
             "0000000000020002"
             "01000000"
             "0c003000"
             "00")
      .value();
}

struct LinuxTdxTest : ::testing::Test {
  LinuxTdxTest() {
    static const Bytes quote = some_quote();
    kernel.quote = quote;
    kernel.ccel = empty_ccel();
    settings.configfs_root = "report";
    settings.rtmr3_path = "rtmr3";
    settings.ccel_path = "ccel";
  }
  // No test may leave an entry behind.
  void TearDown() override { EXPECT_THAT(kernel.entries, IsEmpty()); }

  Result<std::unique_ptr<Tee>> open() {
    return open_linux_tdx(settings, std::make_unique<FakeKernel>(kernel));
  }

  KernelState kernel;
  Settings settings;
  const ReportData report_data = [] {
    ReportData data{};
    data.fill(0x5a);
    return data;
  }();
};

TEST_F(LinuxTdxTest, QuotesWhatWasAsked) {
  const auto tee = open().value();
  EXPECT_EQ(tee->tee_type(), "tdx");
  EXPECT_FALSE(tee->simulated());
  const Evidence evidence = tee->quote(report_data).value();
  EXPECT_EQ(evidence::parse_dcap_quote(evidence.quote).value().td()->report_data, report_data);
  EXPECT_FALSE(evidence.collateral);
  EXPECT_THAT(evidence.event_log, IsEmpty());
}

TEST_F(LinuxTdxTest, MeasuresIntoTheRegisterAndTheLog) {
  const auto tee = open().value();
  ASSERT_TRUE(tee->measure("model", as_bytes("digest")));
  ASSERT_TRUE(tee->measure("engine", as_bytes("build")));
  const Evidence evidence = tee->quote(report_data).value();
  MeasuredLog log;
  for (const evidence::Event& event : evidence.event_log) log.append(event);
  ASSERT_EQ(evidence.event_log.size(), 2U);
  EXPECT_EQ(evidence.event_log[0].name, "model");
  EXPECT_EQ(to_bytes(log.rtmrs()[3]), kernel.rtmr3);
}

TEST_F(LinuxTdxTest, LogsNothingThatTheRegisterDidNotTake) {
  const auto tee = open().value();
  kernel.broken = "rtmr3";
  EXPECT_EQ(tee->measure("model", as_bytes("digest")).error().code, Errc::unavailable);
  kernel.broken.clear();
  EXPECT_THAT(tee->quote(report_data).value().event_log, IsEmpty());
}

TEST_F(LinuxTdxTest, KeepsRegisterAndLogInStepBetweenThreads) {
  const auto tee = open().value();
  const auto work = [&](const std::string& name) {
    for (int i = 0; i < 50; ++i) {
      EXPECT_TRUE(tee->measure(name, as_bytes(std::to_string(i))));
      EXPECT_TRUE(tee->quote(report_data));  // fails unless its log explains its RTMR3
    }
  };
  std::thread other(work, "a");
  work("b");
  other.join();
  EXPECT_EQ(tee->quote(report_data).value().event_log.size(), 100U);
}

TEST_F(LinuxTdxTest, RefusesAQuoteWhoseRegisterAnotherExtended) {
  const auto tee = open().value();
  kernel.rtmr3[0] ^= 1U;
  EXPECT_EQ(tee->quote(report_data).error().code, Errc::mismatch);
}

TEST_F(LinuxTdxTest, RefusesAQuoteForOtherReportData) {
  const auto tee = open().value();
  kernel.ignores_inblob = true;
  EXPECT_EQ(tee->quote(report_data).error().code, Errc::mismatch);
}

TEST_F(LinuxTdxTest, AsksAgainWhenAnotherWroteToTheEntry) {
  const auto tee = open().value();
  kernel.foreign_writes = 2;
  EXPECT_TRUE(tee->quote(report_data));
  EXPECT_EQ(kernel.reports, 3);
}

TEST_F(LinuxTdxTest, GivesUpWhenAnotherWritesAgainAndAgain) {
  const auto tee = open().value();
  kernel.foreign_writes = 100;
  EXPECT_EQ(tee->quote(report_data).error().code, Errc::mismatch);
  EXPECT_EQ(kernel.reports, 3);
}

TEST_F(LinuxTdxTest, RemovesItsEntryWhateverFails) {
  const auto tee = open().value();
  for (const char* attribute : {"/inblob", "/outblob", "/generation"}) {
    kernel.broken = attribute;
    EXPECT_EQ(tee->quote(report_data).error().code, Errc::unavailable) << attribute;
    EXPECT_THAT(kernel.entries, IsEmpty()) << attribute;
  }
  kernel.broken.clear();
  kernel.bad_generation = true;
  EXPECT_EQ(tee->quote(report_data).error().code, Errc::unavailable);
}

TEST_F(LinuxTdxTest, RefusesAQuoteThatIsNone) {
  const auto tee = open().value();
  kernel.quote.resize(632);
  EXPECT_EQ(tee->quote(report_data).error().code, Errc::malformed);
}

TEST_F(LinuxTdxTest, SaysThatTheKernelHasNoReports) {
  kernel.broken = "mkdir";
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("configfs TSM"));
}

TEST_F(LinuxTdxTest, SaysThatTheGuestIsOfAnotherKind) {
  kernel.provider = "sev_guest\n";
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("sev_guest"));
}

TEST_F(LinuxTdxTest, SaysWhichFileIsMissing) {
  for (const auto& [missing, says] :
       std::map<std::string, std::string>{{"ccel", "CCEL"}, {"rtmr3", "Linux 6.16"}}) {
    kernel.broken = missing;
    const auto refused = open();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::unavailable);
    EXPECT_THAT(refused.error().message, HasSubstr(says));
  }
}

TEST_F(LinuxTdxTest, WillNotStartOnARegisterThatNoLogExplains) {
  kernel.rtmr3[47] = 1;
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("reboot"));
}

TEST_F(LinuxTdxTest, RefusesABootLogThatIsNone) {
  kernel.ccel = Bytes(100, 0x41);
  EXPECT_EQ(open().error().code, Errc::malformed);
}

TEST_F(LinuxTdxTest, ExplainsARecordedQuoteWithItsRecordedLog) {
  const auto quote = testing::vector_file("eventlog/ccel-live2/quote.bin");
  const auto area = testing::vector_file("eventlog/ccel-live2/eventlog.bin");
  if (!quote || !area) GTEST_SKIP() << "no recorded evidence here";
  const evidence::TdReport td = *evidence::parse_dcap_quote(*quote).value().td();
  kernel.quote = *quote;
  kernel.ccel = *area;
  const Evidence evidence = open().value()->quote(td.report_data).value();
  EXPECT_EQ(evidence.quote, *quote);
  MeasuredLog log;
  for (const evidence::Event& event : evidence.event_log) log.append(event);
  EXPECT_EQ(log.rtmrs(), td.rtmr);
}

}  // namespace
}  // namespace confide::attest
