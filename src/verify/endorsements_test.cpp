// One Endorsements for many quotes: what was right once is judged again by dates, roots and CRLs.
#include "verify/endorsements.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "verify/testing/tdx_outcome.h"

namespace confide::verify {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using testing::expect_failure;
using testing::Outcome;
using testing::TdxLab;

struct EndorsementsTest : ::testing::Test {
  Outcome judge(const Bytes& quote, const Policy& policy, Time at) {
    if (!endorsements) {
      const auto collateral = lab.collateral();
      endorsements.emplace(&collateral);
    }
    Outcome out;
    out.proof = verify_tdx(quote, *endorsements, policy, at, out.verdict);
    return out;
  }
  Outcome judge(Time at) { return judge(lab.quote(), lab.policy(), at); }

  TdxLab lab;
  std::optional<Endorsements> endorsements;
};

TEST_F(EndorsementsTest, ServeManyQuotes) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(judge(lab.at).proof);
  lab.td().mr_td.fill(0x55);
  EXPECT_TRUE(judge(lab.at).proof);
}

TEST_F(EndorsementsTest, DoNotOutliveACrl) {
  lab.tcb_info["nextUpdate"] = to_rfc3339(lab.at + days{300});
  lab.qe_identity["nextUpdate"] = to_rfc3339(lab.at + days{300});
  EXPECT_TRUE(judge(lab.at).proof);
  EXPECT_TRUE(judge(lab.crl_until - seconds{1}).proof);
  expect_failure(judge(lab.crl_until), "tdx.pck.chain", Errc::expired, "T6/T7");
  expect_failure(judge(lab.crl_until + seconds{1}), "tdx.pck.chain", Errc::expired, "T6/T7");
  expect_failure(judge(lab.crl_from - seconds{1}), "tdx.pck.chain", Errc::expired, "T6/T7");
  EXPECT_TRUE(judge(lab.at).proof);
}

TEST_F(EndorsementsTest, DoNotOutliveTheirDocuments) {
  lab.tcb_info["nextUpdate"] = to_rfc3339(lab.at + days{1});
  lab.qe_identity["nextUpdate"] = to_rfc3339(lab.at + days{2});
  EXPECT_TRUE(judge(lab.at).proof);
  EXPECT_TRUE(judge(lab.at + days{1}).proof);
  expect_failure(judge(lab.at + days{1} + seconds{1}), "tdx.tcb.info", Errc::expired, "T14");
  lab.tcb_info["nextUpdate"] = to_rfc3339(lab.at + days{3});
  endorsements.reset();
  EXPECT_TRUE(judge(lab.at).proof);
  expect_failure(judge(lab.at + days{2} + seconds{1}), "tdx.qe.identity", Errc::expired, "T17");
}

TEST_F(EndorsementsTest, DoNotOutliveACertificate) {
  lab.pck.request.not_after = lab.at + days{2};
  lab.tcb_signer.request.not_after = lab.at + days{1};
  EXPECT_TRUE(judge(lab.at).proof);
  EXPECT_TRUE(judge(lab.at + days{1} - seconds{1}).proof);
  expect_failure(judge(lab.at + days{1} + seconds{1}), "tdx.tcb.info", Errc::expired, "T12");
  expect_failure(judge(lab.at + days{2} + seconds{1}), "tdx.pck.chain", Errc::expired, "T6");
}

TEST_F(EndorsementsTest, DoNotOutliveTheRoot) {
  lab.root.request.not_after = lab.at + days{1};
  EXPECT_TRUE(judge(lab.at).proof);
  expect_failure(judge(lab.at + days{1} + seconds{1}), "tdx.pck.chain", Errc::expired, "T6");
}

TEST_F(EndorsementsTest, ASuccessUnderOneRootIsNoneUnderAnother) {
  const TdxLab other;
  EXPECT_TRUE(judge(lab.at).proof);
  expect_failure(judge(lab.quote(), Policy::strict(), lab.at), "tdx.pck.chain", Errc::untrusted,
                 "T6");
  expect_failure(judge(lab.quote(), other.policy(), lab.at), "tdx.pck.chain", Errc::untrusted,
                 "T6");
}

TEST_F(EndorsementsTest, ARootForOtherThingsDoesNotAnchorQuotes) {
  Policy policy = lab.policy();
  policy.roots.back().anchors = Anchor::amd_milan;
  expect_failure(judge(lab.quote(), policy, lab.at), "tdx.pck.chain", Errc::untrusted, "T6");
  policy.roots.back().anchors = Anchor::intel_sgx;
  EXPECT_TRUE(judge(lab.quote(), policy, lab.at).proof);
}

TEST_F(EndorsementsTest, AFailureIsNotRemembered) {
  expect_failure(judge(lab.crl_from - seconds{1}), "tdx.pck.chain", Errc::expired, "T6/T7");
  EXPECT_TRUE(judge(lab.at).proof);
}

TEST_F(EndorsementsTest, AnotherPlatformIsAnother) {
  EXPECT_TRUE(judge(lab.at).proof);
  const TdxLab other;
  expect_failure(judge(other.quote(), lab.policy(), lab.at), "tdx.pck.chain", Errc::untrusted,
                 "T6");
}

TEST_F(EndorsementsTest, HoldMorePlatformsThanTheyRemember) {
  const std::string pem = lab.parts().pck_chain_pem;
  evidence::DcapQuote quote = lab.parts();
  EXPECT_TRUE(judge(lab.at).proof);
  for (int i = 0; i < 200; ++i) {
    // Blank lines between certificates read as none: the same chain in another text.
    quote.pck_chain_pem = pem + std::string(static_cast<std::size_t>(i), '\n');
    EXPECT_TRUE(judge(evidence::testing::write_quote(quote), lab.policy(), lab.at).proof) << i;
  }
}

TEST_F(EndorsementsTest, ServeManyThreads) {
  const Bytes quote = lab.quote();
  const Policy policy = lab.policy();
  const auto collateral = lab.collateral();
  const Endorsements shared(&collateral);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 10; ++j) {
        Verdict verdict;
        EXPECT_TRUE(verify_tdx(quote, shared, policy, lab.at, verdict));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Endorsements, OfNothingFailWhatNeedsThem) {
  const TdxLab lab;
  Outcome outcome;
  outcome.proof =
      verify_tdx(lab.quote(), Endorsements(nullptr), lab.policy(), lab.at, outcome.verdict);
  expect_failure(outcome, "tdx.collateral", Errc::unavailable, "T4");
}

}  // namespace
}  // namespace confide::verify
