// The attestation report as it travels. Contract 1.3.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "aci/keyset.h"

namespace confide::aci {

struct SourceProvenance {
  std::optional<std::string> repo_url;
  std::optional<std::string> repo_commit;
  std::optional<std::string> image_digest;
};

struct ReportFields {
  std::string tee_type;
  Json workload_keyset;
  std::string workload_keyset_digest;
  crypto::Sha256 report_data{};
  SourceProvenance provenance;
  // quote, quote_report_data, event_log, vm_config, app_compose and, beyond the contract,
  // collateral (QuoteCollateralV3 or null). Members that are not named here travel as they are.
  Json evidence;
};

// The response body of GET /v1/aci/attestation for a direct service that speaks E2EE version 2.
// An `event_log` given as an array goes out as the JSON text the contract wants; provenance with
// nothing in it is left out. Rule A10.
std::string write_report(const ReportFields& fields);

// A report as received; nothing in it is believed yet.
struct Report {
  std::string tee_type;
  ParsedKeyset keyset;         // digest recomputed from the parsed keyset
  std::string claimed_digest;  // workload_keyset_digest as served
  std::string report_data;     // as served, lower hex
  Bytes quote;
  Json event_log;                                // array or string, null if absent
  std::optional<std::string> app_compose;        // exact bytes
  std::optional<std::string> quote_report_data;  // as served, lower hex
  Json collateral;                               // stapled QuoteCollateralV3, null if absent
  SourceProvenance provenance;
  bool has_provenance = false;
  std::string serving;  // direct, or aggregator for anything else
  std::vector<std::string> e2ee_versions;
};

// Fails with `malformed` or `unsupported` (a foreign api_version; a generation-1 report is named as
// such). Compares nothing with anything: the claimed digest and report_data are for the appraiser.
Result<Report> parse_report(std::string_view text);

}  // namespace confide::aci
