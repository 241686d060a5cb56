// JSON from strangers, and the two exact forms we write.
//
// Everything is parsed by parse(), which refuses depth, floods, duplicate names and non-finite
// numbers where they begin. Member order is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace confide {

using Json = nlohmann::ordered_json;

namespace json {

struct Limits {
  std::size_t max_bytes = std::size_t{4} << 20U;
  std::size_t max_depth = 64;
  std::size_t max_nodes = std::size_t{1} << 20U;
  // Of one object: keeping their order costs time that grows with the square of their number.
  std::size_t max_members = 512;
};

// Fails with `malformed` or `limit`. The message carries no byte of the text.
Result<Json> parse(std::string_view text, const Limits& limits = {});

// RFC 8785 for the documents ACI hashes and signs: ASCII member names, integers up to 2^53-1 in
// magnitude. Fails with `unsupported` on a float or anything else outside that.
Result<std::string> canonical(const Json& value);

// No spaces, member order kept, raw UTF-8, shortest-form numbers: byte for byte what Rust's
// serde_json writes, which ACI's E2EE hashes (contract 2.7). 1e-07 becomes 1e-7, 1.0 stays 1.0. The
// form of 1e+16 is that of serde_json 1.0.149, which the reference uses; before zmij it was 1e16.
// One difference is left: we read every number exactly; serde_json's default parser may be an ulp
// off where the digits exceed 2^53 or the power of ten exceeds 22.
std::string compact(const Json& value);

// Typed members of an object. They fail with `malformed`, naming the member, if `object` is no
// object, the member is absent, or it has another type.
Result<std::string> get_string(const Json& object, std::string_view name);
Result<std::int64_t> get_int(const Json& object, std::string_view name);
Result<const Json*> get_object(const Json& object, std::string_view name);
Result<const Json*> get_array(const Json& object, std::string_view name);
// Null if `object` is no object or lacks the member.
const Json* find(const Json& object, std::string_view name);

}  // namespace json
}  // namespace confide
