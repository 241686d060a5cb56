// Where the sealed fields of a request and of an answer stand, and what each is bound to.
// Both ends use it. Contract 2.7, rules E6-E8.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "seal/box.h"

namespace confide::seal {

// Which JSON shape a request has; decides the field paths.
enum class Endpoint { chat_completions, completions, embeddings };

// More than any conversation has; bounds what one request can make us open.
inline constexpr std::size_t kMaxFields = 4096;
// Of a request body and of structured content inside it; the HTTP layer may allow less.
inline constexpr json::Limits kBodyLimits{.max_bytes = std::size_t{32} << 20U};

struct Location {
  std::string path;            // messages.0.content, choices.1.delta.content, ...
  bool whole_content = false;  // a message's `content`, which may stand for structured content
  bool any_value = false;      // sealed as its JSON text, whatever it is
};
using FieldVisitor = std::function<Status(const Location& at, Json& value)>;

// Visits every string at a listed location of a request. Stops at the first error, and with `limit`
// after kMaxFields. Members of another shape are nobody's field and are passed over.
Status visit_request(Json& body, Endpoint endpoint, const FieldVisitor& visit);

// Visits every listed member of an answer that is there and not null: those of `member` ("message"
// or "delta") in each choice, the choice's `text`, and the vectors in `data`. Fails with
// `malformed` where something else stands in the way, so that nothing hides from the visitor.
Status visit_response(Json& body, std::string_view member, const FieldVisitor& visit);

// Whether nothing but listed members of the choices carries what the model said (rule E12): names
// the members that may be clear, so that one nobody thought of is refused. Fails with
// `unsupported`.
Status check_covered(const Json& body, std::string_view member);

// Leaves out listed members of `delta` that are empty strings: they carry nothing.
void drop_empty_deltas(Json& chunk);

// The structured content that a whole-content plaintext stands for, if it does (rule E7).
std::optional<Json> as_structured(std::string_view plaintext);

// What all fields of one exchange are bound to.
struct Binding {
  Suite suite = Suite::x25519;  // of the service's key, in both directions
  std::string model;            // of the request, byte for byte
  std::string nonce;            // as sent
  std::int64_t timestamp = 0;
};
std::string request_aad(const Binding& binding, std::string_view field);
// `id` is the clear `id` of the response or chunk, empty if it has none.
std::string response_aad(const Binding& binding, std::string_view field, std::string_view id);
// That `id`.
std::string response_id(const Json& body);

}  // namespace confide::seal
