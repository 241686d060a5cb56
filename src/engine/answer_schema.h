// JSON schemas from strangers, made fit for llama.cpp, which turns them into grammars.
#pragma once

#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace confide::engine {

// What the schemas of one request may cost, all together.
struct SchemaBudget {
  int schemas = 10000;           // each counted whenever a reference leads to it
  double optional_work = 4.0e6;  // the third power of the number of optional members of an object
};

// A schema that answers must follow to the letter: what a grammar cannot hold a model to is
// refused, by its keyword, with `malformed`. Fails with `limit` too on schemas that are too large
// or deep, or would become so when written out: references into one another, counts above 2,000.
Result<Json> strict_schema(std::string_view text, SchemaBudget& budget);

// The schema of a tool's parameters, of which a grammar holds a model to as much as it can: the
// rest is left out. Fails with `limit` as above.
Result<Json> lenient_schema(Json schema, SchemaBudget& budget);

}  // namespace confide::engine
