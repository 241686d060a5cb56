// Appraises a service's attestation report, and receipts under it. Offline: what a live client sees
// (nonce, certificate, time) comes in as arguments. Contract 2.6.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "aci/receipt.h"
#include "aci/report.h"
#include "verify/event_log.h"
#include "verify/policy.h"
#include "verify/tdx.h"
#include "verify/verdict.h"

namespace confide::client {

// Whether the live connection must end at an attested key.
enum class TlsKey {
  required,
  unless_sealed,  // not where the keyset lists keys to seal whole requests to: nothing that the
                  // connection carries then depends on it (docs/proxy.md)
};

struct AppraisalInput {
  std::string report;  // the served body
  // The verifier's own, 64 lower hex. Absent: freshness is not asked for, and only a report made
  // without a nonce can pass.
  std::optional<std::string> nonce;
  std::optional<std::string> observed_spki;  // of the live connection, lower hex; none offline
  std::string host;  // name the connection was made to; used with observed_spki
  TlsKey tls_key = TlsKey::required;
  const evidence::TdxCollateral* collateral = nullptr;  // instead of the stapled one
};

// Proof that a report passed every check the policy demands; only appraise() makes one.
class AttestedService {
 public:
  const aci::ParsedKeyset& keyset() const noexcept { return report_.keyset; }
  const aci::Report& report() const noexcept { return report_; }
  const evidence::TdReport& td() const noexcept { return td_; }
  // sha256:..., one for each model that was measured.
  const std::vector<std::string>& model_digests() const noexcept { return model_digests_; }
  const std::string& compose_digest() const noexcept { return compose_digest_; }  // sha256:...
  bool simulated() const noexcept { return simulated_; }

 private:
  friend Result<AttestedService> appraise(const AppraisalInput&, const verify::Policy&, Time,
                                          verify::Verdict&);
  AttestedService() = default;
  aci::Report report_;
  evidence::TdReport td_;
  std::vector<std::string> model_digests_;
  std::string compose_digest_;
  bool simulated_ = false;
};

// Check ids: aci.report, aci.serving, aci.keyset_digest, aci.report_data, aci.freshness,
// aci.keyset_expiry, aci.tls, aci.compose, aci.model, aci.provenance, and those of verify_tdx() and
// verify_event_log(). A check whose ground fell away (no verified quote, no log) is `fail` too.
// Adds to `verdict`, with the claim `session` (verify/claims.h); the error repeats the first check
// that failed.
Result<AttestedService> appraise(const AppraisalInput& input, const verify::Policy& policy, Time at,
                                 verify::Verdict& verdict);

// What the reader of a receipt knows of its exchange. What is absent is not checked (`skip`).
struct ExchangeFacts {
  // "sha256:..." of the exact bytes; under E2EE version 2 of the compact restored body (contract
  // 2.7), in the sealed channel of the inner content.
  std::optional<std::string> request_hash;
  std::optional<std::string> response_hash;
  std::optional<std::string> client_nonce;  // sent in the sealed channel, 64 lower hex
};

// Check ids: receipt.signature, receipt.request, receipt.response, receipt.nonce (of a sealed
// request), receipt.serving, receipt.model. Claims: those of the receipt's execution.
Result<aci::VerifiedReceipt> appraise_receipt(std::string_view document,
                                              const AttestedService& service,
                                              const ExchangeFacts& facts, verify::Verdict& verdict);

// `policy` narrowed to what `service` showed: its boot measurements (mr_td, rtmr0..2), manifest,
// models, and the kind of root it chains to. rtmr3 differs from start to start and stays open.
verify::Policy pinned_policy(const verify::Policy& policy, const AttestedService& service);

}  // namespace confide::client
