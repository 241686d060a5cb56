// The server's end of the sealed channel: from the body of a POST to a request that may be served,
// or to the answer that says why not. Rules O12-O15 and O20-O22.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "seal/ohttp_exchange.h"
#include "seal/ohttp_keys.h"
#include "seal/replay.h"

namespace confide::seal {

// Why a request is not served. Named as metrics and logs may show it.
enum class GatewayProblem {
  malformed,    // not an encapsulated request; in clear
  too_long,     // a chunk of it is; in clear
  unknown_key,  // of no key we have, or it does not open; in clear
  retired_key,  // the rest are sealed
  bad_message,  // not binary HTTP, or a field of the channel is malformed
  date,         // no date, or too far from our clock, or older than what is still remembered
  replayed,
};
std::string_view to_string(GatewayProblem problem) noexcept;
int status_of(GatewayProblem problem) noexcept;
// application/problem+json (RFC 9457), with the types of RFC 9458.
std::string problem_body(GatewayProblem problem);

struct Admitted {
  InnerRequest request;
  crypto::X25519Public key{};  // it was sealed to this one, then the current one
  std::string nonce;           // the client's, 64 lower-case hex digits; empty if it sent none
  AnswerWriter answer;
};

// To be sent as it is, as the outer answer.
struct Refused {
  GatewayProblem problem;
  int status = 0;  // 200 if sealed
  std::string content_type;
  Bytes body;
};

// Thread-safe.
class OhttpGateway {
 public:
  explicit OhttpGateway(std::shared_ptr<const OhttpKeys> keys,
                        std::size_t replay_capacity = 1'000'000, const BhttpLimits& limits = {});

  // `capsule` is the complete body. In order: it opens, with a current key; its message is binary
  // HTTP and its fields are well-formed; its date is near; it was not taken before. The replay slot
  // is taken last, by what passed all else. Costs about 0.1 ms and one pass over the body.
  std::variant<Admitted, Refused> admit(OhttpForm form, ByteView capsule, Time now);

 private:
  ReplayCache::Claim claim(const OhttpKeys::Opened& opened, Time date, Time now);
  std::shared_ptr<const OhttpKeys> keys_;
  BhttpLimits limits_;
  ReplayCache replay_;
};

}  // namespace confide::seal
