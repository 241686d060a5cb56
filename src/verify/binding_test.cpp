#include "verify/binding.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "crypto/hash.h"
#include "evidence/dcap_quote.h"
#include "evidence/snp_report.h"
#include "verify/testing/event_log_lab.h"

namespace confide::verify {
namespace {

namespace fs = std::filesystem;
using evidence::ReportData;
using evidence::SpdmNonce;

static_assert(!std::is_default_constructible_v<VerifiedGpuBinding>);
static_assert(!std::is_constructible_v<VerifiedGpuBinding, SpdmNonce>);

// GET_MEASUREMENTS with this nonce, and the least answer that can be read.
evidence::GpuEvidence device_answering(const SpdmNonce& nonce) {
  evidence::GpuEvidence out;
  out.report = {0x11, 0xe0, 0x01, 0xff};
  append(out.report, nonce);
  out.report.push_back(0);
  append(out.report, Bytes{0x11, 0x60, 0, 0, 0, 0, 0, 0});  // no block, no record
  out.report.insert(out.report.end(), 32, 0x55);
  append(out.report, Bytes{0, 0});  // no opaque data
  out.report.insert(out.report.end(), 96, 0x66);
  return out;
}

VerifiedEventLog verified(const std::vector<evidence::Event>& log) {
  evidence::TdReport td;
  td.rtmr = replay(log);
  Verdict verdict;
  return verify_event_log(log, td, verdict).value();
}

constexpr std::string_view kDocument = "{\"evidence_list\":[]}";

// A log in which the platform measured this of its GPUs when it started.
VerifiedEventLog log_with(const std::string& payload) {
  auto log = testing::dstack_log();
  log.insert(log.begin() + 8,
             testing::runtime_event("gpu-attestation", to_bytes(as_bytes(payload))));
  return verified(log);
}

std::string measured_digest() {
  return "\"evidence_sha256\":\"" + to_hex(crypto::sha256(as_bytes(kDocument))) + "\"";
}

struct GpuBindingTest : ::testing::Test {
  GpuBindingTest() {
    for (std::size_t i = 0; i < report_data.size(); ++i) {
      report_data.at(i) = static_cast<std::uint8_t>(i);
    }
    binding.report_data = report_data;
    devices.assign(2, device_answering(gpu_nonce(GpuNonceRule::derived, report_data).value()));
  }

  Result<VerifiedGpuBinding> judge() {
    binding.devices = devices;
    verdict = {};
    auto out = verify_gpu_binding(binding, verdict);
    EXPECT_EQ(out.has_value(), verdict.passed());
    return out;
  }

  void expect_refused(Errc code, std::string_view id) {
    const auto out = judge();
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().code, code) << out.error().message;
    EXPECT_EQ(verdict.first_failure()->id, id);
    EXPECT_EQ(verdict.checks().size(), 2U);
  }

  ReportData report_data{};
  std::vector<evidence::GpuEvidence> devices;
  GpuBinding binding;
  Verdict verdict;
};

TEST_F(GpuBindingTest, TheNonceFollowsFromReportData) {
  Bytes text = to_bytes(as_bytes(std::string_view("confide.gpu_nonce.v1\0", 21)));
  append(text, report_data);
  EXPECT_EQ(gpu_nonce(GpuNonceRule::derived, report_data).value(), crypto::sha256(text));
  SpdmNonce tail{};
  for (std::size_t i = 0; i < tail.size(); ++i) tail.at(i) = static_cast<std::uint8_t>(32 + i);
  EXPECT_EQ(gpu_nonce(GpuNonceRule::report_data_tail, report_data).value(), tail);
}

TEST_F(GpuBindingTest, ATailOfZerosIsNoNonce) {
  std::fill(report_data.begin() + 32, report_data.end(), std::uint8_t{0});
  EXPECT_EQ(gpu_nonce(GpuNonceRule::report_data_tail, report_data).error().code, Errc::mismatch);
  EXPECT_TRUE(gpu_nonce(GpuNonceRule::derived, report_data));
}

TEST_F(GpuBindingTest, DevicesThatAnswerThisQuoteAreBound) {
  const auto out = judge();
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->nonce(), gpu_nonce(GpuNonceRule::derived, report_data).value());
  EXPECT_EQ(verdict.checks()[1].status, CheckStatus::skip);
}

TEST_F(GpuBindingTest, AGenuineGpuOfAnotherMachineIsRefused) {
  ReportData other = report_data;
  other[0] ^= 1U;
  devices[1] = device_answering(gpu_nonce(GpuNonceRule::derived, other).value());
  expect_refused(Errc::mismatch, "binding.gpu.nonce");
}

TEST_F(GpuBindingTest, AnAnswerToAnEarlierQuoteIsRefused) {
  binding.report_data[63] ^= 1U;
  expect_refused(Errc::mismatch, "binding.gpu.nonce");
}

TEST_F(GpuBindingTest, EachRuleHasItsOwnNonce) {
  binding.rule = GpuNonceRule::report_data_tail;
  expect_refused(Errc::mismatch, "binding.gpu.nonce");
  const SpdmNonce tail = gpu_nonce(binding.rule, report_data).value();
  devices.assign(1, device_answering(tail));
  EXPECT_TRUE(judge());
}

TEST_F(GpuBindingTest, NoDeviceIsNotABoundDevice) {
  devices.clear();
  expect_refused(Errc::not_found, "binding.gpu.nonce");
}

TEST_F(GpuBindingTest, EvidenceThatCannotBeReadIsRefused) {
  devices[1].report.resize(100);
  expect_refused(Errc::malformed, "binding.gpu.nonce");
}

