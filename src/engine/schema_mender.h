// The details of a JSON schema, in a form that llama.cpp follows as they are meant.
#pragma once

#include "base/json.h"
#include "base/result.h"

namespace confide::engine {

enum class Leniency {
  none,  // what cannot be followed is refused
  full,  // what cannot be followed is left out
};

// Mends patterns, lengths, counts, bounds, and {"allOf": [X]}, in every schema that stands in
// `schema`; how schemas hang together is not its business. Fails with `malformed` or, on counts
// above 2,000, `limit`.
Status mend_schema(Json& schema, Leniency leniency);

}  // namespace confide::engine
