#include "client/proven_exchange.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "base/secret.h"
#include "client/stream_gate.h"

namespace confide::client {
namespace {

constexpr std::size_t kMaxWithheld = std::size_t{64} << 20U;

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

// Whose receipt it is: the service asks for it again.
seal::HttpFields credentials(const seal::InnerRequest& request) {
  seal::HttpFields out;
  for (const seal::HttpField& field : request.fields) {
    if (field.name == "authorization" || field.name == "x-api-key") out.push_back(field);
  }
  return out;
}

// Between the channel, which gives what is authentic, and the program, which gets what is proven.
class Withholder {
 public:
  explicit Withholder(const ProvenSink& sink) : sink_(sink) {}
  Withholder(const Withholder&) = delete;
  Withholder& operator=(const Withholder&) = delete;
  ~Withholder() { wipe(withheld_); }

  Status take_head(const seal::InnerResponse& head) {
    head_ = head;
    streaming_ = is_stream(head);
    return streaming_ ? sink_.on_head(head_) : Status();
  }
  Status take_content(std::string_view content) {
    if (streaming_) {
      TRY_ASSIGN(std::string before_the_end, gate_.feed(content));
      return before_the_end.empty() ? Status() : sink_.on_content(std::move(before_the_end));
    }
    withheld_ += content;
    if (withheld_.size() <= kMaxWithheld) return {};
    return fail(Errc::limit, "the answer is too long to be withheld until it is verified");
  }
  // Everything is proven.
  Status release() {
    if (!streaming_) TRY(sink_.on_head(head_));
    std::string rest = streaming_ ? gate_.release() : std::exchange(withheld_, {});
    return rest.empty() ? Status() : sink_.on_content(std::move(rest));
  }

 private:
  const ProvenSink& sink_;
  seal::InnerResponse head_;
  bool streaming_ = false;
  StreamGate gate_;
  std::string withheld_;
};

Status prove(SealedChannel& channel, SealedAnswer& answer, const seal::InnerRequest& request,
             const ProvenSink& sink, Cancellation& cancellation, verify::Verdict& verdict) {
  verify::Verdict mine;
  std::string document;
  const Status checked =
      channel.check_receipt(answer, credentials(request), cancellation, document, mine);
  sink.on_receipt(answer, std::move(document), mine);
  verdict.merge(std::move(mine));
  return checked;
}

}  // namespace

bool is_sent(std::string_view name) noexcept {
  const bool of_a_page = name.starts_with("sec-fetch-") || name.starts_with("x-forwarded-");
  return !of_a_page && !is_one_of(kNotSent, name);
}

// Nor the service's word on which web pages may read what is behind a local endpoint.
bool is_handed_on(std::string_view name) noexcept {
  return !name.starts_with("access-control-") && !is_one_of(kNotHandedOn, name);
}

bool is_stream(const seal::InnerResponse& head) {
  const std::string* type = seal::find_field(head.fields, "content-type");
  return type != nullptr && to_lower(*type).starts_with("text/event-stream");
}

Status exchange_proven(SealedChannel& channel, const seal::InnerRequest& request,
                       const ProvenSink& sink, Cancellation& cancellation,
                       verify::Verdict& verdict) {
  Withholder withholder(sink);
  const AnswerSink authentic{
      .on_head = [&](const seal::InnerResponse& head) { return withholder.take_head(head); },
      .on_content = [&](std::string_view content) { return withholder.take_content(content); }};
  TRY_ASSIGN(SealedAnswer answer, channel.exchange(request, authentic, cancellation, verdict));
  // What was asked for and granted has a receipt. A refusal delivers nothing that needs one, and is
  // the service's own all the same: it came through the sealed channel.
  const bool granted = answer.head.status >= 200 && answer.head.status < 300;
  if (request.method == "POST" && granted) {
    TRY(prove(channel, answer, request, sink, cancellation, verdict));
  } else {
    channel.done_with(answer);
  }
  return withholder.release();
}

}  // namespace confide::client
