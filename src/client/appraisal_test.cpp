#include "client/appraisal.h"

#include <algorithm>
#include <type_traits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/testing/service.h"

namespace confide::client {
namespace {

static_assert(!std::is_default_constructible_v<AttestedService>);

using ::testing::HasSubstr;
using testing::runtime_event;
using testing::TestService;
using verify::CheckStatus;

const Time kNow = parse_rfc3339("2026-06-15T12:00:00Z").value();
const std::string kNonce(64, 'a');

const verify::Check* find_check(const verify::Verdict& verdict, std::string_view id) {
  const auto at = std::ranges::find(verdict.checks(), id, &verify::Check::id);
  return at == verdict.checks().end() ? nullptr : &*at;
}

struct AppraisalTest : ::testing::Test {
  // What the verifier sees of the service as it stands now.
  AppraisalInput observe() {
    AppraisalInput input;
    input.report = service.report(kNonce);
    input.nonce = kNonce;
    input.observed_spki = to_hex(service.certificate.spki_sha256());
    input.host = "ai.example.com";
    return input;
  }

  Result<AttestedService> judge(const AppraisalInput& input) {
    verdict = {};
    auto result = appraise(input, policy, at, verdict);
    EXPECT_EQ(result.has_value(), verdict.passed());
    return result;
  }

  void expect_refused(const AppraisalInput& input, Errc code, std::string_view first_failure) {
    const auto result = judge(input);
    ASSERT_FALSE(result) << "not refused";
    EXPECT_EQ(result.error().code, code) << result.error().message;
    ASSERT_NE(verdict.first_failure(), nullptr);
    EXPECT_EQ(verdict.first_failure()->id, first_failure) << verdict.first_failure()->detail;
  }

  // The report with one member of its evidence taken out.
  static void take_out(AppraisalInput& input, const char* member) {
    Json report = json::parse(input.report).value();
    ASSERT_EQ(report["attestation"]["evidence"].erase(member), 1U);
    input.report = json::compact(report);
  }

  ExchangeFacts facts(const std::optional<std::string_view>& request,
                      const std::optional<std::string_view>& response) const {
    ExchangeFacts known;
    if (request) known.request_hash = crypto::sha256_tag(as_bytes(*request));
    if (response) known.response_hash = crypto::sha256_tag(as_bytes(*response));
    known.client_nonce = sent_nonce;
    return known;
  }

  Result<aci::VerifiedReceipt> judge_receipt(std::string_view document,
                                             const std::optional<std::string_view>& request,
                                             const std::optional<std::string_view>& response) {
    const auto attested = judge(observe());
    EXPECT_TRUE(attested);
    verdict = {};
    auto result = appraise_receipt(document, *attested, facts(request, response), verdict);
    EXPECT_EQ(result.has_value(), verdict.passed());
    return result;
  }

