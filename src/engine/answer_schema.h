// JSON schemas from strangers, made fit for llama.cpp, which turns them into grammars.
#pragma once

#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace confide::engine {

// A schema that answers must follow to the letter: what a grammar cannot hold a model to is
// refused, by its keyword, with `malformed`. Fails with `limit` too on schemas that are too large
// or deep, or would become so when written out: references into one another, counts above 2,000.
Result<Json> strict_schema(std::string_view text);

// The schema of a tool's parameters, of which a grammar holds a model to as much as it can: the
// rest is left out. Fails with `limit` as above.
Result<Json> lenient_schema(Json schema);

}  // namespace confide::engine
