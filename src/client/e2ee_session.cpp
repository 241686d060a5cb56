#include "client/session_kinds.h"

#include <algorithm>
#include <utility>

#include "crypto/hash.h"
#include "seal/e2ee.h"

namespace confide::client {
namespace {

constexpr std::size_t kMaxErrorBody = 64 * 1024;

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

class E2eeSession final : public Session {
 public:
  E2eeSession(SessionOptions options, net::Url url, Attested attested)
      : options_(std::move(options)),
        url_(std::move(url)),
        service_(std::move(attested.service)),
        nonce_(std::move(attested.nonce)),
        report_(std::move(attested.report)),
        spki_(std::move(attested.spki)),
        connection_(std::move(attested.connection)) {
    connection_->set_limits({});
  }
  E2eeSession(const E2eeSession&) = delete;
  E2eeSession& operator=(const E2eeSession&) = delete;
  ~E2eeSession() override { wipe(options_.api_key); }

  Channel channel() const noexcept override { return Channel::e2ee; }
  const AttestedService& service() const noexcept override { return service_; }
  const std::string& nonce() const noexcept override { return nonce_; }
  const std::string& report_document() const noexcept override { return report_; }
  Result<std::vector<std::string>> models() override;
  Status chat(const Json& request, const std::function<void(std::string_view)>& on_text,
              Exchange& exchange) override;

 private:
  Status connect();
  Status check_keyset(const net::HttpResponse& response) const {
    return check_keyset_header(response.headers.get("X-ACI-Keyset-Digest"),
                               service_.keyset().digest);
  }
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
Status E2eeSession::connect() {
  if (connection_ && connection_->is_open()) return {};
  TRY_ASSIGN(connection_, net::Connection::open(url_, spki_));
  return {};
}

void E2eeSession::authorize(net::HttpRequest& request) const {
  if (!options_.api_key.empty()) {
    request.headers.add("Authorization", "Bearer " + options_.api_key);
  }
}

Result<std::string> E2eeSession::get(net::HttpRequest request) {
  authorize(request);
  while (true) {
    const bool kept_alive = connection_ != nullptr && connection_->is_open();
    TRY(connect());
    auto response = connection_->send(request);
    if (response) {
      TRY(check_keyset(*response));
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

Result<std::vector<std::string>> E2eeSession::models() {
  TRY_ASSIGN(const std::string body, get(get_request("/v1/models")));
  return model_names(body);
}

Status E2eeSession::stream(const net::HttpRequest& request, AnswerReader& reader,
                           std::string& receipt_id) {
  TRY(connect());
  int status = 0;
  Status head;
  std::string error_body;
  const auto on_head = [&](const net::HttpResponse& response) {
    status = response.status;
    head = check_keyset(response);
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

Status E2eeSession::chat(const Json& request, const std::function<void(std::string_view)>& on_text,
                         Exchange& exchange) {
  exchange = {};
  TRY_ASSIGN(const ServiceKey key, choose_key(service_.report()));
  TRY_ASSIGN(auto channel, seal::ClientExchange::start(key.suite, key.public_hex, options_.now()));
  Json body = request;
  body["stream"] = true;
  TRY_ASSIGN(exchange.request_clear, channel.seal_request(body, seal::Endpoint::chat_completions));

  net::HttpRequest http;
  http.method = "POST";
  http.path = "/v1/chat/completions";
  http.headers.add("Content-Type", "application/json");
  http.headers.add("Accept", "text/event-stream");
  for (auto& [name, value] : channel.headers()) http.headers.add(name, value);
  authorize(http);
  http.body = json::compact(body);

  Answer answer;
  AnswerReader reader([&](Json& chunk) { return channel.open_chunk(chunk); }, on_text, answer);
  const Status streamed = stream(http, reader, exchange.receipt_id);
  exchange.take(std::move(answer));
  TRY(streamed);
  return check_receipt(exchange);
}

Status E2eeSession::check_receipt(Exchange& exchange) {
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
  const ExchangeFacts facts{.request_hash = crypto::sha256_tag(as_bytes(exchange.request_clear)),
                            .response_hash = crypto::sha256_tag(as_bytes(exchange.response_body)),
                            .client_nonce = std::nullopt};
  TRY(appraise_receipt(exchange.receipt, service_, facts, exchange.receipt_verdict));
  return {};
}

}  // namespace

std::unique_ptr<Session> make_e2ee_session(SessionOptions options, net::Url url,
                                           Attested attested) {
  return std::make_unique<E2eeSession>(std::move(options), std::move(url), std::move(attested));
}

}  // namespace confide::client
