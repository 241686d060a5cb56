#include "proxy/forward.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "base/secret.h"
#include "ops/log.h"

namespace confide::proxy {
namespace {

constexpr std::size_t kMaxBuffered = std::size_t{64} << 20U;

// Of one hop (RFC 9110, section 7.6.1), of framing, of the channel itself, or what would change
// the bytes that receipts are about.
constexpr std::array<std::string_view, 20> kNotSent{"connection",
                                                    "keep-alive",
                                                    "proxy-connection",
                                                    "proxy-authenticate",
                                                    "proxy-authorization",
                                                    "te",
                                                    "trailer",
                                                    "transfer-encoding",
                                                    "upgrade",
                                                    "host",
                                                    "content-length",
                                                    "expect",
                                                    "accept-encoding",
                                                    "date",
                                                    "origin",
                                                    "referer",
                                                    "confide-nonce",
                                                    "confide-padding",
                                                    "forwarded",
                                                    "cookie"};
constexpr std::array<std::string_view, 10> kNotHandedOn{
    "connection",     "keep-alive", "transfer-encoding",         "trailer", "upgrade",
    "content-length", "alt-svc",    "strict-transport-security", "te",      "set-cookie"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

seal::InnerRequest inner_request(const Service& service, net::HttpRequest& request) {
  seal::InnerRequest inner;
  inner.method = request.method;
  inner.authority = service.authority;
  inner.path = request.query.empty() ? request.path : request.path + "?" + request.query;
  for (const auto& [field, value] : request.headers.all()) {
    std::string name = to_lower(field);
    const bool of_a_page = name.starts_with("sec-fetch-") || name.starts_with("x-forwarded-");
    if (is_one_of(kNotSent, name) || of_a_page) continue;
    inner.fields.push_back({.name = std::move(name), .value = value});
  }
  inner.content = std::move(request.body);
  return inner;
}

// Whose receipt it is: the service asks for it again.
seal::HttpFields credentials(const seal::InnerRequest& request) {
  seal::HttpFields out;
  for (const seal::HttpField& field : request.fields) {
    if (field.name == "authorization" || field.name == "x-api-key") out.push_back(field);
  }
  return out;
}

// Not the service's word on which pages may read what is behind this endpoint.
net::HttpResponse outer_head(const seal::InnerResponse& head) {
  net::HttpResponse out;
  out.status = head.status;
  for (const seal::HttpField& field : head.fields) {
    if (is_one_of(kNotHandedOn, field.name) || field.name.starts_with("access-control-")) continue;
    out.headers.add(field.name, field.value);
  }
  return out;
}

bool is_stream(const seal::InnerResponse& head) {
  const std::string* type = seal::find_field(head.fields, "content-type");
  return type != nullptr && to_lower(*type).starts_with("text/event-stream");
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
    wipe(buffered_);
  }

  // Whether it went well.
  bool run();

 private:
  Status take_head(const seal::InnerResponse& head);
  Status take_content(std::string_view content);
  bool check_receipt(client::SealedAnswer& answer);
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
  StreamGate gate_;
  std::string buffered_;
};

bool Forward::run() {
  const client::AnswerSink sink{
      .on_head = [this](const seal::InnerResponse& head) { return take_head(head); },
      .on_content = [this](std::string_view content) { return take_content(content); }};
  verify::Verdict verdict;
  auto answer = service_.channel->exchange(inner_, sink, *cancellation_, verdict);
  if (!answer) return give_up(answer.error(), verdict);
  // What was asked for and granted has a receipt. A refusal delivers nothing that needs one, and is
  // the service's own all the same: it came through the sealed channel.
  const bool answered = answer->head.status >= 200 && answer->head.status < 300;
  if (inner_.method == "POST" && answered) {
    if (!check_receipt(*answer)) return false;
  } else {
    service_.channel->done_with(*answer);
  }
  deliver();
  return true;
}

Status Forward::take_head(const seal::InnerResponse& head) {
  head_ = outer_head(head);
  streaming_ = is_stream(head);
  if (streaming_) exchange_->start(head_);
  return {};
}

Status Forward::take_content(std::string_view content) {
  if (streaming_) {
    TRY_ASSIGN(std::string verified, gate_.feed(content));
    exchange_->write(std::move(verified));
    return {};
  }
  buffered_ += content;
  if (buffered_.size() <= kMaxBuffered) return {};
  return fail(Errc::limit, "the answer is too long to be withheld until it is verified");
}

bool Forward::check_receipt(client::SealedAnswer& answer) {
  verify::Verdict verdict;
  std::string receipt;
  const Status checked = service_.channel->check_receipt(answer, credentials(inner_),
                                                         *cancellation_, receipt, verdict);
  if (is_worth_keeping(verdict, cancellation_->cancelled())) {
    record(answer, std::move(receipt), verdict);
  }
  return checked ? true : give_up(checked.error(), verdict);
}

void Forward::record(const client::SealedAnswer& answer, std::string receipt,
                     const verify::Verdict& verdict) {
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
    exchange_->write(gate_.release());
    exchange_->finish();
    return;
  }
  head_.body = std::move(buffered_);
  exchange_->respond(std::move(head_));
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
