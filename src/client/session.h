// A private conversation: attest first, then seal, send, open, and check the receipt.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/answer.h"
#include "client/attest.h"

namespace confide::client {

enum class Channel {
  automatic,  // sealed if the attested keyset lists a key for it, else E2EE
  sealed,     // whole requests, OHTTP
  e2ee,       // single fields, E2EE version 2, on a connection that ends at an attested key
};

struct SessionOptions : Target {
  std::string api_key;  // sent only after the service passed; empty: none
  Channel channel = Channel::automatic;
};

struct Exchange {
  std::string answer;         // text of choice 0
  std::string finish_reason;  // of choice 0
  std::string receipt_id;
  std::string receipt;        // the document
  std::string request_clear;  // the body that the receipt hashes
  std::string response_body;  // what the receipt hashes: under E2EE with its fields sealed
  std::string client_nonce;   // of the sealed channel, which the receipt repeats; else empty
  Json usage;
  verify::Verdict receipt_verdict;

  void take(Answer streamed);  // what the stream gave, whole or not
};

// Not thread-safe.
class Session {
 public:
  // Connects, fetches the report with a fresh nonce, appraises it. On failure `verdict` says why
  // and nothing but requests for public documents was ever sent. Fails with `unavailable` if the
  // service cannot be reached or gives no report, otherwise as appraise() and SealedChannel::open()
  // do. A sealed channel that fails is never replaced by another.
  static Result<std::unique_ptr<Session>> open(const SessionOptions& options,
                                               verify::Verdict& verdict);
  virtual ~Session() = default;

  virtual Channel channel() const noexcept = 0;  // sealed or e2ee
  virtual const AttestedService& service() const noexcept = 0;
  virtual const std::string& nonce() const noexcept = 0;
  // The report as served, for keeping.
  virtual const std::string& report_document() const noexcept = 0;
  // Names the service offers; the first is the default.
  virtual Result<std::vector<std::string>> models() = 0;
  // Seals, sends (E2EE on a connection pinned to the attested TLS key), opens; `on_text` gets the
  // clear answer as it comes. The answer is always streamed, whatever `request` says of `stream`.
  // Fetches and verifies the receipt; a failing receipt makes this fail, after the text was shown,
  // with the verdict in `exchange`. A stream without its terminator fails with `malformed`, an
  // answer under another keyset with `mismatch`, a service without E2EE with `unsupported`,
  // otherwise as SealedChannel::exchange() does; what the service refuses fails with `not_found`,
  // `policy`, `limit`, `malformed` or `unavailable` and its reason.
  virtual Status chat(const Json& request, const std::function<void(std::string_view)>& on_text,
                      Exchange& exchange) = 0;
};

}  // namespace confide::client
