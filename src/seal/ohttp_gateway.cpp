#include "seal/ohttp_gateway.h"

#include <algorithm>
#include <tl/expected.hpp>
#include <utility>

#include "base/json.h"
#include "base/wipe_on_exit.h"

namespace confide::seal {
namespace {

constexpr std::string_view kOther = "about:blank";

struct Description {
  std::string_view name;  // as metrics and logs show it
  int status;
  std::string_view type;
  std::string_view title;
};

Description describe(GatewayProblem problem) noexcept {
  switch (problem) {
    case GatewayProblem::malformed:
      return {"malformed", 400, kOther, "not an encapsulated request"};
    case GatewayProblem::too_long:
      return {"too_long", 413, kOther, "a chunk is too long, or too many are small"};
    case GatewayProblem::unknown_key:
      return {"unknown_key", 422, kKeyProblem, "sealed to no key of this server"};
    case GatewayProblem::retired_key:
      return {"retired_key", 422, kKeyProblem, "sealed to a key that was replaced"};
    case GatewayProblem::bad_message:
      return {"bad_message", 400, kOther, "not a request as this channel takes it"};
    case GatewayProblem::date:
      return {"date", 400, kDateProblem, "date is missing or outside of the accepted window"};
    case GatewayProblem::replayed:
      return {"replayed", 409, kOther, "this request was taken before"};
  }
  return {"", 500, kOther, ""};
}

// What the channel itself reads of a message.
struct Reading {
  InnerRequest request;
  Padding padding = kDefaultPadding;  // of a refusal too, as soon as the request's own is known
  std::string nonce;
  Time date{};
};

// The value of a field that may stand once; null if it does not stand at all.
tl::expected<const std::string*, GatewayProblem> single(const HttpFields& fields,
                                                        std::string_view name) {
  if (std::ranges::count(fields, name, &HttpField::name) > 1) {
    return tl::unexpected(GatewayProblem::bad_message);
  }
  return find_field(fields, name);
}

bool is_nonce(std::string_view text) { return from_hex_array<32>(text).has_value(); }

// The padding of the answer, which is none if the request names none. Rule O16.
tl::expected<Padding, GatewayProblem> read_padding(const HttpFields& fields) {
  const auto field = single(fields, kPaddingField);
  if (!field) return tl::unexpected(field.error());
  if (*field == nullptr) return Padding::none;
  const auto profile = parse_padding(**field);
  if (!profile) return tl::unexpected(GatewayProblem::bad_message);
  return *profile;
}

tl::expected<void, GatewayProblem> read_message(ByteView message, const BhttpLimits& limits,
                                                Reading& out) {
  const auto bad = tl::unexpected(GatewayProblem::bad_message);
  auto request = decode_request(message, limits);
  if (!request) return bad;
  out.request = *std::move(request);
  const HttpFields& fields = out.request.fields;
  const auto padding = read_padding(fields);
  if (!padding) return bad;
  out.padding = *padding;
  const auto nonce = single(fields, kNonceField);
  const auto date = single(fields, "date");
  if (!nonce || !date) return bad;
  // RFC 9458, section 5.1: nobody waits for a 100.
  if (find_field(fields, "expect") != nullptr) return bad;
  // One sealed request inside another would make us open as many as the sender cares to nest.
  if (out.request.path.starts_with(kOhttpPath)) return bad;
  if (*nonce != nullptr) {
    if (!is_nonce(**nonce)) return bad;
    out.nonce = **nonce;
  }
  if (*date == nullptr) return tl::unexpected(GatewayProblem::date);
  const auto time = parse_http_date(**date);
  if (!time) return bad;
  out.date = *time;
  return {};
}

GatewayProblem problem_in_clear(Errc code) {
  if (code == Errc::malformed) return GatewayProblem::malformed;
  return code == Errc::limit ? GatewayProblem::too_long : GatewayProblem::unknown_key;
}

Refused refuse_in_clear(GatewayProblem problem) {
  return {.problem = problem,
          .status = status_of(problem),
          .content_type = std::string(kProblemType),
          .body = to_bytes(as_bytes(problem_body(problem)))};
}

Refused refuse_sealed(GatewayProblem problem, const AnswerSecret& secret, Padding padding,
                      Time now) {
  AnswerWriter writer(AnswerSealer(secret), padding);
  InnerResponse answer{.interim = {},
                       .status = status_of(problem),
                       .fields = {{"content-type", std::string(kProblemType)},
                                  {"date", to_http_date(now)},
                                  {"cache-control", "no-store"}},
                       .content = problem_body(problem),
                       .trailers = {}};
  auto body = writer.respond(answer);
  if (!body) return refuse_in_clear(problem);
  return {.problem = problem,
          .status = 200,
          .content_type = std::string(response_type(secret.form)),
          .body = *std::move(body)};
}

}  // namespace

std::string_view to_string(GatewayProblem problem) noexcept { return describe(problem).name; }

int status_of(GatewayProblem problem) noexcept { return describe(problem).status; }

std::string problem_body(GatewayProblem problem) {
  const Description about = describe(problem);
  Json body = Json::object();
  body["type"] = about.type;
  body["title"] = about.title;
  body["status"] = about.status;
  return json::compact(body);
}

OhttpGateway::OhttpGateway(std::shared_ptr<const OhttpKeys> keys, std::size_t replay_capacity,
                           const BhttpLimits& limits)
    : keys_(std::move(keys)), limits_(limits), replay_(replay_capacity) {}

ReplayCache::Claim OhttpGateway::claim(const OhttpKeys::Opened& opened, Time date, Time now) {
  return replay_.claim(as_text(opened.capsule.answer.enc), as_text(opened.key), {}, date, now);
}

std::variant<Admitted, Refused> OhttpGateway::admit(OhttpForm form, ByteView capsule, Time now) {
  auto opened = keys_->open(form, capsule);
  if (!opened) return refuse_in_clear(problem_in_clear(opened.error().code));
  const WipeOnExit message_wiped(opened->capsule.message);
  const AnswerSecret& secret = opened->capsule.answer;
  Reading reading;
  const WipeOnExit content_wiped(reading.request.content);  // unless it is handed on
  const auto refuse = [&](GatewayProblem problem) {
    return refuse_sealed(problem, secret, reading.padding, now);
  };

  if (opened->retired) return refuse(GatewayProblem::retired_key);
  const auto read = read_message(opened->capsule.message, limits_, reading);
  if (!read) return refuse(read.error());
  if (reading.date < now - kMaxSkew || reading.date > now + kMaxSkew) {
    return refuse(GatewayProblem::date);
  }
  switch (claim(*opened, reading.date, now)) {
    case ReplayCache::Claim::fresh:
      break;
    case ReplayCache::Claim::replayed:
      return refuse(GatewayProblem::replayed);
    case ReplayCache::Claim::full:  // older than what is still remembered, so too old
      return refuse(GatewayProblem::date);
  }
  return Admitted{.request = std::move(reading.request),
                  .key = opened->key,
                  .nonce = std::move(reading.nonce),
                  .answer = AnswerWriter(AnswerSealer(secret), reading.padding)};
}

}  // namespace confide::seal
