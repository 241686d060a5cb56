#include "engine/schema_mender.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/schema_pattern.h"

namespace confide::engine {
namespace {

constexpr std::uint64_t kMaxCount = 2000;  // llama.cpp's own limit to repetitions
constexpr std::int64_t kMaxInteger = std::int64_t{1} << 53U;

class Mender {
 public:
  explicit Mender(Leniency leniency) : strict_(leniency == Leniency::none) {}

  // As deep as the parser let the schema be.
  Status node(Json& schema) const {
    if (schema.is_boolean() && !strict_) schema = Json::object();
    if (!schema.is_object()) return {};
    TRY(unwrap(schema));
    TRY(counts(schema, "minItems", "maxItems"));
    TRY(counts(schema, "minLength", "maxLength"));
    TRY(pattern(schema));
    TRY(bounds(schema));
    for (auto& [name, value] : schema.items()) TRY(below(name, value));
    return {};
  }

 private:
  static Status refuse(const std::string& what) {
    return fail(Errc::malformed, "JSON schema: " + what + " cannot be followed");
  }

  Status below(std::string_view name, Json& value) const {
    if (name == "properties" || name == "$defs" || name == "definitions") {
      if (!value.is_object()) return refuse("members that are no object");
      for (auto& [inner, schema] : value.items()) TRY(node(schema));
    } else if (name == "anyOf" || name == "oneOf" || name == "allOf" || name == "items" ||
               name == "prefixItems") {
      if (!value.is_array()) return node(value);
      for (Json& schema : value) TRY(node(schema));
    } else if (name == "additionalProperties" && value.is_object()) {
      return node(value);
    }
    return {};
  }

  // {"allOf": [X]} is how some write a reference with a description.
  static Status unwrap(Json& schema) {
    const auto all = schema.find("allOf");
    if (all == schema.end() || !all->is_array() || all->size() != 1 || !all->front().is_object()) {
      return {};
    }
    const Json inner = all->front();
    schema.erase("allOf");
    for (const auto& [name, value] : inner.items()) schema[name] = value;
    return {};
  }

  Status counts(Json& schema, const char* least, const char* most) const {
    for (const char* key : {least, most}) {
      const auto count = schema.find(key);
      if (count == schema.end()) continue;
      const bool number = count->is_number_unsigned();
      if (number && count->get<std::uint64_t>() <= kMaxCount) continue;
      if (strict_ && !number) return refuse(key + std::string(" of this kind"));
      if (strict_) return fail(Errc::limit, "JSON schema: " + std::string(key) + " above 2000");
      schema.erase(key);
    }
    if (schema.value(least, std::uint64_t{0}) <= schema.value(most, kMaxCount)) return {};
    if (strict_) return refuse(least + std::string(" above ") + most);
    schema.erase(least);
    return {};
  }

  Status pattern(Json& schema) const {
    const auto pattern = schema.find("pattern");
    if (pattern == schema.end()) return {};
    const auto followable =
        followable_pattern(pattern->is_string() ? pattern->get<std::string>() : "");
    if (followable) {
      *pattern = *followable;
    } else if (strict_) {
      return fail(followable.error().code, "JSON schema: " + followable.error().message);
    } else {
      schema.erase("pattern");
    }
    return {};
  }

  static std::optional<std::int64_t> bound(const Json& schema, const char* key) {
    const auto value = schema.find(key);
    return value == schema.end() ? std::nullopt : std::optional(value->get<std::int64_t>());
  }

  // llama.cpp knows them of integers.
  Status bounds(Json& schema) const {
    constexpr std::array<const char*, 4> kBounds{"minimum", "maximum", "exclusiveMinimum",
                                                 "exclusiveMaximum"};
    for (const char* key : kBounds) {
      const auto value = schema.find(key);
      if (value == schema.end()) continue;
      const bool fits = value->is_number_integer() &&
                        value->get<double>() > -static_cast<double>(kMaxInteger) &&
                        value->get<double>() < static_cast<double>(kMaxInteger);
      if (fits) continue;
      if (strict_) return refuse(key + std::string(" of this kind or size"));
      schema.erase(key);
    }
    const auto low = bound(schema, "minimum");
    const auto above = bound(schema, "exclusiveMinimum");
    const auto high = bound(schema, "maximum");
    const auto beneath = bound(schema, "exclusiveMaximum");
    if (strict_ && ((low && above) || (high && beneath))) return refuse("a bound given twice");
    const std::int64_t least = low.value_or(above.value_or(-kMaxInteger) + 1);
    const std::int64_t most = high.value_or(beneath.value_or(kMaxInteger) - 1);
    if (least <= most) return {};
    if (strict_) return refuse("an empty range");
    for (const char* key : kBounds) schema.erase(key);
    return {};
  }

  bool strict_;
};

}  // namespace

Status mend_schema(Json& schema, Leniency leniency) { return Mender(leniency).node(schema); }

}  // namespace confide::engine
