#include "verify/claims.h"

#include <gtest/gtest.h>

namespace confide::verify {
namespace {

// A verdict and policy under which all six claims are asserted.
struct SessionClaimsTest : ::testing::Test {
  SessionClaimsTest() {
    for (const char* id : {"tdx.collateral", "tdx.quote.signature", "tdx.tcb.status",
                           "tdx.td.attributes", "policy.measurements", "aci.compose", "aci.model",
                           "gpu.report.signature", "rim.signature", "binding.gpu.nonce"}) {
      verdict.pass(id, "");
    }
    verdict.claims =
        Json{{"tcb_status", "UpToDate"}, {"gpus", "all"}, {"devices", Json::array({1})}};
    for (const char* name : {"mr_td", "rtmr1", "rtmr2"}) {
      policy.measurements.emplace_back(name, std::set<std::string>{"00"});
    }
    policy.compose_hashes = {"00"};
    policy.model_digests = {"00"};
  }

  SessionClaims claims() const { return session_claims(verdict, policy); }

  // The same checks, but one of them failed or was skipped.
  SessionClaims with(std::string_view id, CheckStatus status) const {
    Verdict changed;
    for (const Check& check : verdict.checks()) {
      const CheckStatus now = check.id == id ? status : check.status;
      if (now == CheckStatus::pass) changed.pass(check.id, "");
      if (now == CheckStatus::fail) changed.fail(check.id, "why");
      if (now == CheckStatus::skip) changed.skip(check.id, "");
    }
    changed.claims = verdict.claims;
    return session_claims(changed, policy);
  }