  TestService service;
  verify::Policy policy = service.policy();
  Time at = kNow;
  std::optional<std::string> sent_nonce;
  verify::Verdict verdict;
};

TEST_F(AppraisalTest, GenuineServicePasses) {
  const auto attested = judge(observe());
  ASSERT_TRUE(attested) << attested.error().message;
  EXPECT_TRUE(attested->simulated());
  EXPECT_TRUE(verdict.simulated);
  EXPECT_EQ(attested->model_digests(), std::vector{service.model_digest()});
  EXPECT_EQ(attested->keyset().digest, service.digest());
  for (const std::string_view id :
       {"aci.report", "aci.serving", "aci.keyset_digest", "aci.report_data", "aci.freshness",
        "aci.keyset_expiry", "aci.tls", "aci.compose", "aci.model", "aci.provenance"}) {
    const verify::Check* check = find_check(verdict, id);
    ASSERT_NE(check, nullptr) << id;
    EXPECT_EQ(check->status, CheckStatus::pass) << id << ": " << check->detail;
  }
  EXPECT_EQ(verdict.claims["model_sha256"], to_hex(service.model));
  EXPECT_EQ(verdict.claims["serving"], "direct");
  EXPECT_EQ(verdict.claims["source"]["repo_commit"], "0123456789abcdef");
  EXPECT_EQ(verdict.claims["tcb_status"], "UpToDate");
}

TEST_F(AppraisalTest, SimulatedRootMustBeNamed) {
  policy = verify::Policy::strict();
  expect_refused(observe(), Errc::untrusted, "tdx.pck.chain");
  // Whatever hangs on the quote falls with it.
  for (const std::string_view id : {"aci.report_data", "eventlog", "aci.compose", "aci.model"}) {
    ASSERT_NE(find_check(verdict, id), nullptr) << id;
    EXPECT_EQ(find_check(verdict, id)->status, CheckStatus::fail) << id;
  }
}

TEST_F(AppraisalTest, ReplayedReportIsRefused) {
  AppraisalInput input = observe();
  input.nonce = std::string(64, 'b');
  expect_refused(input, Errc::mismatch, "aci.report_data");
  input.nonce = "A nonce that is none";
  expect_refused(input, Errc::malformed, "aci.report_data");
}

TEST_F(AppraisalTest, WithoutNonceOnlyTheNullFormPasses) {
  AppraisalInput input = observe();
  input.nonce = std::nullopt;
  expect_refused(input, Errc::mismatch, "aci.report_data");
  EXPECT_THAT(verdict.first_failure()->detail, HasSubstr("nonce is needed"));

  input.report = service.report(std::nullopt);
  ASSERT_TRUE(judge(input));
  EXPECT_EQ(find_check(verdict, "aci.freshness")->status, CheckStatus::skip);
}

TEST_F(AppraisalTest, NullFormIsNoAnswerToANonce) {
  AppraisalInput input = observe();
  input.report = service.report(std::nullopt);
  expect_refused(input, Errc::mismatch, "aci.report_data");
}

TEST_F(AppraisalTest, AnotherServicesKeysetIsRefused) {
  // An honest quote relayed with the attacker's own keys beside it.
  TestService attacker;
  Json report = json::parse(service.report(kNonce)).value();
  report["attestation"]["workload_keyset"] = attacker.keyset.to_json();
  AppraisalInput input = observe();
  input.report = json::compact(report);
  expect_refused(input, Errc::mismatch, "aci.keyset_digest");

  report["workload_keyset_digest"] = attacker.digest();
  input.report = json::compact(report);
  input.observed_spki = to_hex(attacker.certificate.spki_sha256());
  expect_refused(input, Errc::mismatch, "aci.report_data");
}

TEST_F(AppraisalTest, ServedCopiesMustAgreeWithTheQuote) {
  Json report = json::parse(service.report(kNonce)).value();
  report["attestation"]["evidence"]["quote_report_data"] = std::string(128, '0');
  AppraisalInput input = observe();
  input.report = json::compact(report);
  expect_refused(input, Errc::mismatch, "aci.report_data");

  report = json::parse(service.report(kNonce)).value();
  report["attestation"]["report_data"] = std::string(64, '0');
  input.report = json::compact(report);
  expect_refused(input, Errc::mismatch, "aci.report_data");
}

TEST_F(AppraisalTest, ExpiredKeysetIsRefused) {
  service.keyset.not_after = kNow;
  expect_refused(observe(), Errc::expired, "aci.keyset_expiry");
  service.keyset.not_after = kNow + std::chrono::seconds{1};
  EXPECT_TRUE(judge(observe()));
}

TEST_F(AppraisalTest, EndlessKeysetIsRefused) {
  service.keyset.not_after = kNow + std::chrono::days{367};
  expect_refused(observe(), Errc::policy, "aci.keyset_expiry");
  service.keyset.not_after = from_unix(7258118400);
  expect_refused(observe(), Errc::policy, "aci.keyset_expiry");
}

TEST_F(AppraisalTest, UnlistedTlsKeyIsRefused) {
  AppraisalInput input = observe();
  input.observed_spki = std::string(64, '0');
  expect_refused(input, Errc::untrusted, "aci.tls");
}

TEST_F(AppraisalTest, TlsKeyOfAnotherHostIsRefused) {
  service.keyset.tls_public_keys[0].domain = "other.example.com";
  expect_refused(observe(), Errc::untrusted, "aci.tls");
  service.keyset.tls_public_keys[0].domain = "AI.example.com.";
  EXPECT_TRUE(judge(observe()));
}

TEST_F(AppraisalTest, OfflineTheTlsKeyIsNotJudged) {
  AppraisalInput input = observe();
  input.observed_spki = std::nullopt;
  ASSERT_TRUE(judge(input));
  EXPECT_EQ(find_check(verdict, "aci.tls")->status, CheckStatus::skip);
}

TEST_F(AppraisalTest, MissingEvidenceIsRefused) {
  AppraisalInput input = observe();
  take_out(input, "quote");
  expect_refused(input, Errc::malformed, "aci.report");

  input = observe();
  take_out(input, "event_log");
  expect_refused(input, Errc::not_found, "eventlog");

  input = observe();
  take_out(input, "collateral");
  expect_refused(input, Errc::unavailable, "tdx.collateral");

  input = observe();
  take_out(input, "app_compose");
  expect_refused(input, Errc::not_found, "aci.compose");
}

TEST_F(AppraisalTest, CollateralMayComeFromElsewhere) {
  const evidence::TdxCollateral collateral = service.lab.collateral();
  AppraisalInput input = observe();
  take_out(input, "collateral");
  input.collateral = &collateral;
  EXPECT_TRUE(judge(input));
}

TEST_F(AppraisalTest, BrokenStapledCollateralIsRefused) {
  Json report = json::parse(service.report(kNonce)).value();
  report["attestation"]["evidence"]["collateral"] = Json::object();
  AppraisalInput input = observe();
  input.report = json::compact(report);
  expect_refused(input, Errc::malformed, "aci.collateral");
}

TEST_F(AppraisalTest, MissingProvenanceIsRefused) {
  service.provenance = {};
  expect_refused(observe(), Errc::not_found, "aci.provenance");
}

TEST_F(AppraisalTest, DeclaredImageMustStandInTheManifest) {
  service.provenance.image_digest = "sha256:" + std::string(64, '1');
  expect_refused(observe(), Errc::mismatch, "aci.provenance");
}

TEST_F(AppraisalTest, DeclaredImageMustBeADigest) {
  for (const std::string part : {"", "manifest_version"}) {
    service.provenance.image_digest = part;
    expect_refused(observe(), Errc::malformed, "aci.provenance");
  }
}

TEST_F(AppraisalTest, ManifestMustBeTheMeasuredOne) {
  service.app_compose += " ";
  expect_refused(observe(), Errc::mismatch, "aci.compose");
}

TEST_F(AppraisalTest, ManifestMeasuredByTheApplicationDoesNotCount) {
  std::swap(service.log[0], service.log[1]);  // system-ready comes first now
  expect_refused(observe(), Errc::mismatch, "eventlog.identity");
  service.log.erase(service.log.begin() + 1);
  expect_refused(observe(), Errc::not_found, "aci.compose");
}

TEST_F(AppraisalTest, ModelOutsideThePolicyIsRefused) {
  policy.model_digests = {std::string(64, '0')};
  expect_refused(observe(), Errc::policy, "aci.model");
  policy.model_digests.insert(to_hex(service.model));
  EXPECT_TRUE(judge(observe()));
}

TEST_F(AppraisalTest, ManifestOutsideThePolicyIsRefused) {
  policy.compose_hashes = {std::string(64, '0')};
  expect_refused(observe(), Errc::policy, "aci.compose");
}

TEST_F(AppraisalTest, EveryModelMustBeAccepted) {
  service.log.push_back(runtime_event("confide.model", Bytes(32, 7)));
  const auto attested = judge(observe());
  ASSERT_TRUE(attested);
  EXPECT_EQ(attested->model_digests(),
            (std::vector{service.model_digest(), "sha256:" + to_hex(Bytes(32, 7))}));
  policy.model_digests = {to_hex(service.model)};
  expect_refused(observe(), Errc::policy, "aci.model");
  policy.model_digests.insert(to_hex(Bytes(32, 7)));
  EXPECT_TRUE(judge(observe()));
}

TEST_F(AppraisalTest, ModelMustBeMeasured) {
  service.log.resize(2);
  expect_refused(observe(), Errc::not_found, "aci.model");
  service.log.push_back(runtime_event("confide.model", Bytes(31)));
  expect_refused(observe(), Errc::malformed, "aci.model");
}

TEST_F(AppraisalTest, EventLogMustExplainTheQuote) {
  Json report = json::parse(service.report(kNonce)).value();
  service.log.back() = runtime_event("confide.model", Bytes(32, 7));
  report["attestation"]["evidence"]["event_log"] = evidence::event_log_to_json(service.log);
  AppraisalInput input = observe();
  input.report = json::compact(report);
  expect_refused(input, Errc::mismatch, "eventlog.rtmr3");
}

TEST_F(AppraisalTest, AggregatorsAreRefused) {
  Json report = json::parse(service.report(kNonce)).value();
  report["service_capabilities"]["serving"] = "aggregator";
  AppraisalInput input = observe();
  input.report = json::compact(report);
  expect_refused(input, Errc::unsupported, "aci.serving");
}

TEST_F(AppraisalTest, OtherTeesAreRefused) {
  Json report = json::parse(service.report(kNonce)).value();
  report["attestation"]["tee_type"] = "sev_snp";
  AppraisalInput input = observe();
  input.report = json::compact(report);
  expect_refused(input, Errc::unsupported, "aci.report");
}

TEST_F(AppraisalTest, AnyFlippedBitOfTheQuoteIsRefused) {
  const AppraisalInput genuine = observe();
  Json report = json::parse(genuine.report).value();
  const std::string hex = report["attestation"]["evidence"]["quote"].get<std::string>();
  const Bytes quote = from_hex(hex).value();
  // Header, TD report and both signatures; a step that meets every field.
  const std::size_t judged = 48 + 584 + 4 + 64 + 64 + 6 + 384 + 64;
  ASSERT_GT(quote.size(), judged);
  for (std::size_t i = 0; i < judged; i += 11) {
    Bytes spoiled = quote;
    spoiled[i] ^= static_cast<std::uint8_t>(1U << (i % 8));
    report["attestation"]["evidence"]["quote"] = to_hex(spoiled);
    AppraisalInput input = genuine;
    input.report = json::compact(report);
    EXPECT_FALSE(judge(input)) << "byte " << i;
  }
}

TEST_F(AppraisalTest, AnyFlippedBitOfTheKeysetIsRefused) {
  const AppraisalInput genuine = observe();
  const std::string keyset = json::compact(service.keyset.to_json());
  const std::size_t start = genuine.report.find(keyset);
  ASSERT_NE(start, std::string::npos);
  for (std::size_t i = 0; i < keyset.size(); i += 7) {
    AppraisalInput input = genuine;
    input.report[start + i] = static_cast<char>(input.report[start + i] ^ (1 << (i % 8)));
    EXPECT_FALSE(judge(input)) << "byte " << i;
  }
}

TEST_F(AppraisalTest, NothingIsNoReport) {
  AppraisalInput input = observe();
  input.report = "";
  expect_refused(input, Errc::malformed, "aci.report");
}

constexpr std::string_view kRequest = R"({"model":"test-model"})";
constexpr std::string_view kResponse = "data: [DONE]\n\n";

TEST_F(AppraisalTest, GenuineReceiptPasses) {
  const std::string document = service.receipt(kRequest, kResponse, service.execution());
  ASSERT_TRUE(judge_receipt(document, kRequest, kResponse));
  EXPECT_TRUE(verdict.simulated);
  EXPECT_EQ(verdict.checks().size(), 5U);
  EXPECT_EQ(verdict.claims["seed"], 42);
  EXPECT_EQ(verdict.claims["completion_tokens"], 2);
}

TEST_F(AppraisalTest, ReceiptForOtherBytesIsRefused) {
  const std::string document = service.receipt(kRequest, kResponse, service.execution());
  auto result = judge_receipt(document, "another request", kResponse);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::mismatch);
  EXPECT_EQ(verdict.first_failure()->id, "receipt.request");

