// The signed record of one exchange. Contract 2.4.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aci/keyset.h"

namespace confide::aci {

// Our extension event (docs/protocols/aci.md, rule A9): what ran. All numbers that are not integers
// travel as text, since canonical JSON has no floats.
struct Execution {
  std::string model_digest;  // sha256:...
  std::string engine;        // name, version and build of the engine
  std::string temperature;   // decimal text
  std::string top_p;
  std::int64_t max_tokens = 0;
  std::uint32_t seed = 0;  // the seed used, also when the client named none
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::string finish_reason;  // stop, length, cancelled, error
};

struct ReceiptFields {
  std::string receipt_id;
  std::optional<std::string> chat_id;
  std::optional<std::string> model;
  std::string workload_keyset_digest;
  std::string endpoint;
  Time served_at{};
  std::string request_hash;  // sha256:... of request.received
  // Of a sealed request: 64 lower-case hex digits.
  std::optional<std::string> client_nonce = std::nullopt;
  std::optional<std::string> forwarded_hash;  // absent on refusals
  std::string response_hash;                  // of response.returned
  std::optional<Execution> execution;
};

// The served document: canonical JSON, signature included. Fails with `malformed` on a field that
// verify_receipt() would refuse.
Result<std::string> sign_receipt(const ReceiptFields& fields, std::string_view key_id,
                                 const crypto::Ed25519Key& key);

// Holding one is the proof that the signature and the core rules hold; only verify_receipt() makes
// it.
class VerifiedReceipt {
 public:
  const Json& document() const noexcept { return document_; }
  const std::string& request_hash() const noexcept { return request_hash_; }
  const std::string& response_hash() const noexcept { return response_hash_; }
  // What the client put into its sealed request, so that no two receipts are interchangeable.
  const std::optional<std::string>& client_nonce() const noexcept { return client_nonce_; }
  const std::optional<Execution>& execution() const noexcept { return execution_; }
  // Whether it has an upstream.verified event, which a direct service never writes.
  bool names_upstream() const noexcept { return names_upstream_; }

 private:
  friend Result<VerifiedReceipt> verify_receipt(std::string_view, const ParsedKeyset&);
  VerifiedReceipt() = default;
  Json document_;
  std::string request_hash_;
  std::string response_hash_;
  std::optional<std::string> client_nonce_;
  std::optional<Execution> execution_;
  bool names_upstream_ = false;
};

// Checks signature (lower-case hex only), api_version, keyset digest, and the events: first is
// request.received, no core event twice, response.returned present and behind the others, our own
// events well-formed and each at most once. The served formatting does not matter; events of
// unknown type are signed but ignored. Fails with `malformed`, `bad_signature`, `mismatch` (a
// foreign key id or keyset digest) or `unsupported` (a foreign api_version, a generation-1 receipt,
// a float). Rules A6-A9 and A14.
Result<VerifiedReceipt> verify_receipt(std::string_view document, const ParsedKeyset& keyset);

}  // namespace confide::aci
