#include "proxy/forward.h"

#include <fmt/format.h>

#include <utility>

#include "base/ascii.h"
#include "base/secret.h"
#include "client/proven_exchange.h"
#include "ops/log.h"

namespace confide::proxy {
namespace {

seal::InnerRequest inner_request(const Service& service, net::HttpRequest& request) {
  seal::InnerRequest inner;
  inner.method = request.method;
  inner.authority = service.authority;
  inner.path = request.query.empty() ? request.path : request.path + "?" + request.query;
  for (const auto& [field, value] : request.headers.all()) {
    std::string name = to_lower(field);
    if (!client::is_sent(name)) continue;
    inner.fields.push_back({.name = std::move(name), .value = value});
  }
  inner.content = std::move(request.body);
  return inner;
}

net::HttpResponse outer_head(const seal::InnerResponse& head) {
  net::HttpResponse out;
  out.status = head.status;
  for (const seal::HttpField& field : head.fields) {
    if (client::is_handed_on(field.name)) out.headers.add(field.name, field.value);
  }
  return out;
}

std::string model_of(const std::string& receipt) {
  const auto document = json::parse(receipt);
  return document ? json::get_string(*document, "model").value_or("") : "";
}

class Forward {
 public:
  Forward(const ForwardParts& parts, const Service& service, net::HttpRequest request,
          const std::shared_ptr<net::Exchange>& exchange)
      : parts_(parts),
        service_(service),
        exchange_(exchange),
        dialect_(dialect_of(request.path)),
        path_(request.path),
        inner_(inner_request(service, request)) {
    exchange->on_gone([cancellation = cancellation_] { cancellation->cancel(); });
  }
  Forward(const Forward&) = delete;
  Forward& operator=(const Forward&) = delete;
  ~Forward() {
    wipe(inner_.content);
    wipe(head_.body);
  }

  // Whether it went well.
  bool run();

 private:
  Status take_head(const seal::InnerResponse& head);
  Status take_content(std::string content);
  void record(const client::SealedAnswer& answer, std::string receipt,
              const verify::Verdict& verdict);
  bool give_up(const Error& error, const verify::Verdict& verdict);
  void deliver();

  const ForwardParts& parts_;
  const Service& service_;
  const std::shared_ptr<net::Exchange>& exchange_;
  Dialect dialect_;
  std::string path_;
  seal::InnerRequest inner_;
  std::shared_ptr<client::Cancellation> cancellation_ = std::make_shared<client::Cancellation>();
  net::HttpResponse head_;
  bool streaming_ = false;
};

bool Forward::run() {
  const client::ProvenSink sink{
      .on_receipt =
          [this](const client::SealedAnswer& answer, std::string receipt,
                 const verify::Verdict& verdict) { record(answer, std::move(receipt), verdict); },
      .on_head = [this](const seal::InnerResponse& head) { return take_head(head); },
      .on_content = [this](std::string content) { return take_content(std::move(content)); }};
  verify::Verdict verdict;
  const Status proven =
      client::exchange_proven(*service_.channel, inner_, sink, *cancellation_, verdict);
  if (!proven) return give_up(proven.error(), verdict);
  deliver();
  return true;
}

Status Forward::take_head(const seal::InnerResponse& head) {
  head_ = outer_head(head);
  streaming_ = client::is_stream(head);
  if (streaming_) exchange_->start(head_);
  return {};
}

Status Forward::take_content(std::string content) {
  if (streaming_) {
    exchange_->write(std::move(content));
  } else {
    head_.body = std::move(content);
  }
  return {};
}

void Forward::record(const client::SealedAnswer& answer, std::string receipt,
                     const verify::Verdict& verdict) {
  if (!is_worth_keeping(verdict, cancellation_->cancelled())) return;
  const client::Attestation& attestation = *answer.attestation;
  const verify::Check* failed = verdict.first_failure();
  HistoryEntry entry;
  entry.at = parts_.clock.now();
  entry.service = service_.url;
  entry.method = inner_.method;
  entry.path = path_;
  entry.model = model_of(receipt);
  entry.verified = verdict.passed();
  entry.check = failed != nullptr ? failed->id : "";
  entry.detail = failed != nullptr ? failed->detail : "";
  const std::string receipt_id = answer.receipt_id();
  if (client::is_receipt_id(receipt_id)) entry.receipt_id = receipt_id;
  entry.receipt = std::move(receipt);
  entry.request_hash = answer.facts.request_hash.value_or("");
  entry.response_hash = answer.facts.response_hash.value_or("");
  entry.client_nonce = answer.facts.client_nonce.value_or("");
  entry.keyset_digest = attestation.service.keyset().digest;
  const auto id = parts_.history.add(entry, {.document = attestation.report,
                                             .nonce = attestation.nonce,
                                             .verified_at = attestation.verified_at});
  if (id) {
    entry.id = *id;
  } else {
    ops::log_error("the receipt history: " + id.error().message);
  }
  parts_.tally.checked(entry);
}

bool Forward::give_up(const Error& error, const verify::Verdict& verdict) {
  if (streaming_) {
    exchange_->abort();
  } else {
    exchange_->respond(error_response(to_proxy_error(error, verdict), dialect_));
  }
  if (!cancellation_->cancelled()) ops::log_warning("refused: " + error.message);
  return false;
}

void Forward::deliver() {
  if (streaming_) {
    exchange_->finish();
  } else {
    exchange_->respond(std::move(head_));
  }
}

}  // namespace

bool is_worth_keeping(const verify::Verdict& verdict, bool client_left) noexcept {
  const verify::Check* failed = verdict.first_failure();
  return failed == nullptr || failed->id != "receipt.fetch" || !client_left;
}

void forward(const ForwardParts& parts, const Service& service, net::HttpRequest request,
             const std::shared_ptr<net::Exchange>& exchange) {
  Tally::Request counted(parts.tally);
  if (Forward(parts, service, std::move(request), exchange).run()) counted.answered();
}

}  // namespace confide::proxy