  result = judge_receipt(document, kRequest, "data: [DONE]\n");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::mismatch);
  EXPECT_EQ(verdict.first_failure()->id, "receipt.response");
}

TEST_F(AppraisalTest, ReceiptForAnEqualRequestIsRefusedByItsNonce) {
  const std::string ours(64, 'a');
  const std::string document = service.receipt(kRequest, kResponse, service.execution(), ours);
  sent_nonce = ours;
  ASSERT_TRUE(judge_receipt(document, kRequest, kResponse));
  EXPECT_EQ(find_check(verdict, "receipt.nonce")->status, CheckStatus::pass);

  sent_nonce = std::string(64, 'b');
  auto result = judge_receipt(document, kRequest, kResponse);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::mismatch);
  EXPECT_EQ(verdict.first_failure()->id, "receipt.nonce");

  result =
      judge_receipt(service.receipt(kRequest, kResponse, service.execution()), kRequest, kResponse);
  ASSERT_FALSE(result);
  EXPECT_EQ(verdict.first_failure()->id, "receipt.nonce");

  sent_nonce.reset();
  ASSERT_TRUE(judge_receipt(document, kRequest, kResponse));
  EXPECT_EQ(find_check(verdict, "receipt.nonce")->status, CheckStatus::skip);
}

TEST_F(AppraisalTest, AForeignTlsKeyPassesOnlyWhereRequestsAreSealed) {
  AppraisalInput input = observe();
  input.observed_spki = std::string(64, '0');
  input.tls_key = TlsKey::unless_sealed;
  expect_refused(input, Errc::untrusted, "aci.tls");

  service.keyset.ohttp_key_configurations = {{"ohttp-1", "sha256:" + std::string(64, '1')}};
  input = observe();
  input.observed_spki = std::string(64, '0');
  expect_refused(input, Errc::untrusted, "aci.tls");
  input.tls_key = TlsKey::unless_sealed;
  EXPECT_TRUE(judge(input));
  EXPECT_EQ(find_check(verdict, "aci.tls")->status, CheckStatus::skip);
  EXPECT_FALSE(verdict.claims.contains("tls_spki_sha256"));
}