  Verdict verdict;
  Policy policy = Policy::strict();
};

void expect_refuted(const Claim& claim, std::string_view reason) {
  EXPECT_EQ(claim.status, ClaimStatus::refuted);
  EXPECT_EQ(claim.source, ClaimSource::verifier_derived);
  EXPECT_EQ(claim.reason, reason);
}

TEST_F(SessionClaimsTest, AllHoldWithTheirSources) {
  EXPECT_EQ(
      claims().to_json(),
      (Json{{"tee_attested",
             {{"status", "asserted"},
              {"source", "hardware_proven"},
              {"reason", "evidence verified to the vendor's root"}}},
            {"gpu_attested",
             {{"status", "asserted"},
              {"source", "hardware_proven"},
              {"reason", "1 devices verified, bound to the quote"}}},
            {"tcb_up_to_date",
             {{"status", "asserted"}, {"source", "verifier_derived"}, {"reason", "UpToDate"}}},
            {"os_known_good",
             {{"status", "asserted"},
              {"source", "verifier_derived"},
              {"reason", "firmware, kernel and initial file system are accepted ones"}}},
            {"serving_software_known_good",
             {{"status", "asserted"},
              {"source", "verifier_derived"},
              {"reason", "the measured manifest is an accepted one"}}},
            {"model_weights_provenance",
             {{"status", "asserted"},
              {"source", "verifier_derived"},
              {"reason", "the measured model is an accepted one"}}}}));
}

TEST_F(SessionClaimsTest, AnEmptyVerdictKnowsNothing) {
  verdict = {};
  const Json out = claims().to_json();
  ASSERT_EQ(out.size(), 6U);
  for (const Json& claim : out) EXPECT_EQ(claim, (Json{{"status", "unknown"}}));
}

TEST_F(SessionClaimsTest, OfAMachineThatNobodyJudgedNothingIsKnown) {
  Verdict others;
  for (const char* id : {"policy.measurements", "aci.compose", "aci.model"}) others.pass(id, "");
  others.claims = verdict.claims;
  verdict = others;
  for (const Json& claim : claims().to_json()) EXPECT_EQ(claim, (Json{{"status", "unknown"}}));
}

TEST_F(SessionClaimsTest, OfGpusThatNobodyJudgedNothingIsKnown) {
  Verdict others;
  others.pass("tdx.quote.signature", "");
  others.claims = Json{{"gpus", "some"}, {"devices", Json::array({1})}};
  EXPECT_EQ(session_claims(others, policy).gpu_attested.status, ClaimStatus::unknown);
}

TEST_F(SessionClaimsTest, WhereNoDeviceIsListedNoneIsRefuted) {
  verdict.claims.erase("devices");
  EXPECT_EQ(with("gpu.report.signature", CheckStatus::fail).gpu_attested.status,
            ClaimStatus::unknown);
}

TEST_F(SessionClaimsTest, WhatIsPinnedButWasNotCheckedIsUnknown) {
  Verdict quote;
  quote.pass("tdx.quote.signature", "");
  verdict = quote;
  EXPECT_EQ(claims().tee_attested.status, ClaimStatus::asserted);
  EXPECT_EQ(claims().os_known_good.status, ClaimStatus::unknown);
  EXPECT_EQ(claims().serving_software_known_good.status, ClaimStatus::unknown);
  EXPECT_EQ(claims().model_weights_provenance.status, ClaimStatus::unknown);
}

TEST_F(SessionClaimsTest, AFailedQuoteRefutesTheTeeAndLeavesTheRestOpen) {
  const SessionClaims out = with("tdx.quote.signature", CheckStatus::fail);
  expect_refuted(out.tee_attested, "tdx.quote.signature: why");
  EXPECT_EQ(out.tcb_up_to_date.status, ClaimStatus::unknown);
  EXPECT_EQ(out.os_known_good.status, ClaimStatus::unknown);
  EXPECT_EQ(out.serving_software_known_good.status, ClaimStatus::unknown);
  EXPECT_EQ(out.model_weights_provenance.status, ClaimStatus::unknown);
  EXPECT_EQ(out.gpu_attested.status, ClaimStatus::asserted);
}

TEST_F(SessionClaimsTest, WithoutTheVendorsWordNothingIsRefuted) {
  EXPECT_EQ(with("tdx.collateral", CheckStatus::fail).tee_attested.status, ClaimStatus::unknown);
}

TEST_F(SessionClaimsTest, ASimulatorIsNoHardware) {
  verdict.simulated = true;
  expect_refuted(claims().tee_attested, "the evidence leads to no hardware vendor's root");
  expect_refuted(claims().gpu_attested, "the evidence leads to no hardware vendor's root");
  EXPECT_EQ(claims().tcb_up_to_date.status, ClaimStatus::asserted);
}

TEST_F(SessionClaimsTest, AnOldTcbIsAGenuineMachines) {
  verdict.claims["tcb_status"] = "OutOfDate";
  const SessionClaims out = with("tdx.tcb.status", CheckStatus::fail);
  EXPECT_EQ(out.tee_attested.status, ClaimStatus::asserted);
  expect_refuted(out.tcb_up_to_date, "OutOfDate");
  verdict.claims["tcb_status"] = nullptr;
  expect_refuted(claims().tcb_up_to_date, "no TCB level");
}

TEST_F(SessionClaimsTest, GpusCountOnlyAllOfThemAndOnlyBound) {
  for (const char* id : {"gpu.report.signature", "rim.signature", "binding.gpu.nonce"}) {
    expect_refuted(with(id, CheckStatus::fail).gpu_attested, std::string(id) + ": why");
  }
  verdict.claims["gpus"] = "some";
  expect_refuted(claims().gpu_attested, "not all GPUs passed");
  verdict.claims["gpus"] = "all";
  verdict.claims["devices"] = Json::array();
  EXPECT_EQ(claims().gpu_attested.status, ClaimStatus::unknown);
  verdict.claims["devices"] = Json::array({1, 2});
  Verdict unbound;
  unbound.pass("gpu.report.signature", "");
  unbound.claims = verdict.claims;
  verdict = unbound;
  EXPECT_EQ(claims().gpu_attested.status, ClaimStatus::unknown);
}

TEST_F(SessionClaimsTest, WhatIsPinnedIsKnownGoodOrRefuted) {
  expect_refuted(with("policy.measurements", CheckStatus::fail).os_known_good,
                 "policy.measurements: why");
  expect_refuted(with("aci.compose", CheckStatus::fail).serving_software_known_good,
                 "aci.compose: why");
  expect_refuted(with("aci.model", CheckStatus::fail).model_weights_provenance, "aci.model: why");
  EXPECT_EQ(with("policy.measurements", CheckStatus::skip).os_known_good.status,
            ClaimStatus::unknown);
}

TEST_F(SessionClaimsTest, WhatIsNotPinnedIsUnknown) {
  policy.compose_hashes.clear();
  policy.model_digests.clear();
  EXPECT_EQ(claims().serving_software_known_good.status, ClaimStatus::unknown);
  EXPECT_EQ(claims().model_weights_provenance.status, ClaimStatus::unknown);
  for (std::size_t i = 0; i < 3; ++i) {
    auto pinned = policy.measurements;
    policy.measurements[i].second.clear();
    EXPECT_EQ(claims().os_known_good.status, ClaimStatus::unknown);
    policy.measurements = pinned;
  }
  policy.measurements.pop_back();
  EXPECT_EQ(claims().os_known_good.status, ClaimStatus::unknown);
}

// SEV-SNP has no status of a vendor: the policy's floor and measurement are all there is.
struct SnpSessionClaimsTest : SessionClaimsTest {
  SnpSessionClaimsTest() {
    verdict = {};
    for (const char* id :
         {"snp.certificates", "snp.report.signature", "snp.tcb.floor", "snp.values"}) {
      verdict.pass(id, "");
    }
    policy = Policy::strict();
    policy.snp.min_tcb["Milan"] = {};
    policy.snp.measurements = {"00"};
  }
};

TEST_F(SnpSessionClaimsTest, FloorAndMeasurementAreWhatThePolicyPins) {
  EXPECT_EQ(claims().tee_attested.status, ClaimStatus::asserted);
  EXPECT_EQ(claims().tcb_up_to_date.status, ClaimStatus::asserted);
  EXPECT_EQ(claims().os_known_good.status, ClaimStatus::asserted);
  policy.snp = {};
  EXPECT_EQ(claims().tcb_up_to_date.status, ClaimStatus::unknown);
  EXPECT_EQ(claims().os_known_good.status, ClaimStatus::unknown);
}

TEST_F(SnpSessionClaimsTest, AppraisalsDoNotMakeTheMachineAFake) {
  const SessionClaims old = with("snp.tcb.floor", CheckStatus::fail);
  EXPECT_EQ(old.tee_attested.status, ClaimStatus::asserted);
  expect_refuted(old.tcb_up_to_date, "snp.tcb.floor: why");
  const SessionClaims other = with("snp.values", CheckStatus::fail);
  EXPECT_EQ(other.tee_attested.status, ClaimStatus::asserted);
  expect_refuted(other.os_known_good, "snp.values: why");
  EXPECT_EQ(with("snp.certificates", CheckStatus::fail).tee_attested.status, ClaimStatus::unknown);
}

TEST(ClaimSource, IsSpelledAsInSessions) {
  EXPECT_EQ(to_string(ClaimSource::provider_asserted), "provider_asserted");
  EXPECT_EQ(to_string(ClaimSource::operator_asserted), "operator_asserted");
}

}  // namespace
}  // namespace confide::verify
