#include "client/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "client/answer.h"
#include "crypto/random.h"
#include "seal/e2ee.h"

namespace confide::client {
namespace {

constexpr std::size_t kMaxErrorBody = 64 * 1024;
constexpr std::size_t kMaxReceiptId = 128;

Errc code_of(int status) {
  if (status == 401 || status == 403) return Errc::policy;
  if (status == 404) return Errc::not_found;
  if (status == 413) return Errc::limit;
  if (status == 429 || status >= 500) return Errc::unavailable;
  return Errc::malformed;
}

Error service_error(int status, std::string_view body) {
  const auto parsed = json::parse(body);
  const std::string reason = parsed ? error_message(*parsed) : "";
  return {code_of(status), fmt::format("the service answered {}: {}", status,
                                       reason.empty() ? "no reason given" : reason)};
}

// Ids go into a path, so nothing but what ids are made of is let through.
bool is_receipt_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxReceiptId && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
  });
}

net::HttpRequest get_request(std::string path, std::string query = "") {
  net::HttpRequest request;
  request.method = "GET";
  request.path = std::move(path);
  request.query = std::move(query);
  return request;
}

Status check_keyset_header(const net::HttpResponse& response, const std::string& digest) {
  if (response.headers.get("X-ACI-Keyset-Digest") != digest) {
    return fail(Errc::mismatch, "an answer came under another keyset than the attested one");
  }
  return {};
}

struct ServiceKey {
  seal::Suite suite = seal::Suite::x25519;
  std::string public_hex;
};

Result<ServiceKey> choose_key(const aci::Report& report) {
  if (std::ranges::find(report.e2ee_versions, "2") == report.e2ee_versions.end()) {
    return fail(Errc::unsupported, "the service offers no end-to-end encryption (version 2)");
  }
  const std::vector<aci::KeyEntry>& keys = report.keyset.keyset.e2ee_public_keys;
  for (const seal::Suite suite : {seal::Suite::x25519, seal::Suite::secp256k1}) {
    const auto key = std::ranges::find(keys, seal::to_string(suite), &aci::KeyEntry::algo);
    if (key != keys.end()) return ServiceKey{suite, key->public_key};
  }
  return fail(Errc::unsupported, "the service attests no key to seal the prompt to");
}

class LiveSession final : public Session {
 public:
  LiveSession(SessionOptions options, net::Url url, AttestedService service, std::string nonce,
              std::string report, std::string spki, std::unique_ptr<net::Connection> connection)
      : options_(std::move(options)),
        url_(std::move(url)),
        service_(std::move(service)),
        nonce_(std::move(nonce)),
        report_(std::move(report)),
        spki_(std::move(spki)),
        connection_(std::move(connection)) {}
  LiveSession(const LiveSession&) = delete;
  LiveSession& operator=(const LiveSession&) = delete;
  ~LiveSession() override { wipe(options_.api_key); }

  const AttestedService& service() const noexcept override { return service_; }
  const std::string& nonce() const noexcept override { return nonce_; }
  const std::string& report_document() const noexcept override { return report_; }
  Result<std::vector<std::string>> models() override;
  Status chat(const Json& request, const std::function<void(std::string_view)>& on_text,
              Exchange& exchange) override;

 private:
  Status connect();
  void authorize(net::HttpRequest& request) const;
  Result<std::string> get(net::HttpRequest request);
  Status stream(const net::HttpRequest& request, AnswerReader& reader, std::string& receipt_id);
  Status check_receipt(Exchange& exchange);

  SessionOptions options_;
  net::Url url_;
  AttestedService service_;
  std::string nonce_;
  std::string report_;
  std::string spki_;
  std::unique_ptr<net::Connection> connection_;  // to the attested key; null after a failure
};

// The pin is the attested key, so a connection made later is as good as the first.
Status LiveSession::connect() {
  if (connection_ && connection_->is_open()) return {};
  TRY_ASSIGN(connection_, net::Connection::open(url_, spki_));
  return {};
}

void LiveSession::authorize(net::HttpRequest& request) const {
  if (!options_.api_key.empty()) {
    request.headers.add("Authorization", "Bearer " + options_.api_key);
  }
}

Result<std::string> LiveSession::get(net::HttpRequest request) {
  authorize(request);
  while (true) {
    const bool kept_alive = connection_ != nullptr && connection_->is_open();
    TRY(connect());
    auto response = connection_->send(request);
    if (response) {
      TRY(check_keyset_header(*response, service_.keyset().digest));
      if (response->status == 200) return std::move(response->body);
      return tl::unexpected<Error>(service_error(response->status, response->body));
    }
    connection_.reset();
    // A server may close an idle connection at any time; asking again on a new one is safe for GET.
    if (!kept_alive || response.error().code != Errc::unavailable) {
      return tl::unexpected<Error>(response.error());
    }
  }
}

Result<std::vector<std::string>> LiveSession::models() {
  TRY_ASSIGN(const std::string body, get(get_request("/v1/models")));
  TRY_ASSIGN(const Json list, json::parse(body));
  TRY_ASSIGN(const Json* data, json::get_array(list, "data"));
  std::vector<std::string> names;
  for (const Json& model : *data) {
    TRY_ASSIGN(std::string name, json::get_string(model, "id"));
    names.push_back(std::move(name));
  }
  return names;
}