TEST_F(AppraisalTest, BytesNobodyHasAreSkipped) {
  const std::string document = service.receipt(kRequest, kResponse, service.execution());
  ASSERT_TRUE(judge_receipt(document, std::nullopt, std::nullopt));
  EXPECT_EQ(find_check(verdict, "receipt.request")->status, CheckStatus::skip);
  EXPECT_EQ(find_check(verdict, "receipt.response")->status, CheckStatus::skip);
}

TEST_F(AppraisalTest, ReceiptMustNameTheAttestedModel) {
  aci::Execution other = service.execution();
  other.model_digest = crypto::sha256_tag(as_bytes("a cheaper model"));
  auto result = judge_receipt(service.receipt(kRequest, kResponse, other), kRequest, kResponse);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::mismatch);
  EXPECT_EQ(verdict.first_failure()->id, "receipt.model");

  result = judge_receipt(service.receipt(kRequest, kResponse, std::nullopt), kRequest, kResponse);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::not_found);
}

TEST_F(AppraisalTest, ReceiptThatNamesAnUpstreamIsRefused) {
  Json receipt = json::parse(service.receipt(kRequest, kResponse, service.execution())).value();
  auto& events = receipt["event_log"];
  events.insert(events.end() - 1, Json{{"type", "upstream.verified"}, {"result", "verified"}});
  receipt.erase("signature");
  receipt["signature"] =
      to_hex(service.receipt_key.sign(as_bytes(json::canonical(receipt).value())));
  const auto result = judge_receipt(json::compact(receipt), kRequest, kResponse);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::mismatch);
  EXPECT_EQ(verdict.first_failure()->id, "receipt.serving");
}

