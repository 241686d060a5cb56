// Regular expressions of JSON schemas, in a form that llama.cpp makes into a grammar.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace confide::engine {

// The same pattern without \d, \w, \s and dots, and without what JSON text would have to escape:
// a grammar made of it describes strings as they stand between quotes. Fails with `malformed` on
// what cannot be followed (look-around, back references, unanchored patterns, quotes, backslashes),
// `limit` on repetitions that are too large.
Result<std::string> followable_pattern(std::string_view pattern);

}  // namespace confide::engine