TEST_F(GpuBindingTest, TheLogNamesTheDocument) {
  for (const std::string& more :
       {std::string(), std::string(",\"cc_mode\":\"on\",\"devtools\":false"),
        std::string(",\"devtools\":\"off\"")}) {
    const VerifiedEventLog log = log_with("{" + measured_digest() + more + "}");
    binding.log = &log;
    binding.document = kDocument;
    EXPECT_TRUE(judge()) << more;
    binding.document = "{\"evidence_list\":[] }";
    expect_refused(Errc::mismatch, "binding.gpu.digest");
    binding.document.reset();
    expect_refused(Errc::unavailable, "binding.gpu.digest");
  }
}

TEST_F(GpuBindingTest, ALogWithoutTheEventBindsNoGpu) {
  const VerifiedEventLog log = verified(testing::dstack_log());
  binding.log = &log;
  binding.document = kDocument;
  expect_refused(Errc::not_found, "binding.gpu.digest");
}

TEST_F(GpuBindingTest, AnEventThatSaysNothingBindsNoGpu) {
  for (const char* payload : {"", "[]", "{}", "{\"evidence_sha256\":1}"}) {
    const VerifiedEventLog log = log_with(payload);
    binding.log = &log;
    binding.document = kDocument;
    expect_refused(Errc::malformed, "binding.gpu.digest");
  }
}

TEST_F(GpuBindingTest, AMachineThatSawItsGpusOpenIsRefused) {
  binding.document = kDocument;
  for (const char* more : {",\"cc_mode\":\"off\"", ",\"cc_mode\":\"devtools\"",
                           ",\"devtools\":true", ",\"devtools\":\"on\"", ",\"devtools\":null"}) {
    const VerifiedEventLog log = log_with("{" + measured_digest() + more + "}");
    binding.log = &log;
    expect_refused(Errc::policy, "binding.gpu.digest");
  }
  const VerifiedEventLog log = log_with("{" + measured_digest() + ",\"cc_mode\":true}");
  binding.log = &log;
  expect_refused(Errc::malformed, "binding.gpu.digest");
}

evidence::HclReport hcl_report(evidence::HclHash hash) {
  evidence::HclReport out;
  out.hash = hash;
  out.runtime_data = to_bytes(as_bytes("{}"));
  return out;
}

TEST(HclBinding, ReportDataIsTheHashAndZeros) {
  const Bytes data = to_bytes(as_bytes("{}"));
  ReportData expected{};
  const auto put = [&expected](ByteView hash) {
    expected = {};
    std::copy(hash.begin(), hash.end(), expected.begin());
    return expected;
  };
  EXPECT_EQ(hcl_report_data(hcl_report(evidence::HclHash::sha256)), put(crypto::sha256(data)));
  EXPECT_EQ(hcl_report_data(hcl_report(evidence::HclHash::sha384)), put(crypto::sha384(data)));
  EXPECT_EQ(hcl_report_data(hcl_report(evidence::HclHash::sha512)), put(crypto::sha512(data)));
}

TEST(HclBinding, RefusesOtherReportData) {
  const evidence::HclReport report = hcl_report(evidence::HclHash::sha256);
  ReportData given = hcl_report_data(report);
  EXPECT_TRUE(check_hcl_binding(report, given));
  for (const std::size_t at : {0U, 31U, 32U, 63U}) {
    ReportData spoiled = given;
    spoiled.at(at) ^= 1U;
    EXPECT_EQ(check_hcl_binding(report, spoiled).error().code, Errc::mismatch) << at;
  }
}

std::optional<fs::path> recorded(const char* name) {
  const fs::path folder = fs::path(CONFIDE_VECTORS) / "binding" / name;
  if (!fs::exists(folder)) return std::nullopt;
  return folder;
}

Bytes read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

Json description_of(const fs::path& folder) {
  return json::parse(as_text(read_file(folder / "case.json"))).value();
}

TEST(BindingVectors, NearMpc) {
  const auto folder = recorded("report-data-near-mpc");
  if (!folder) GTEST_SKIP() << "SKIPPED: no recorded evidence here";
  const Json description = description_of(*folder);
  const Json& inputs = description.at("inputs");
  const auto key = [&inputs](const char* name) {
    return from_hex_array<32>(inputs.at(name).get_ref<const std::string&>()).value();
  };
  const ReportData expected =
      near_mpc_report_data(key("tls_public_key"), key("account_public_key"));
  EXPECT_EQ(to_hex(expected), description.at("expected").at("report_data").get<std::string>());
  const auto quote = evidence::parse_dcap_quote(read_file(*folder / "quote.bin")).value();
  EXPECT_EQ(quote.td()->report_data, expected);
}

TEST(BindingVectors, AzureHcl) {
  const auto folder = recorded("azure-hcl-runtime-data");
  if (!folder) GTEST_SKIP() << "SKIPPED: no recorded evidence here";
  const Json expected = description_of(*folder).at("expected");
  const auto report = evidence::parse_hcl_report(read_file(*folder / "hcl_report.bin"));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(static_cast<int>(report->hash), expected.at("hash_type"));
  EXPECT_EQ(report->runtime_data.size(), expected.at("variable_data_size"));
  EXPECT_EQ(to_hex(crypto::sha256(report->runtime_data)), expected.at("hash").get<std::string>());
  const auto snp = evidence::parse_snp_report(report->hardware_report);
  ASSERT_TRUE(snp) << snp.error().message;
  EXPECT_EQ(snp->report_data, report->report_data);
  EXPECT_TRUE(check_hcl_binding(*report, snp->report_data));
}

}  // namespace
}  // namespace confide::verify
