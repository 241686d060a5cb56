#include <utility>

#include "base/secret.h"
#include "client/sealed_channel.h"
#include "client/session_kinds.h"

namespace confide::client {
namespace {

constexpr std::size_t kMaxErrorBody = 64 * 1024;
constexpr std::size_t kMaxModels = std::size_t{1} << 20U;
constexpr std::string_view kAnswer = "the service's answer";

class SealedSession final : public Session {
 public:
  SealedSession(SessionOptions options, net::Url url, std::unique_ptr<SealedChannel> channel)
      : options_(std::move(options)),
        url_(std::move(url)),
        channel_(std::move(channel)),
        attestation_(channel_->attestation()) {}
  SealedSession(const SealedSession&) = delete;
  SealedSession& operator=(const SealedSession&) = delete;
  ~SealedSession() override { wipe(options_.api_key); }

  Channel channel() const noexcept override { return Channel::sealed; }
  const AttestedService& service() const noexcept override { return attestation_->service; }
  const std::string& nonce() const noexcept override { return attestation_->nonce; }
  const std::string& report_document() const noexcept override { return attestation_->report; }
  Result<std::vector<std::string>> models() override;
  Status chat(const Json& request, const std::function<void(std::string_view)>& on_text,
              Exchange& exchange) override;

 private:
  seal::HttpFields credentials() const;
  Status stream(const seal::InnerRequest& request, AnswerReader& reader, Exchange& exchange,
                std::optional<SealedAnswer>& answer);

  SessionOptions options_;
  net::Url url_;
  std::unique_ptr<SealedChannel> channel_;
  std::shared_ptr<const Attestation> attestation_;  // what the last answer came under
  Cancellation never_;
};

seal::HttpFields SealedSession::credentials() const {
  if (options_.api_key.empty()) return {};
  return {{.name = "authorization", .value = "Bearer " + options_.api_key}};
}

Result<std::vector<std::string>> SealedSession::models() {
  seal::InnerRequest request{.method = "GET", .authority = url_.host, .path = "/v1/models"};
  request.fields = credentials();
  std::string body;
  verify::Verdict verdict;
  TRY_ASSIGN(auto answer,
             channel_->exchange(request, gather(body, kMaxModels, kAnswer), never_, verdict));
  channel_->done_with(answer);
  if (answer.head.status != 200) {
    return tl::unexpected<Error>(service_error(answer.head.status, body));
  }
  return model_names(body);
}

Status SealedSession::stream(const seal::InnerRequest& request, AnswerReader& reader,
                             Exchange& exchange, std::optional<SealedAnswer>& answer) {
  bool accepted = false;
  std::string refusal;
  AnswerSink sink = gather(refusal, kMaxErrorBody, kAnswer);
  const auto to_refusal = sink.on_content;
  sink.on_head = [&](const seal::InnerResponse& head) {
    accepted = head.status == 200;
    return Status();
  };
  sink.on_content = [&](std::string_view content) -> Status {
    if (!accepted) return to_refusal(content);
    reader.feed(content);
    return {};
  };
  verify::Verdict verdict;
  auto exchanged = channel_->exchange(request, sink, never_, verdict);
  if (!exchanged) {
    exchange.receipt_verdict.merge(std::move(verdict));
    return tl::unexpected<Error>(exchanged.error());
  }
  attestation_ = exchanged->attestation;
  if (!accepted) {
    return tl::unexpected<Error>(service_error(exchanged->head.status, refusal));
  }
  exchange.receipt_id = exchanged->receipt_id();
  exchange.client_nonce = exchanged->facts.client_nonce.value_or("");
  answer = *std::move(exchanged);
  return reader.finish();
}

Status SealedSession::chat(const Json& request,
                           const std::function<void(std::string_view)>& on_text,
                           Exchange& exchange) {
  exchange = {};
  Json body = request;
  body["stream"] = true;
  exchange.request_clear = json::compact(body);
  seal::InnerRequest inner{.authority = url_.host, .path = "/v1/chat/completions"};
  inner.fields = credentials();
  inner.fields.push_back({.name = "content-type", .value = "application/json"});
  inner.fields.push_back({.name = "accept", .value = "text/event-stream"});
  inner.content = exchange.request_clear;

  Answer answer;
  AnswerReader reader({}, on_text, answer);
  std::optional<SealedAnswer> sealed;
  const Status streamed = stream(inner, reader, exchange, sealed);
  wipe(inner.content);
  exchange.take(std::move(answer));
  TRY(streamed);
  return channel_->check_receipt(*sealed, credentials(), never_, exchange.receipt,
                                 exchange.receipt_verdict);
}

}  // namespace

Result<std::unique_ptr<Session>> make_sealed_session(SessionOptions options, net::Url url,
                                                     Attested attested, verify::Verdict& verdict) {
  TRY_ASSIGN(auto channel, SealedChannel::open({.target = options}, std::move(attested), verdict));
  return std::make_unique<SealedSession>(std::move(options), std::move(url), std::move(channel));
}

}  // namespace confide::client
