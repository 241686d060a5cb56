// What the C interface says of good evidence, and that it says the same as verify/ does. What it
// says of junk is embed_test.c's.
#include <confide/verify.h>

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evidence/tdx_collateral.h"
#include "verify/testing/event_log_lab.h"
#include "verify/testing/gpu_lab.h"
#include "verify/testing/snp_lab.h"
#include "verify/testing/tdx_lab.h"

namespace confide {
namespace {

using ::testing::HasSubstr;

struct Free {
  void operator()(confide_policy* p) const { confide_policy_free(p); }
  void operator()(confide_endorsements* p) const { confide_endorsements_free(p); }
  void operator()(confide_verdict* p) const { confide_verdict_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

confide_bytes borrow(ByteView bytes) { return {bytes.data(), bytes.size()}; }
confide_bytes borrow(std::string_view text) { return borrow(as_bytes(text)); }

Owned<confide_policy> trusting(const crypto::Certificate& root) {
  Owned<confide_policy> out(confide_policy_strict());
  EXPECT_TRUE(confide_policy_trust(out.get(), borrow(root.der())));
  return out;
}

Owned<confide_endorsements> endorsements_of(const verify::testing::DcapLab& lab) {
  const std::string text = evidence::tdx_collateral_to_json(lab.collateral()).dump();
  return Owned<confide_endorsements>(confide_endorsements_read(borrow(text), nullptr));
}

void expect_passed(const confide_verdict& verdict) {
  EXPECT_TRUE(confide_verdict_passed(&verdict)) << confide_verdict_json(&verdict);
  EXPECT_TRUE(confide_verdict_simulated(&verdict));  // a lab's root is nobody's
  EXPECT_EQ(confide_verdict_failure(&verdict), nullptr);
  EXPECT_EQ(confide_verdict_reason(&verdict), nullptr);
  EXPECT_THAT(confide_verdict_json(&verdict), HasSubstr(R"({"verdict":"pass","simulated":true,)"));
}

void expect_failed(const confide_verdict& verdict, const std::string& by) {
  EXPECT_FALSE(confide_verdict_passed(&verdict));
  ASSERT_NE(confide_verdict_failure(&verdict), nullptr);
  EXPECT_EQ(confide_verdict_failure(&verdict), by);
  EXPECT_THAT(confide_verdict_json(&verdict), HasSubstr(confide_verdict_reason(&verdict)));
}

class CapiTest : public ::testing::Test {
 protected:
  const verify::testing::TdxLab lab;
  const Bytes quote = lab.quote();
  const std::int64_t at = to_unix(lab.at);
  const Owned<confide_policy> policy = trusting(lab.policy().roots.back().certificate);
  const Owned<confide_endorsements> endorsements = endorsements_of(lab);
};

TEST_F(CapiTest, QuotesOfBothKinds) {
  const Owned<confide_verdict> tdx(
      confide_verify_quote(borrow(quote), endorsements.get(), policy.get(), at));
  expect_passed(*tdx);
  EXPECT_THAT(confide_verdict_json(tdx.get()), HasSubstr(R"("tcb_status":"UpToDate")"));

  const verify::testing::SgxLab sgx;
  const auto sgx_policy = trusting(sgx.policy().roots.back().certificate);
  const Owned<confide_verdict> enclave(confide_verify_quote(
      borrow(sgx.quote()), endorsements_of(sgx).get(), sgx_policy.get(), to_unix(sgx.at)));
  expect_passed(*enclave);
}

TEST_F(CapiTest, TheSameEndorsementsExpire) {
  const std::int64_t later = to_unix(lab.crl_until) + 1;
  const Owned<confide_verdict> verdict(
      confide_verify_quote(borrow(quote), endorsements.get(), policy.get(), later));
  expect_failed(*verdict, "tdx.pck.chain");
}

TEST_F(CapiTest, NothingIsTrustedThatWasNotNamed) {
  const Owned<confide_policy> strict(confide_policy_strict());
  const Owned<confide_verdict> verdict(
      confide_verify_quote(borrow(quote), endorsements.get(), strict.get(), at));
  expect_failed(*verdict, "tdx.pck.chain");
  const Owned<confide_verdict> without(
      confide_verify_quote(borrow(quote), nullptr, policy.get(), at));
  expect_failed(*without, "tdx.collateral");
}

TEST_F(CapiTest, PolicyInToml) {
  const std::string pinned =
      "version = 1\n[measurements]\nmr_td = [\"" + std::string(96, '0') + "\"]\n";
  const Owned<confide_policy> other(confide_policy_parse(borrow(pinned), nullptr));
  ASSERT_NE(other, nullptr);
  EXPECT_TRUE(confide_policy_trust(
      other.get(), borrow(lab.policy().roots.back().certificate.to_pem())));  // PEM does as well
  const Owned<confide_verdict> verdict(
      confide_verify_quote(borrow(quote), endorsements.get(), other.get(), at));
  expect_failed(*verdict, "policy.measurements");
}

TEST_F(CapiTest, EventLogs) {
  verify::testing::TdxLab logged;
  const auto log = verify::testing::dstack_log();
  logged.td().rtmr = verify::replay(log);
  const std::string document = verify::testing::dstack_document(log);
  const auto known = endorsements_of(logged);
  const auto trusted = trusting(logged.policy().roots.back().certificate);
  const Owned<confide_verdict> good(confide_verify_event_log(
      borrow(document), borrow(logged.quote()), known.get(), trusted.get(), at));
  expect_passed(*good);
  // The log of another machine's quote, and a quote that does not hold.
  const Owned<confide_verdict> other(confide_verify_event_log(
      borrow(document), borrow(quote), endorsements.get(), policy.get(), at));
  expect_failed(*other, "eventlog.rtmr0");
  const Owned<confide_verdict> unproven(confide_verify_event_log(
      borrow(document), borrow(logged.quote()), nullptr, trusted.get(), at));
  EXPECT_FALSE(confide_verdict_passed(unproven.get()));
}

TEST_F(CapiTest, SnpReports) {
  const verify::testing::SnpLab snp;
  const auto trusted = trusting(snp.policy().roots.back().certificate);
  const auto held = snp.certificates();
  const Bytes report = snp.report_bytes();
  const confide_snp_certificates all{.leaf = borrow(*held.leaf),
                                     .ica = borrow(*held.ica),
                                     .ark = borrow(*held.ark),
                                     .crl = borrow(*held.crl)};
  const Owned<confide_verdict> good(
      confide_verify_snp(borrow(report), &all, trusted.get(), to_unix(snp.at)));
  expect_passed(*good);
  const confide_snp_certificates leaf_only{.leaf = all.leaf, .ica = {}, .ark = {}, .crl = {}};
  const Owned<confide_verdict> bad(
      confide_verify_snp(borrow(report), &leaf_only, trusted.get(), to_unix(snp.at)));
  expect_failed(*bad, "snp.certificates");
}

TEST_F(CapiTest, Gpus) {
  const verify::testing::GpuLab gpu;
  const auto trusted = trusting(gpu.policy().roots.back().certificate);
  EXPECT_TRUE(confide_policy_trust(trusted.get(),
                                   borrow(gpu.policy().roots.rbegin()[1].certificate.der())));
  const auto evidence = gpu.evidence();
  const confide_gpu_evidence device{
      .report = borrow(evidence.report), .chain = borrow(evidence.chain_pem), .is_switch = false};
  const auto held = gpu.references();
  const confide_bytes driver = borrow(held.driver_rims.front());
  const confide_bytes vbios = borrow(held.vbios_rims.front());
  const confide_gpu_references references{.driver_rims = &driver,
                                          .driver_rim_count = 1,
                                          .vbios_rims = &vbios,
                                          .vbios_rim_count = 1,
                                          .ocsp = nullptr,
                                          .ocsp_count = 0};
  const auto judge = [&](const confide_gpu_evidence& what, const confide_gpu_references* by,
                         ByteView nonce) {
    return Owned<confide_verdict>(
        confide_verify_gpus(&what, 1, by, borrow(nonce), trusted.get(), to_unix(gpu.at)));
  };
  expect_passed(*judge(device, &references, gpu.nonce));
  EXPECT_FALSE(confide_verdict_passed(judge(device, nullptr, gpu.nonce).get()));
  expect_failed(*judge(device, &references, Bytes(32, 0)), "gpu.report.nonce");
  confide_gpu_evidence as_switch = device;
  as_switch.is_switch = true;
  EXPECT_FALSE(confide_verdict_passed(judge(as_switch, &references, gpu.nonce).get()));
}

}  // namespace
}  // namespace confide
