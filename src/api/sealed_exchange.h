// An answer on its way back through the sealed channel: what is inside looks like any other
// exchange, what is outside carries nothing but sealed chunks. docs/protocols/ohttp.md, O6, O7 and
// O16-O19.
#pragma once

#include <memory>

#include "api/pacer.h"
#include "net/http.h"
#include "seal/ohttp_exchange.h"

namespace confide::api {

// How often a chunk leaves under the constant profile (rule O19): 42 kB/s for each answer.
inline constexpr std::chrono::milliseconds kConstantInterval{25};
// How far a client of that profile may be behind before ticks pass without a chunk.
inline constexpr std::size_t kMaxUnsent = std::size_t{256} << 10U;
// The most that a streamed answer in the whole form may have: it is kept until its end.
inline constexpr std::size_t kMaxWholeAnswer = std::size_t{16} << 20U;

// Adds what every sealed answer says outside, whatever is in it.
void add_sealed_headers(net::Headers& headers, seal::OhttpForm form);

struct SealedRoute {
  seal::AnswerWriter writer;
  bool head_only = false;  // the inner request was a HEAD
  net::Headers headers;    // of the outer answer, add_sealed_headers() excepted
};

// Seals every piece as it comes. An answer that is aborted, or dropped while streaming, ends
// without its final chunk, so that the client sees it was cut; one dropped unanswered is a sealed
// 500. Under the constant profile pieces wait for `pacer`, which outlives the exchange.
std::shared_ptr<net::Exchange> make_sealed_exchange(SealedRoute route,
                                                    std::shared_ptr<net::Exchange> outer,
                                                    Pacer& pacer);

}  // namespace confide::api
