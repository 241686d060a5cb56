#include "client/appraisal.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "client/record.h"
#include "crypto/hash.h"
#include "evidence/event_log.h"
#include "verify/claims.h"

namespace confide::client {
namespace {

// What the server measures when it has loaded its model: 32 bytes, the file's SHA-256.
constexpr std::string_view kModelEvent = "confide.model";
constexpr std::string_view kComposeEvent = "compose-hash";

std::string tag(ByteView digest) { return "sha256:" + to_hex(digest); }

Error missing_quote() { return {Errc::untrusted, "not checked: the quote did not verify"}; }
Error missing_log() { return {Errc::untrusted, "not checked: the event log did not verify"}; }

Status check_kind(const aci::Report& report) {
  if (report.tee_type != "tdx") {
    return fail(Errc::unsupported, "tee_type is not tdx, the only one this version appraises");
  }
  return {};
}

// An aggregator's own attestation says nothing about where the prompt goes next.
Status check_serving(const aci::Report& report) {
  if (report.serving != "direct") {
    return fail(Errc::unsupported, "the service hands prompts on to others (serving: aggregator)");
  }
  return {};
}

Status check_digest(const aci::Report& report) {
  if (report.claimed_digest != report.keyset.digest) {
    return fail(Errc::mismatch, "the served digest is not that of the served keyset");
  }
  return {};
}

Status check_report_data(const aci::Report& report, const std::optional<std::string>& nonce,
                         const evidence::TdReport& td) {
  if (nonce && !aci::is_nonce(*nonce)) {
    return fail(Errc::malformed, "the nonce is not 64 lower-case hex digits");
  }
  const crypto::Sha256 expected = aci::report_data(report.keyset.digest, nonce);
  const ByteArray<64> slot = aci::report_data_slot(expected);
  if (!std::ranges::equal(td.report_data, slot)) {
    return fail(Errc::mismatch,
                nonce ? "the quote was not made for this keyset and our nonce"
                      : "the quote was made for a nonce: the nonce is needed to check it");
  }
  if (report.report_data != to_hex(expected)) {
    return fail(Errc::mismatch, "the served report_data differs from the quote's");
  }
  if (report.quote_report_data && *report.quote_report_data != to_hex(slot)) {
    return fail(Errc::mismatch, "the served quote_report_data differs from the quote's");
  }
  return {};
}

Status check_expiry(const aci::Keyset& keyset, const verify::Policy& policy, Time at) {
  if (at >= keyset.not_after) {
    return fail(Errc::expired, "the keyset expired at " + to_rfc3339(keyset.not_after));
  }
  // Compared in this order, no sum can overflow, however far away not_after is.
  if (keyset.not_after - at > policy.max_keyset_lifetime) {
    return fail(Errc::policy, fmt::format("the keyset is valid for more than {} days",
                                          policy.max_keyset_lifetime / std::chrono::days{1}));
  }
  return {};
}

void check_tls(const aci::Keyset& keyset, const AppraisalInput& input, Record& record) {
  if (!input.observed_spki) {
    record.skip("aci.tls", "no live connection to compare with");
    return;
  }
  const bool listed = keyset.lists_tls(*input.observed_spki, input.host);
  if (!listed && input.tls_key == TlsKey::unless_sealed &&
      !keyset.ohttp_key_configurations.empty()) {
    record.skip("aci.tls",
                "the connection's key is another's, a load balancer's perhaps; nothing "
                "rests on it, for requests are sealed to an attested key");
    return;
  }
  record.check("aci.tls",
               listed ? Status{}
                      : fail(Errc::untrusted,
                             fmt::format("the connection's key {} is not one the keyset lists for "
                                         "this host",
                                         *input.observed_spki)),
               "the connection's key is attested: " + *input.observed_spki);
}

// The manifest is what the platform measured; whatever comes after system-ready is not (2.6).
Result<std::string> measured_compose(const aci::Report& report, const verify::VerifiedEventLog& log,
                                     const verify::Policy& policy) {
  if (!report.app_compose) return fail(Errc::not_found, "the report carries no app_compose");
  TRY_ASSIGN(const Bytes measured, log.platform_event(kComposeEvent));
  const crypto::Sha256 digest = crypto::sha256(as_bytes(*report.app_compose));
  if (!std::ranges::equal(measured, digest)) {
    return fail(Errc::mismatch, "app_compose is not the manifest that was measured");
  }
  if (!policy.compose_hashes.empty() && !policy.compose_hashes.contains(to_hex(digest))) {
    return fail(Errc::policy, tag(digest) + " is not among the accepted manifests");
  }
  return tag(digest);
}

// All of them: the process may answer with any.
Result<std::vector<std::string>> measured_models(const verify::VerifiedEventLog& log,
                                                 const verify::Policy& policy) {
  TRY_ASSIGN(const std::vector<Bytes> measured, log.application_events(kModelEvent));
  std::vector<std::string> out;
  for (const Bytes& digest : measured) {
    if (digest.size() != std::tuple_size_v<crypto::Sha256>) {
      return fail(Errc::malformed, "a measured model digest is not 32 bytes long");
    }
    if (!policy.model_digests.empty() && !policy.model_digests.contains(to_hex(digest))) {
      return fail(Errc::policy, tag(digest) + " is not among the accepted models");
    }
    out.push_back(tag(digest));
  }
  return out;
}

// Declared, and backed by the measured manifest: an image digest must stand in it. Repository and
// commit are claims until somebody rebuilds the image from them.
Status check_provenance(const aci::Report& report, bool compose_measured) {
  const aci::SourceProvenance& source = report.provenance;
  if (!report.has_provenance || !(source.repo_url || source.repo_commit || source.image_digest)) {
    return fail(Errc::not_found, "the service does not say which source it was built from");
  }
  if (!compose_measured) return fail(Errc::untrusted, "no measured manifest backs it");
  if (!source.image_digest) return {};
  // A part of a digest, or an empty one, stands in every manifest.
  if (!aci::is_digest(*source.image_digest)) {
    return fail(Errc::malformed, "the declared image digest is no digest");
  }
  if (report.app_compose->find(*source.image_digest) == std::string::npos) {
    return fail(Errc::mismatch, "the declared image digest does not stand in the manifest");
  }
  return {};
}

Json source_claims(const aci::SourceProvenance& source) {
  const auto or_null = [](const std::optional<std::string>& text) {
    return text ? Json(*text) : Json(nullptr);
  };
  return Json{{"repo_url", or_null(source.repo_url)},
              {"repo_commit", or_null(source.repo_commit)},
              {"image_digest", or_null(source.image_digest)}};
}

std::string provenance_detail(const aci::SourceProvenance& source) {
  const std::string commit = source.repo_commit ? " at " + *source.repo_commit : "";
  return fmt::format("manifest measured; claimed source: {}{}",
                     source.repo_url.value_or("none named"), commit);
}

// Verifies the quote with the collateral that was given, or else with the stapled one.
std::optional<verify::VerifiedTdx> check_quote(const aci::Report& report,
                                               const AppraisalInput& input,
                                               const verify::Policy& policy, Time at,
                                               verify::Verdict& verdict, Record& record) {
  std::optional<evidence::TdxCollateral> stapled;
  if (input.collateral == nullptr && !report.collateral.is_null()) {
    auto parsed = evidence::parse_tdx_collateral(report.collateral);
    if (parsed) {
      stapled = *std::move(parsed);
    } else {
      record.fail("aci.collateral", parsed.error());
    }
  }
  const evidence::TdxCollateral* collateral =
      input.collateral != nullptr ? input.collateral : (stapled ? &*stapled : nullptr);
  auto verified = verify::verify_tdx(report.quote, collateral, policy, at, verdict);
  if (verified) return *std::move(verified);
  record.note(verified.error());
  return std::nullopt;
}

std::optional<verify::VerifiedEventLog> check_log(const aci::Report& report,
                                                  const evidence::TdReport& td,
                                                  verify::Verdict& verdict, Record& record) {
  if (report.event_log.is_null()) {
    record.fail("eventlog", {Errc::not_found, "the report carries no event log"});
    return std::nullopt;
  }
  auto parsed = evidence::parse_event_log(report.event_log);
  if (!parsed) {
    record.fail("eventlog", parsed.error());
    return std::nullopt;
  }
  auto log = verify::verify_event_log(*std::move(parsed), td, verdict);
  if (log) return *std::move(log);
  record.note(log.error());
  return std::nullopt;
}

// What the log says ran: manifest and model, by digest; empty where it does not hold.
struct Measured {
  std::string compose;
  std::vector<std::string> models;
};

Measured check_measured(const aci::Report& report,
                        const std::optional<verify::VerifiedEventLog>& log,
                        const verify::Policy& policy, Record& record) {
  Measured measured;
  if (!log) {
    record.fail("aci.compose", missing_log());
    record.fail("aci.model", missing_log());
    return measured;
  }
  if (auto compose = measured_compose(report, *log, policy)) {
    measured.compose = *compose;
    record.pass("aci.compose", measured.compose);
  } else {
    record.fail("aci.compose", compose.error());
  }
  if (auto models = measured_models(*log, policy)) {
    measured.models = *std::move(models);
    record.pass("aci.model", fmt::format("{}", fmt::join(measured.models, ", ")));
  } else {
    record.fail("aci.model", models.error());
  }
  return measured;
}

void check_binding(const aci::Report& report, const AppraisalInput& input,
                   const std::optional<verify::VerifiedTdx>& quote, Record& record) {
  if (!quote) {
    record.fail("aci.report_data", missing_quote());
    return;
  }
  const bool bound =
      record.check("aci.report_data", check_report_data(report, input.nonce, quote->td()),
                   "the quote binds this keyset: " + report.report_data);
  if (!bound) return;
  if (input.nonce) {
    record.pass("aci.freshness", "the quote answers our nonce");
  } else {
    record.skip("aci.freshness", "no nonce was given: the report may be as old as its keyset");
  }
}

void claim(const aci::Report& report, const AppraisalInput& input, const Measured& measured,
           Json& claims) {
  claims["keyset_digest"] = report.keyset.digest;
  claims["keyset_not_after"] = to_rfc3339(report.keyset.keyset.not_after);
  Json models = Json::array();
  for (const std::string& digest : measured.models) models.push_back(digest.substr(7));
  // Of several, the receipt says which.
  if (models.size() < 2) claims["model_sha256"] = models.empty() ? Json(nullptr) : models.front();
  claims["models_sha256"] = std::move(models);
  claims["compose_hash"] =
      measured.compose.empty() ? Json(nullptr) : Json(measured.compose.substr(7));
  claims["serving"] = report.serving;
  claims["source"] = source_claims(report.provenance);
  // A key that the keyset does not list says nothing of this service.
  if (input.observed_spki && report.keyset.keyset.lists_tls(*input.observed_spki, input.host)) {
    claims["tls_spki_sha256"] = *input.observed_spki;
  }
}

void claim_execution(const aci::Execution& ran, Json& claims) {
  claims["model_sha256"] = ran.model_digest.substr(ran.model_digest.find(':') + 1);
  claims["engine"] = ran.engine;
  claims["temperature"] = ran.temperature;
  claims["top_p"] = ran.top_p;
  claims["max_tokens"] = ran.max_tokens;
  claims["seed"] = ran.seed;
  claims["prompt_tokens"] = ran.prompt_tokens;
  claims["completion_tokens"] = ran.completion_tokens;
  claims["finish_reason"] = ran.finish_reason;
}

void check_hash(const std::string& id, const std::optional<std::string>& hash,
                const std::string& recorded, Record& record) {
  if (!hash) {
    record.skip(id, "not given: " + recorded);
    return;
  }
  record.check(id,
               *hash == recorded
                   ? Status{}
                   : fail(Errc::mismatch, "the receipt is for other bytes: " + recorded),
               recorded);
}

// Two equal requests have equal hashes; the nonce says which of them this receipt is for.
void check_nonce(const std::optional<std::string>& sent, const aci::VerifiedReceipt& receipt,
                 Record& record) {
  if (!sent && !receipt.client_nonce()) return;
  const std::string recorded = receipt.client_nonce().value_or("none");
  if (!sent) {
    record.skip("receipt.nonce", "not given: " + recorded);
    return;
  }
  record.check("receipt.nonce",
               receipt.client_nonce() == *sent
                   ? Status{}
                   : fail(Errc::mismatch, "the receipt is for another request: " + recorded),
               recorded);
}

// Only services attested as direct get this far (aci.serving); those never hand prompts on (2.4).
Status check_direct(const aci::VerifiedReceipt& receipt) {
  if (!receipt.names_upstream()) return {};
  return fail(Errc::mismatch, "the attested process handed the prompt on to an upstream");
}

Status check_execution(const std::optional<aci::Execution>& ran,
                       const std::vector<std::string>& attested) {
  if (!ran) return fail(Errc::not_found, "the receipt does not say which model ran");
  if (std::ranges::find(attested, ran->model_digest) == attested.end()) {
    return fail(Errc::mismatch, "another model ran than the attested ones: " + ran->model_digest);
  }
  return {};
}

}  // namespace

Result<AttestedService> appraise(const AppraisalInput& input, const verify::Policy& policy, Time at,
                                 verify::Verdict& verdict) {
  verify::Verdict mine;
  Record record(mine);
  auto parsed = aci::parse_report(input.report);
  if (!parsed) {
    record.fail("aci.report", parsed.error());
    verdict.merge(std::move(mine));
    return tl::unexpected<Error>(record.outcome().error());
  }
  AttestedService service;
  service.report_ = *std::move(parsed);
  const aci::Report& report = service.report_;

  record.check("aci.report", check_kind(report), "aci/1, " + report.tee_type);
  record.check("aci.serving", check_serving(report), "the attested process runs the model itself");
  record.check("aci.keyset_digest", check_digest(report), report.keyset.digest);
  const auto quote = check_quote(report, input, policy, at, mine, record);
  check_binding(report, input, quote, record);
  record.check("aci.keyset_expiry", check_expiry(report.keyset.keyset, policy, at),
               "valid until " + to_rfc3339(report.keyset.keyset.not_after));
  check_tls(report.keyset.keyset, input, record);
  std::optional<verify::VerifiedEventLog> log;
  if (quote) {
    log = check_log(report, quote->td(), mine, record);
  } else {
    record.fail("eventlog", missing_quote());
  }
  const Measured measured = check_measured(report, log, policy, record);
  record.check("aci.provenance", check_provenance(report, !measured.compose.empty()),
               provenance_detail(report.provenance));
  claim(report, input, measured, mine.claims);
  mine.claims["session"] = verify::session_claims(mine, policy).to_json();

  const Status outcome = record.outcome();
  verdict.merge(std::move(mine));
  TRY(outcome);
  service.td_ = quote->td();
  service.model_digests_ = measured.models;
  service.compose_digest_ = measured.compose;
  service.simulated_ = quote->simulated();
  return service;
}

Result<aci::VerifiedReceipt> appraise_receipt(std::string_view document,
                                              const AttestedService& service,
                                              const ExchangeFacts& facts,
                                              verify::Verdict& verdict) {
  verify::Verdict mine;
  Record record(mine);
  mine.simulated = service.simulated();
  auto receipt = aci::verify_receipt(document, service.keyset());
  if (!receipt) {
    record.fail("receipt.signature", receipt.error());
    verdict.merge(std::move(mine));
    return receipt;
  }
  record.pass("receipt.signature", "signed by an attested key of this keyset");
  check_hash("receipt.request", facts.request_hash, receipt->request_hash(), record);
  check_hash("receipt.response", facts.response_hash, receipt->response_hash(), record);
  check_nonce(facts.client_nonce, *receipt, record);
  record.check("receipt.serving", check_direct(*receipt),
               "answered by the attested process itself");
  record.check("receipt.model", check_execution(receipt->execution(), service.model_digests()),
               receipt->execution() ? receipt->execution()->model_digest : "");
  if (receipt->execution()) claim_execution(*receipt->execution(), mine.claims);

  const Status outcome = record.outcome();
  verdict.merge(std::move(mine));
  TRY(outcome);
  return receipt;
}

verify::Policy pinned_policy(const verify::Policy& policy, const AttestedService& service) {
  verify::Policy pinned = policy;
  std::erase_if(pinned.roots, [&](const verify::TrustRoot& root) {
    return root.simulated != service.simulated();
  });
  const evidence::TdReport& td = service.td();
  pinned.measurements = {{"mr_td", {to_hex(td.mr_td)}},
                         {"rtmr0", {to_hex(td.rtmr[0])}},
                         {"rtmr1", {to_hex(td.rtmr[1])}},
                         {"rtmr2", {to_hex(td.rtmr[2])}}};
  const auto bare = [](const std::string& digest) { return digest.substr(digest.find(':') + 1); };
  pinned.compose_hashes = {bare(service.compose_digest())};
  pinned.model_digests.clear();
  for (const std::string& digest : service.model_digests()) {
    pinned.model_digests.insert(bare(digest));
  }
  return pinned;
}

}  // namespace confide::client
