#include "aci/report.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"

namespace confide::aci {
namespace {

Json optional_text(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

bool is_empty(const SourceProvenance& provenance) {
  return !provenance.repo_url && !provenance.repo_commit && !provenance.image_digest;
}

// Null counts as absent: both are seen in served reports.
const Json* present(const Json& object, std::string_view name) {
  const Json* member = json::find(object, name);
  return member == nullptr || member->is_null() ? nullptr : member;
}

Result<std::optional<std::string>> optional_string(const Json& object, std::string_view name) {
  if (present(object, name) == nullptr) return std::optional<std::string>{};
  TRY_ASSIGN(std::string text, json::get_string(object, name));
  return std::optional<std::string>(std::move(text));
}

// Rule A11: the two generations share their version string.
Status check_generation(const Json& report) {
  const Json* attestation = json::find(report, "attestation");
  const bool first =
      json::find(report, "workload_id") != nullptr ||
      (attestation != nullptr && json::find(*attestation, "keyset_endorsement") != nullptr);
  if (first) {
    return fail(Errc::unsupported,
                "report (A11): generation 1 of ACI (it has a workload_id or keyset_endorsement)");
  }
  TRY_ASSIGN(const std::string version, json::get_string(report, "api_version"));
  if (version != kApiVersion) return fail(Errc::unsupported, "report (A11): foreign api_version");
  return {};
}

// Rule A10.
Status parse_evidence(Report& out, const Json& attestation) {
  TRY_ASSIGN(const Json* evidence, json::get_object(attestation, "evidence"));
  TRY_ASSIGN(const std::string quote, json::get_string(*evidence, "quote"));
  TRY_ASSIGN(out.quote, from_hex(quote));
  TRY_ASSIGN(out.quote_report_data, optional_string(*evidence, "quote_report_data"));
  if (out.quote_report_data) TRY(from_hex(*out.quote_report_data));
  TRY_ASSIGN(out.app_compose, optional_string(*evidence, "app_compose"));

  if (const Json* log = present(*evidence, "event_log")) {
    if (!log->is_string() && !log->is_array()) {
      return fail(Errc::malformed, "report (A10): event_log is neither a string nor an array");
    }
    out.event_log = *log;
  }
  if (const Json* collateral = present(*evidence, "collateral")) {
    if (!collateral->is_object()) {
      return fail(Errc::malformed, "report (A10): collateral is no object");
    }
    out.collateral = *collateral;
  }
  return {};
}

Status parse_provenance(Report& out, const Json& attestation) {
  if (present(attestation, "source_provenance") == nullptr) return {};
  TRY_ASSIGN(const Json* source, json::get_object(attestation, "source_provenance"));
  TRY_ASSIGN(out.provenance.repo_url, optional_string(*source, "repo_url"));
  TRY_ASSIGN(out.provenance.repo_commit, optional_string(*source, "repo_commit"));
  TRY_ASSIGN(out.provenance.image_digest, optional_string(*source, "image_digest"));
  out.has_provenance = true;
  return {};
}

// Whatever is not said to be direct counts as an aggregator, of which more is demanded.
Status parse_capabilities(Report& out, const Json& report) {
  out.serving = "aggregator";
  if (present(report, "service_capabilities") == nullptr) return {};
  TRY_ASSIGN(const Json* capabilities, json::get_object(report, "service_capabilities"));
  if (const Json* serving = json::find(*capabilities, "serving");
      serving != nullptr && *serving == "direct") {
    out.serving = "direct";
  }
  if (present(*capabilities, "supported_e2ee_versions") == nullptr) return {};
  TRY_ASSIGN(const Json* versions, json::get_array(*capabilities, "supported_e2ee_versions"));
  for (const Json& version : *versions) {
    if (!version.is_string()) {
      return fail(Errc::malformed, "report (A10): an E2EE version is not a string");
    }
    out.e2ee_versions.push_back(version.get<std::string>());
  }
  return {};
}

}  // namespace

std::string write_report(const ReportFields& fields) {
  Json evidence = fields.evidence;
  if (evidence.is_object() && evidence.contains("event_log") && evidence["event_log"].is_array()) {
    evidence["event_log"] = json::compact(evidence["event_log"]);
  }
  Json attestation = Json::object();
  attestation["tee_type"] = fields.tee_type;
  attestation["workload_keyset"] = fields.workload_keyset;
  attestation["report_data"] = to_hex(fields.report_data);
  if (!is_empty(fields.provenance)) {
    attestation["source_provenance"] = {
        {"repo_url", optional_text(fields.provenance.repo_url)},
        {"repo_commit", optional_text(fields.provenance.repo_commit)},
        {"image_digest", optional_text(fields.provenance.image_digest)},
        {"image_provenance", nullptr}};
  }
  attestation["evidence"] = std::move(evidence);

  Json capabilities = Json::object();
  capabilities["supported_e2ee_versions"] = Json::array({"2"});
  capabilities["serving"] = "direct";
  Json report = Json::object();
  report["api_version"] = kApiVersion;
  report["workload_keyset_digest"] = fields.workload_keyset_digest;
  report["attestation"] = std::move(attestation);
  report["service_capabilities"] = std::move(capabilities);
  return json::compact(report);
}

Result<Report> parse_report(std::string_view text) {
  TRY_ASSIGN(const Json report, json::parse(text));
  TRY(check_generation(report));
  Report out;
  TRY_ASSIGN(out.claimed_digest, json::get_string(report, "workload_keyset_digest"));
  if (!is_digest(out.claimed_digest)) {
    return fail(Errc::malformed, "report (A10): workload_keyset_digest is no digest");
  }
  TRY_ASSIGN(const Json* attestation, json::get_object(report, "attestation"));
  TRY_ASSIGN(out.tee_type, json::get_string(*attestation, "tee_type"));
  TRY_ASSIGN(out.report_data, json::get_string(*attestation, "report_data"));
  TRY(from_hex_array<32>(out.report_data));
  TRY_ASSIGN(const Json* keyset, json::get_object(*attestation, "workload_keyset"));
  TRY_ASSIGN(out.keyset, parse_keyset(*keyset));
  TRY(parse_evidence(out, *attestation));
  TRY(parse_provenance(out, *attestation));
  TRY(parse_capabilities(out, report));
  return out;
}

}  // namespace confide::aci
