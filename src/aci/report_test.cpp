#include "aci/report.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"

namespace confide::aci {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Keyset sample_keyset() {
  Keyset keyset;
  keyset.not_after = from_unix(1800000000);
  keyset.receipt_signing_keys = {{"r", std::string(kAlgoEd25519), std::string(64, '1')}};
  keyset.e2ee_public_keys = {{"e", std::string(kSuiteX25519), std::string(64, '2')}};
  keyset.tls_public_keys = {{std::string(64, '3'), std::nullopt}};
  return keyset;
}

ReportFields sample_fields() {
  ReportFields fields;
  fields.tee_type = "tdx";
  fields.workload_keyset = sample_keyset().to_json();
  fields.workload_keyset_digest = keyset_digest(fields.workload_keyset).value();
  fields.report_data = report_data(fields.workload_keyset_digest, std::nullopt);
  fields.provenance.repo_url = "https://example.com/repo";
  const std::string slot = to_hex(report_data_slot(fields.report_data));
  fields.evidence = {{"quote", "0400"},
                     {"quote_report_data", slot},
                     {"event_log", Json::array({{{"imr", 3}, {"event", "app-id"}}})},
                     {"vm_config", "{}"},
                     {"app_compose", "{\"name\":\"x\"}"},
                     {"collateral", {{"tcb_info", "{}"}}},
                     {"simulated", true}};
  return fields;
}

Json sample_report() { return json::parse(write_report(sample_fields())).value(); }

void expect_refused(const Json& report, Errc code) {
  const auto parsed = parse_report(report.dump());
  ASSERT_FALSE(parsed) << report.dump();
  EXPECT_EQ(parsed.error().code, code) << parsed.error().message;
}

TEST(Report, WritesTheContractsShapes) {
  const Json report = sample_report();
  EXPECT_EQ(report.at("api_version"), "aci/1");
  EXPECT_EQ(report.at("service_capabilities"),
            json::parse(R"({"supported_e2ee_versions":["2"],"serving":"direct"})").value());
  const Json& attestation = report.at("attestation");
  EXPECT_EQ(attestation.at("report_data").get<std::string>().size(), 64U);
  EXPECT_EQ(attestation.at("source_provenance"),
            json::parse(R"({"repo_url":"https://example.com/repo","repo_commit":null,)"
                        R"("image_digest":null,"image_provenance":null})")
                .value());
  const Json& evidence = attestation.at("evidence");
  EXPECT_EQ(evidence.at("event_log"), R"([{"imr":3,"event":"app-id"}])");
  EXPECT_EQ(evidence.at("quote_report_data").get<std::string>().size(), 128U);
  EXPECT_EQ(evidence.at("simulated"), true);
}

TEST(Report, LeavesOutProvenanceThatSaysNothing) {
  ReportFields fields = sample_fields();
  fields.provenance = {};
  const std::string text = write_report(fields);
  EXPECT_FALSE(json::parse(text).value().at("attestation").contains("source_provenance"));
  EXPECT_FALSE(parse_report(text).value().has_provenance);
}

TEST(Report, RoundTrip) {
  const ReportFields fields = sample_fields();
  const Report report = parse_report(write_report(fields)).value();
  EXPECT_EQ(report.tee_type, "tdx");
  EXPECT_EQ(report.keyset.digest, fields.workload_keyset_digest);
  EXPECT_EQ(report.claimed_digest, fields.workload_keyset_digest);
  EXPECT_EQ(report.report_data, to_hex(fields.report_data));
  EXPECT_EQ(report.quote, (Bytes{0x04, 0x00}));
  EXPECT_EQ(report.event_log, R"([{"imr":3,"event":"app-id"}])");
  EXPECT_EQ(report.app_compose, "{\"name\":\"x\"}");
  EXPECT_EQ(report.quote_report_data, to_hex(report_data_slot(fields.report_data)));
  EXPECT_TRUE(report.collateral.is_object());
  EXPECT_TRUE(report.has_provenance);
  EXPECT_EQ(report.provenance.repo_url, "https://example.com/repo");
  EXPECT_FALSE(report.provenance.repo_commit);
  EXPECT_EQ(report.serving, "direct");
  EXPECT_THAT(report.e2ee_versions, ::testing::ElementsAre("2"));
}

TEST(Report, TheDigestIsRecomputedNotBelieved) {
  Json report = sample_report();
  report["workload_keyset_digest"] = crypto::sha256_tag(as_bytes("a lie"));
  const Report parsed = parse_report(report.dump()).value();
  EXPECT_NE(parsed.keyset.digest, parsed.claimed_digest);
}

TEST(Report, EvidenceMayLackWhatIsOptional) {
  Json report = sample_report();
  Json& evidence = report["attestation"]["evidence"];
  for (const char* name : {"event_log", "app_compose", "quote_report_data", "collateral"}) {
    evidence[name] = nullptr;
  }
  Report parsed = parse_report(report.dump()).value();
  EXPECT_TRUE(parsed.event_log.is_null());
  EXPECT_TRUE(parsed.collateral.is_null());
  EXPECT_FALSE(parsed.app_compose);
  evidence = {{"quote", "00"}};
  EXPECT_TRUE(parse_report(report.dump()));
}

TEST(Report, NamesGenerationOne) {
  Json report = sample_report();
  report["workload_id"] = "sha256:57c2";
  expect_refused(report, Errc::unsupported);
  EXPECT_THAT(parse_report(report.dump()).error().message, ::testing::HasSubstr("generation 1"));
  report = sample_report();
  report["attestation"]["keyset_endorsement"] = {{"algo", "ed25519"}, {"value", "00"}};
  expect_refused(report, Errc::unsupported);
}

TEST(Report, RefusesAForeignVersion) {
  Json report = sample_report();
  report["api_version"] = "aci/2";
  expect_refused(report, Errc::unsupported);
  report.erase("api_version");
  expect_refused(report, Errc::malformed);
}

TEST(Report, RefusesBadShapes) {
  const std::pair<const char*, Json> bad[] = {
      {"/workload_keyset_digest", "53a5"},
      {"/attestation", 1},
      {"/attestation/tee_type", nullptr},
      {"/attestation/workload_keyset", "x"},
      {"/attestation/workload_keyset/not_after", 0},
      {"/attestation/report_data", std::string(128, '0')},
      {"/attestation/report_data", std::string(64, 'A')},
      {"/attestation/source_provenance", 1},
      {"/attestation/source_provenance/repo_url", 1},
      {"/attestation/evidence", nullptr},
      {"/attestation/evidence/quote", nullptr},
      {"/attestation/evidence/quote", "04A0"},
      {"/attestation/evidence/quote", "0x04"},
      {"/attestation/evidence/quote_report_data", "zz"},
      {"/attestation/evidence/event_log", 1},
      {"/attestation/evidence/app_compose", Json::object()},
      {"/attestation/evidence/collateral", "x"},
      {"/service_capabilities", 1},
      {"/service_capabilities/supported_e2ee_versions", "2"},
      {"/service_capabilities/supported_e2ee_versions", Json::array({2})}};
  for (const auto& [path, value] : bad) {
    SCOPED_TRACE(path);
    Json report = sample_report();
    report[Json::json_pointer(path)] = value;
    expect_refused(report, Errc::malformed);
  }
  expect_refused(Json::array(), Errc::malformed);
}

TEST(Report, WhoIsNotDirectIsAnAggregator) {
  Json report = sample_report();
  for (const Json& serving : {Json("aggregator"), Json("upstream"), Json(1), Json("Direct")}) {
    report["service_capabilities"]["serving"] = serving;
    EXPECT_EQ(parse_report(report.dump()).value().serving, "aggregator");
  }
  report.erase("service_capabilities");
  EXPECT_EQ(parse_report(report.dump()).value().serving, "aggregator");
}

// Reports that another implementation wrote.
TEST(Report, ForeignReportsGiveTheirDigestAndReportData) {
  const std::filesystem::path folder = std::filesystem::path(CONFIDE_VECTORS) / "binding";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "SKIPPED: no " << folder;
  for (const char* name : {"aci-report-fixture", "aci-report-ts"}) {
    SCOPED_TRACE(name);
    const Json example = json::parse(read_file(folder / name / "case.json")).value();
    const Report report = parse_report(read_file(folder / name / "report.json")).value();
    const std::string nonce = json::get_string(example.at("inputs"), "nonce").value();
    const auto expected = [&](const char* member) {
      return json::get_string(example.at("expected"), member).value();
    };
    EXPECT_EQ(report.keyset.digest, expected("keyset_jcs_sha256"));
    EXPECT_EQ(report.claimed_digest, report.keyset.digest);
    EXPECT_EQ(statement(report.keyset.digest, nonce), expected("statement"));
    EXPECT_EQ(report.report_data, expected("report_data"));
    EXPECT_EQ(to_hex(report_data(report.keyset.digest, nonce)), report.report_data);
    EXPECT_TRUE(as_text(report.quote).starts_with("aci-stub-quote|"));
    EXPECT_TRUE(report.has_provenance);
  }
}

}  // namespace
}  // namespace confide::aci
