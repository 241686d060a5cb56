// Asks a live service for its attestation and appraises it: what every conversation begins with.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "client/appraisal.h"
#include "client/connections.h"
#include "net/client.h"

namespace confide::client {

// What giving an attestation may take: whoever does so has not been verified yet.
inline constexpr net::ClientLimits kAttestationLimits{.idle_timeout = std::chrono::seconds{30},
                                                      .answer_timeout = std::chrono::seconds{30},
                                                      .max_body_bytes = std::size_t{4} << 20U};

// Whom to ask, and what is demanded of the answer.
struct Target {
  std::string url;
  verify::Policy policy;
  std::vector<verify::Policy> further_policies;  // each must be met as well
  const Clock* clock = nullptr;                  // null: the system's
  // Where collateral comes from if the service staples none; empty: from nowhere. Whatever it fails
  // with, attest() fails with.
  std::function<Result<evidence::TdxCollateral>(ByteView quote)> find_collateral;

  Time now() const;
};

// A service that passed, and how it was asked.
struct Attested {
  AttestedService service;
  std::string nonce;   // ours
  std::string report;  // as served, for keeping
  std::string spki;    // of the connection, lower hex
  // Still under kAttestationLimits.
  std::unique_ptr<net::Connection> connection;
};

// Fetches the report on `connection` with a fresh nonce and appraises it, once for each policy. On
// failure `verdict` says why, and nothing but the report request was sent. Fails with
// `unavailable` if there is no report, otherwise as appraise() does.
Result<Attested> attest(const Target& target, const net::Url& url, TlsKey tls_key,
                        std::unique_ptr<net::Connection> connection, Cancellation& cancellation,
                        verify::Verdict& verdict);

// What a service answered instead of what was asked for: `policy`, `not_found`, `limit`,
// `unavailable` or `malformed` by its status, with the reason it gave.
Error service_error(int status, std::string_view body);

// Fails with `mismatch` if an answer was given under another keyset.
Status check_keyset_header(const std::optional<std::string>& header, const std::string& digest);

// Ids go into a path, so nothing but what ids are made of is let through.
bool is_receipt_id(std::string_view id) noexcept;

// The ids in an answer to GET /v1/models. Fails with `malformed`.
Result<std::vector<std::string>> model_names(std::string_view body);

net::HttpRequest get_request(std::string path, std::string query = "");

}  // namespace confide::client
