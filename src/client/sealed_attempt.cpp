#include "client/sealed_attempt.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "crypto/random.h"

namespace confide::client {
namespace {

constexpr std::size_t kMaxProblem = 64 * 1024;
constexpr std::size_t kMaxTitle = 200;
constexpr auto kForm = seal::OhttpForm::chunked;

std::string text_member(const Json& object, std::string_view name) {
  return json::get_string(object, name).value_or("");
}

}  // namespace

Result<SealedAttempt> SealedAttempt::make(const Attestation& attestation,
                                          const seal::InnerRequest& request, seal::Padding padding,
                                          Time now) {
  const std::string nonce = to_hex(crypto::random_bytes(32));
  TRY_ASSIGN(auto sealed, seal::seal_exchange(attestation.key, request,
                                              {.form = kForm,
                                               .aead = attestation.key.aeads.front(),
                                               .padding = padding,
                                               .now = now,
                                               .nonce = nonce}));
  SealedAttempt attempt(std::move(sealed));
  attempt.keyset_digest_ = attestation.service.keyset().digest;
  attempt.facts_.request_hash = crypto::sha256_tag(as_bytes(request.content));
  attempt.facts_.client_nonce = nonce;
  return attempt;
}

Status SealedAttempt::run(net::Connection& connection, const AnswerSink& sink) {
  net::HttpRequest outer;
  outer.method = "POST";
  outer.path = seal::kOhttpPath;
  outer.headers.add("Content-Type", std::string(seal::request_type(kForm)));
  outer.headers.add("Incremental", "?1");
  outer.body = as_text(capsule_);
  Status taken;
  const auto on_head = [&](const net::HttpResponse& response) {
    heard_ = true;
    outer_status_ = response.status;
    const std::string type = response.headers.get("Content-Type").value_or("");
    outer_problem_ = type == seal::kProblemType;
    sealed_ = outer_status_ == 200 && type == seal::response_type(kForm);
  };
  const auto on_body = [&](std::string_view bytes) {
    if (!taken) return;
    taken = take(bytes, sink);
    if (!taken) connection.abort();
  };
  const auto response = connection.send_streaming(outer, on_head, on_body);
  TRY(std::move(taken));
  if (!response) {
    if (!heard_) failed_check_ = "channel.sent";
    return tl::unexpected<Error>(response.error());
  }
  return sealed_ ? end(sink) : judge_clear();
}

Status SealedAttempt::take(std::string_view bytes, const AnswerSink& sink) {
  if (sealed_) {
    TRY_ASSIGN(const std::string content, answer_.feed(as_bytes(bytes)));
    return deliver(content, sink);
  }
  // Nobody's word that anything depends on: enough of it to see what kind of refusal it is.
  document_ += bytes.substr(0, kMaxProblem - std::min(kMaxProblem, document_.size()));
  return {};
}

Status SealedAttempt::deliver(std::string_view content, const AnswerSink& sink) {
  if (!has_head_ && answer_.has_head()) {
    has_head_ = true;
    const seal::HttpFields& fields = answer_.head().fields;
    const std::string* type = seal::find_field(fields, "content-type");
    inner_problem_ = type != nullptr && *type == seal::kProblemType;
    if (!inner_problem_) {
      const std::string* digest = seal::find_field(fields, "x-aci-keyset-digest");
      const Status header = check_keyset_header(
          digest != nullptr ? std::optional(*digest) : std::nullopt, keyset_digest_);
      if (!header) {
        failed_check_ = "channel.keyset";
        return header;
      }
      TRY(sink.on_head(answer_.head()));
    }
  }
  if (content.empty()) return {};
  if (!inner_problem_) {
    response_.update(as_bytes(content));
    return sink.on_content(content);
  }
  document_ += content;
  if (document_.size() <= kMaxProblem) return {};
  return fail(Errc::limit, "the service's refusal is too long");
}

Status SealedAttempt::end(const AnswerSink& sink) {
  TRY_ASSIGN(const std::string rest, answer_.finish());
  TRY(deliver(rest, sink));
  if (inner_problem_) judge_problem(document_);
  return {};
}

// Whoever wrote this need not be the service. It may cost us another appraisal, and no more.
Status SealedAttempt::judge_clear() {
  if (outer_problem_) judge_problem(document_);
  if (problem_ == ChannelProblem::key) return {};
  problem_ = ChannelProblem::none;
  const bool may_pass = outer_status_ == 429 || outer_status_ >= 500;
  return fail(may_pass ? Errc::unavailable : Errc::untrusted,
              fmt::format("the service, or something before it, answered {} in clear instead of a "
                          "sealed answer",
                          outer_status_));
}

void SealedAttempt::judge_problem(std::string_view body) {
  const auto parsed = json::parse(body);
  const Json document = parsed ? *parsed : Json::object();
  const std::string type = text_member(document, "type");
  if (type == seal::kKeyProblem) {
    problem_ = ChannelProblem::key;
    problem_text_ = "the service does not have the key that its keyset vouches for";
  } else if (type == seal::kDateProblem) {
    problem_ = ChannelProblem::clock;
    if (const std::string* date = seal::find_field(answer_.head().fields, "date")) {
      if (const auto time = parse_http_date(*date)) service_time_ = *time;
    }
    problem_text_ = "this computer's clock is too far from the service's" +
                    (service_time_ ? ", which says " + to_rfc3339(*service_time_) : "");
  } else {
    problem_ = ChannelProblem::refused;
    problem_text_ = "the service's end of the sealed channel refused the request: " +
                    text_member(document, "title").substr(0, kMaxTitle);
  }
}

ExchangeFacts SealedAttempt::facts() {
  facts_.response_hash = crypto::sha256_tag(response_.finish());
  return facts_;
}

}  // namespace confide::client
