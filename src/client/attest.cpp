#include "client/attest.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "client/answer.h"
#include "crypto/random.h"

namespace confide::client {
namespace {

constexpr std::size_t kMaxReceiptId = 128;

Errc code_of(int status) {
  if (status == 401 || status == 403) return Errc::policy;
  if (status == 404) return Errc::not_found;
  if (status == 413) return Errc::limit;
  if (status == 429 || status >= 500) return Errc::unavailable;
  return Errc::malformed;
}

// Whatever goes wrong here, there is no report to judge: the service is of no use, not refuted.
Result<net::HttpResponse> fetch_report(net::Connection& connection, const std::string& nonce,
                                       Cancellation& cancellation) {
  connection.set_limits(kAttestationLimits);
  const Watch watch(cancellation, connection);
  auto response = connection.send(get_request("/v1/aci/attestation", "nonce=" + nonce));
  if (!response) {
    return fail(Errc::unavailable, "no attestation report: " + response.error().message);
  }
  if (response->status != 200) {
    // Not the reason given: whoever answered need not be the service.
    return fail(Errc::unavailable,
                fmt::format("no attestation report: the service answered {}", response->status));
  }
  return response;
}

// Nothing if the report brings its own, or cannot be read: then appraise() says why.
Result<std::optional<evidence::TdxCollateral>> find_collateral(const Target& target,
                                                               const std::string& document) {
  std::optional<evidence::TdxCollateral> found;
  if (!target.find_collateral) return found;
  const auto report = aci::parse_report(document);
  if (!report || !report->collateral.is_null()) return found;
  TRY_ASSIGN(found, target.find_collateral(report->quote));
  return found;
}

}  // namespace

Time Target::now() const { return clock != nullptr ? clock->now() : SystemClock().now(); }

Error service_error(int status, std::string_view body) {
  const auto parsed = json::parse(body);
  const std::string reason = parsed ? error_message(*parsed) : "";
  return {code_of(status), fmt::format("the service answered {}: {}", status,
                                       reason.empty() ? "no reason given" : reason)};
}

Status check_keyset_header(const std::optional<std::string>& header, const std::string& digest) {
  if (header == digest) return {};
  return fail(Errc::mismatch, "an answer came under another keyset than the attested one");
}

bool is_receipt_id(std::string_view id) noexcept {
  return !id.empty() && id.size() <= kMaxReceiptId && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
  });
}

Result<std::vector<std::string>> model_names(std::string_view body) {
  TRY_ASSIGN(const Json list, json::parse(body));
  TRY_ASSIGN(const Json* data, json::get_array(list, "data"));
  std::vector<std::string> names;
  for (const Json& model : *data) {
    TRY_ASSIGN(std::string name, json::get_string(model, "id"));
    names.push_back(std::move(name));
  }
  return names;
}

net::HttpRequest get_request(std::string path, std::string query) {
  net::HttpRequest request;
  request.method = "GET";
  request.path = std::move(path);
  request.query = std::move(query);
  return request;
}

Result<Attested> attest(const Target& target, const net::Url& url, TlsKey tls_key,
                        std::unique_ptr<net::Connection> connection, Cancellation& cancellation,
                        verify::Verdict& verdict) {
  std::string spki = to_hex(connection->peer_certificate().spki_sha256());
  std::string nonce = to_hex(crypto::random_bytes(32));
  TRY_ASSIGN(auto response, fetch_report(*connection, nonce, cancellation));

  AppraisalInput input;
  input.report = std::move(response.body);
  input.nonce = nonce;
  input.observed_spki = spki;
  input.host = url.host;
  input.tls_key = tls_key;
  TRY_ASSIGN(const auto collateral, find_collateral(target, input.report));
  if (collateral) input.collateral = &*collateral;
  const Time now = target.now();
  TRY_ASSIGN(AttestedService service, appraise(input, target.policy, now, verdict));
  for (const verify::Policy& policy : target.further_policies) {
    TRY(appraise(input, policy, now, verdict));
  }
  const std::string& digest = service.keyset().digest;
  const Status header = check_keyset_header(response.headers.get("X-ACI-Keyset-Digest"), digest);
  if (!verdict.check("aci.keyset_header", header, digest)) {
    return tl::unexpected<Error>(header.error());
  }
  return Attested{.service = std::move(service),
                  .nonce = std::move(nonce),
                  .report = std::move(input.report),
                  .spki = std::move(spki),
                  .connection = std::move(connection)};
}

}  // namespace confide::client
