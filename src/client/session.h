// A private conversation: attest first, then seal, send, open, and check the receipt.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/appraisal.h"
#include "net/client.h"

namespace confide::client {

struct SessionOptions {
  std::string url;
  std::string api_key;  // sent only after the service passed; empty: none
  verify::Policy policy;
  const Clock* clock = nullptr;
  // Where collateral comes from if the service staples none; empty: from nowhere. Whatever it fails
  // with, open() fails with.
  std::function<Result<evidence::TdxCollateral>(ByteView quote)> find_collateral;
};

struct Exchange {
  std::string answer;         // text of choice 0
  std::string finish_reason;  // of choice 0
  std::string receipt_id;
  std::string receipt;        // the document
  std::string request_body;   // as sent (sealed)
  std::string request_clear;  // compact clear body, what the receipt hashes
  std::string response_body;  // as received, after de-chunking
  Json usage;
  verify::Verdict receipt_verdict;
};

// Not thread-safe.
class Session {
 public:
  // Connects, fetches the report with a fresh nonce, appraises it. On failure `verdict` says why
  // and nothing but the report request was ever sent. Fails with `unavailable` if the service
  // cannot be reached or gives no report, otherwise as appraise() does.
  static Result<std::unique_ptr<Session>> open(const SessionOptions& options,
                                               verify::Verdict& verdict);
  virtual ~Session() = default;

  virtual const AttestedService& service() const noexcept = 0;
  virtual const std::string& nonce() const noexcept = 0;
  // The report as served, for keeping.
  virtual const std::string& report_document() const noexcept = 0;
  // Names the service offers; the first is the default.
  virtual Result<std::vector<std::string>> models() = 0;
  // Seals, sends on a connection pinned to the attested TLS key, opens; `on_text` gets the clear
  // answer as it comes. The answer is always streamed, whatever `request` says of `stream`. Fetches
  // and verifies the receipt; a failing receipt makes this fail, after the text was shown, with the
  // verdict in `exchange`. A stream without its terminator fails with `malformed`, an answer under
  // another keyset with `mismatch`, a service without E2EE with `unsupported`; what the service
  // refuses fails with `not_found`, `policy`, `limit`, `malformed` or `unavailable` and its reason.
  virtual Status chat(const Json& request, const std::function<void(std::string_view)>& on_text,
                      Exchange& exchange) = 0;
};

}  // namespace confide::client
