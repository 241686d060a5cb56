// A small confidential service for tests: real keys, keyset, quote, event log, report and receipts,
// under a made-up hardware root. What a test wants wrong, it changes before asking for a report.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aci/keyset.h"
#include "aci/receipt.h"
#include "aci/report.h"
#include "base/clock.h"
#include "crypto/hash.h"
#include "crypto/x509_issue.h"
#include "evidence/event_log.h"
#include "evidence/tdx_collateral.h"
#include "seal/e2ee.h"
#include "verify/event_log.h"
#include "verify/policy.h"
#include "verify/testing/tdx_lab.h"

namespace confide::client::testing {

inline constexpr std::string_view kReceiptKeyId = "receipt-1";

inline evidence::Event runtime_event(std::string name, Bytes payload) {
  evidence::Event event;
  event.imr = 3;
  event.type = evidence::kRuntimeEvent;
  event.name = std::move(name);
  event.payload = std::move(payload);
  event.digest = verify::runtime_event_digest(event);
  return event;
}

inline crypto::Certificate tls_certificate(const crypto::P256Key& key, Time now) {
  crypto::CertificateRequest request;
  request.common_name = "test service";
  request.subject_key = key.public_key();
  request.not_before = now - std::chrono::hours{1};
  request.not_after = now + std::chrono::days{30};
  request.tls_server = true;
  request.ip_addresses = {"127.0.0.1"};
  return crypto::issue_certificate(request, key, nullptr).value();
}

class TestService {
 public:
  TestService() {
    keyset.not_after = now + std::chrono::days{30};
    keyset.receipt_signing_keys = {{std::string(kReceiptKeyId), std::string(aci::kAlgoEd25519),
                                    to_hex(receipt_key.public_key())}};
    for (const seal::Suite suite : {seal::Suite::x25519, seal::Suite::secp256k1}) {
      e2ee_keys.push_back(seal::OpeningKey::generate(suite));
      keyset.e2ee_public_keys.push_back({std::string("e2ee-") + std::to_string(e2ee_keys.size()),
                                         std::string(seal::to_string(suite)),
                                         e2ee_keys.back().public_hex()});
    }
    keyset.tls_public_keys = {{to_hex(certificate.spki_sha256()), std::nullopt}};
    provenance.repo_url = "https://example.com/service";
    provenance.repo_commit = "0123456789abcdef";
    const crypto::Sha256 compose = crypto::sha256(as_bytes(app_compose));
    log = {runtime_event("compose-hash", to_bytes(compose)), runtime_event("system-ready", {}),
           runtime_event("confide.model", to_bytes(model))};
  }

  std::string digest() const { return aci::keyset_digest(keyset.to_json()).value(); }
  std::string model_digest() const { return crypto::sha256_tag(model); }

  // Accepts this platform's root, and anything on it.
  verify::Policy policy() const { return lab.policy(); }

  std::string report(const std::optional<std::string>& nonce) {
    const crypto::Sha256 report_data = aci::report_data(digest(), nonce);
    const ByteArray<64> slot = aci::report_data_slot(report_data);
    lab.td().rtmr = verify::replay(log);
    lab.td().report_data = slot;
    aci::ReportFields fields;
    fields.tee_type = "tdx";
    fields.workload_keyset = keyset.to_json();
    fields.workload_keyset_digest = digest();
    fields.report_data = report_data;
    fields.provenance = provenance;
    fields.evidence = {{"quote", to_hex(lab.quote())},
                       {"quote_report_data", to_hex(slot)},
                       {"event_log", evidence::event_log_to_json(log)},
                       {"app_compose", app_compose},
                       {"collateral", evidence::tdx_collateral_to_json(lab.collateral())}};
    return aci::write_report(fields);
  }

  aci::Execution execution() const {
    aci::Execution ran;
    ran.model_digest = model_digest();
    ran.engine = "test engine";
    ran.temperature = "0.7";
    ran.top_p = "1";
    ran.max_tokens = 16;
    ran.seed = 42;
    ran.prompt_tokens = 3;
    ran.completion_tokens = 2;
    ran.finish_reason = "stop";
    return ran;
  }

  std::string receipt(std::string_view request, std::string_view response,
                      const std::optional<aci::Execution>& ran,
                      const std::optional<std::string>& client_nonce = {},
                      const std::string& id = "rcpt-1") const {
    aci::ReceiptFields fields;
    fields.receipt_id = id;
    fields.client_nonce = client_nonce;
    fields.chat_id = "chatcmpl-1";
    fields.model = "test-model";
    fields.workload_keyset_digest = digest();
    fields.endpoint = "/v1/chat/completions";
    fields.served_at = now;
    fields.request_hash = crypto::sha256_tag(as_bytes(request));
    fields.forwarded_hash = fields.request_hash;
    fields.response_hash = crypto::sha256_tag(as_bytes(response));
    fields.execution = ran;
    return aci::sign_receipt(fields, kReceiptKeyId, receipt_key).value();
  }

  verify::testing::TdxLab lab;
  Time now = lab.at;
  crypto::Ed25519Key receipt_key = crypto::Ed25519Key::generate();
  crypto::P256Key tls_key = crypto::P256Key::generate();
  crypto::Certificate certificate = tls_certificate(tls_key, now);
  std::vector<seal::OpeningKey> e2ee_keys;
  aci::Keyset keyset;
  std::string app_compose = R"({"manifest_version":2,"name":"test service"})";
  crypto::Sha256 model = crypto::sha256(as_bytes("the model file"));
  aci::SourceProvenance provenance;
  std::vector<evidence::Event> log;
};

}  // namespace confide::client::testing