TEST_F(AppraisalTest, ReceiptOfAnotherServiceIsRefused) {
  const TestService other;
  const auto result =
      judge_receipt(other.receipt(kRequest, kResponse, service.execution()), kRequest, kResponse);
  ASSERT_FALSE(result);
  EXPECT_EQ(verdict.first_failure()->id, "receipt.signature");
}

TEST_F(AppraisalTest, AnyFlippedBitOfAReceiptIsRefused) {
  const auto attested = judge(observe());
  ASSERT_TRUE(attested);
  const std::string document = service.receipt(kRequest, kResponse, service.execution());
  for (std::size_t i = 0; i < document.size(); ++i) {
    std::string spoiled = document;
    spoiled[i] = static_cast<char>(spoiled[i] ^ (1 << (i % 8)));
    verify::Verdict found;
    EXPECT_FALSE(appraise_receipt(spoiled, *attested, facts(kRequest, kResponse), found))
        << "byte " << i;
    EXPECT_FALSE(found.passed()) << "byte " << i;
  }
}

TEST_F(AppraisalTest, PinnedPolicyAcceptsWhatWasSeenAndNothingElse) {
  const auto attested = judge(observe());
  ASSERT_TRUE(attested);
  const auto pinned = verify::Policy::from_toml(pinned_policy(policy, *attested).to_toml());
  ASSERT_TRUE(pinned) << pinned.error().message;
  policy = *pinned;
  EXPECT_TRUE(judge(observe()));
  ASSERT_EQ(policy.roots.size(), 1U);
  EXPECT_TRUE(policy.roots[0].simulated);

  service.log.back() = runtime_event("confide.model", Bytes(32, 9));
  expect_refused(observe(), Errc::policy, "aci.model");
  policy.measurements[0].second = {std::string(96, '0')};
  expect_refused(observe(), Errc::policy, "policy.measurements");
}

}  // namespace
}  // namespace confide::client