Status LiveSession::stream(const net::HttpRequest& request, AnswerReader& reader,
                           std::string& receipt_id) {
  TRY(connect());
  int status = 0;
  Status head;
  std::string error_body;
  const auto on_head = [&](const net::HttpResponse& response) {
    status = response.status;
    head = check_keyset_header(response, service_.keyset().digest);
    receipt_id = response.headers.get("X-Receipt-Id").value_or("");
  };
  const auto on_body = [&](std::string_view bytes) {
    if (!head) return;
    if (status == 200) {
      reader.feed(bytes);
    } else if (error_body.size() + bytes.size() <= kMaxErrorBody) {
      error_body.append(bytes);
    }
  };
  auto response = connection_->send_streaming(request, on_head, on_body);
  if (!response) connection_.reset();
  if (status == 0) {
    TRY(response);
    return fail(Errc::malformed, "the service sent no answer");
  }
  TRY(head);
  if (status != 200) return tl::unexpected<Error>(service_error(status, error_body));
  TRY(reader.finish());
  TRY(response);
  return {};
}

Status LiveSession::chat(const Json& request, const std::function<void(std::string_view)>& on_text,
                         Exchange& exchange) {
  exchange = {};
  const SystemClock system;
  const Clock& clock = options_.clock != nullptr ? *options_.clock : system;
  TRY_ASSIGN(const ServiceKey key, choose_key(service_.report()));
  TRY_ASSIGN(auto channel, seal::ClientExchange::start(key.suite, key.public_hex, clock.now()));
  Json body = request;
  body["stream"] = true;
  TRY_ASSIGN(exchange.request_clear, channel.seal_request(body, seal::Endpoint::chat_completions));
  exchange.request_body = json::compact(body);

  net::HttpRequest http;
  http.method = "POST";
  http.path = "/v1/chat/completions";
  http.headers.add("Content-Type", "application/json");
  http.headers.add("Accept", "text/event-stream");
  for (auto& [name, value] : channel.headers()) http.headers.add(name, value);
  authorize(http);
  http.body = exchange.request_body;

  Answer answer;
  AnswerReader reader(channel, on_text, answer);
  const Status streamed = stream(http, reader, exchange.receipt_id);
  exchange.response_body = std::move(answer.raw);
  exchange.answer = std::move(answer.text);
  exchange.finish_reason = std::move(answer.finish_reason);
  exchange.usage = std::move(answer.usage);
  TRY(streamed);
  return check_receipt(exchange);
}

Status LiveSession::check_receipt(Exchange& exchange) {
  if (!is_receipt_id(exchange.receipt_id)) {
    exchange.receipt_verdict.fail("receipt.fetch", "the service gave no receipt for its answer");
    return fail(Errc::not_found, "the service gave no receipt for its answer");
  }
  auto document = get(get_request("/v1/aci/receipts/" + exchange.receipt_id));
  if (!document) {
    exchange.receipt_verdict.fail("receipt.fetch", document.error().message);
    return tl::unexpected<Error>(document.error());
  }
  exchange.receipt = *std::move(document);
  TRY(appraise_receipt(exchange.receipt, service_, exchange.request_clear, exchange.response_body,
                       exchange.receipt_verdict));
  return {};
}

// Whatever goes wrong here, there is no report to judge: the service is of no use, not refuted.
Result<net::HttpResponse> fetch_report(net::Connection& connection, const std::string& nonce) {
  auto response = connection.send(get_request("/v1/aci/attestation", "nonce=" + nonce));
  if (!response) {
    return fail(Errc::unavailable, "no attestation report: " + response.error().message);
  }
  if (response->status != 200) {
    const Error error = service_error(response->status, response->body);
    return fail(Errc::unavailable, "no attestation report: " + error.message);
  }
  return response;
}

// Nothing if the report brings its own, or cannot be read: then appraise() says why.
Result<std::optional<evidence::TdxCollateral>> find_collateral(const SessionOptions& options,
                                                               const std::string& document) {
  std::optional<evidence::TdxCollateral> found;
  if (!options.find_collateral) return found;
  const auto report = aci::parse_report(document);
  if (!report || !report->collateral.is_null()) return found;
  TRY_ASSIGN(found, options.find_collateral(report->quote));
  return found;
}

}  // namespace

Result<std::unique_ptr<Session>> Session::open(const SessionOptions& options,
                                               verify::Verdict& verdict) {
  TRY_ASSIGN(net::Url url, net::parse_url(options.url));
  TRY_ASSIGN(auto connection, net::Connection::open(url, std::nullopt));
  std::string spki = to_hex(connection->peer_certificate().spki_sha256());
  std::string nonce = to_hex(crypto::random_bytes(32));
  TRY_ASSIGN(auto response, fetch_report(*connection, nonce));

  const SystemClock system;
  const Clock& clock = options.clock != nullptr ? *options.clock : system;
  AppraisalInput input;
  input.report = response.body;
  input.nonce = nonce;
  input.observed_spki = spki;
  input.host = url.host;
  TRY_ASSIGN(const auto collateral, find_collateral(options, input.report));
  if (collateral) input.collateral = &*collateral;
  TRY_ASSIGN(AttestedService service, appraise(input, options.policy, clock.now(), verdict));
  const Status header = check_keyset_header(response, service.keyset().digest);
  if (!verdict.check("aci.keyset_header", header, service.keyset().digest)) {
    return tl::unexpected<Error>(header.error());
  }
  return std::make_unique<LiveSession>(options, std::move(url), std::move(service),
                                       std::move(nonce), std::move(input.report), std::move(spki),
                                       std::move(connection));
}

}  // namespace confide::client
