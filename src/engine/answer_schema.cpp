#include "engine/answer_schema.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/schema_mender.h"

namespace confide::engine {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} << 10U;
constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxProperties = 128;

// Say nothing about what is valid, or may be taken so.
constexpr std::array<std::string_view, 16> kAnnotations{
    "title",       "description", "default",  "examples",  "example",    "$schema",
    "$id",         "$comment",    "readOnly", "writeOnly", "deprecated", "$defs",
    "definitions", "$anchor",     "format",   "nullable"};

std::string quoted(std::string_view key) { return "\"" + std::string(key) + "\""; }

Status refuse(const std::string& what) {
  return fail(Errc::malformed, "JSON schema: " + what + " cannot be followed");
}

// Goes where llama.cpp goes, as often as it may go there.
class Walker {
 public:
  Walker(const Json& root, bool strict, SchemaBudget& budget)
      : root_(root), strict_(strict), budget_(budget) {}

  Status node(const Json& schema) {
    if (--budget_.schemas < 0 || depth_ >= kMaxDepth) {
      return fail(Errc::limit, "a JSON schema that is too large, deep or entangled");
    }
    if (!schema.is_object()) return refuse("a schema that is no object");
    ++depth_;
    const Status walked = object_node(schema);
    --depth_;
    return walked;
  }

 private:
  // Whether there is nothing that llama.cpp would take no notice of.
  Status only(const Json& schema, std::initializer_list<std::string_view> names) const {
    if (!strict_) return {};
    for (const auto& [name, value] : schema.items()) {
      const std::string_view key = name;
      if (std::ranges::find(names, key) != names.end()) continue;
      if (std::ranges::find(kAnnotations, key) != kAnnotations.end()) continue;
      const bool plain =
          key.size() < 40 &&
          std::ranges::all_of(
              key,
              [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '$'; });
      return refuse(plain ? quoted(key) + " here" : "an unknown keyword");
    }
    return {};
  }

  Status object_node(const Json& schema) {
    if (schema.contains("$ref")) return reference(schema);
    for (const char* key : {"oneOf", "anyOf", "allOf"}) {
      if (!schema.contains(key)) continue;
      if (strict_ && key != std::string_view("anyOf")) return refuse(quoted(key));
      TRY(only(schema, {key}));
      return each(schema[key]);
    }
    if (schema.contains("const")) return only(schema, {"const", "type"});
    if (schema.contains("enum")) return only(schema, {"enum", "type"});
    const Json type = schema.value("type", Json());
    if (!type.is_array()) return typed(schema, type, true);
    for (const Json& one : type) TRY(typed(schema, one, false));
    return {};
  }

  // `alone`: whatever stands in the schema is about this type.
  Status typed(const Json& schema, const Json& type, bool alone) {
    const std::string name = type.is_string() ? type.get<std::string>() : "";
    const auto about = [&](std::initializer_list<std::string_view> names) {
      return alone ? only(schema, names) : Status();
    };
    if (name == "object" || (name.empty() && schema.contains("properties"))) {
      TRY(about({"type", "properties", "required", "additionalProperties"}));
      return members(schema);
    }
    if (name == "array" || (name.empty() && schema.contains("items"))) {
      TRY(about({"type", "items", "prefixItems", "minItems", "maxItems"}));
      return items(schema);
    }
    if (name == "string") {
      TRY(about({"type", "pattern", "minLength", "maxLength"}));
      const bool counted = schema.contains("minLength") || schema.contains("maxLength");
      if (strict_ && schema.contains("pattern") && counted) {
        return refuse("\"pattern\" together with a length");
      }
      return {};
    }
    if (name == "integer") {
      return about({"type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"});
    }
    return about({"type"});
  }

  Status each(const Json& list) {
    if (!list.is_array() || list.empty()) return refuse("a list of schemas that is none");
    for (const Json& schema : list) TRY(node(schema));
    return {};
  }

  Status members(const Json& schema) {
    const Json properties = schema.value("properties", Json::object());
    if (!properties.is_object()) return refuse("\"properties\" that are no object");
    if (properties.size() > kMaxProperties) {
      return fail(Errc::limit, "a JSON schema with more than 128 properties in one object");
    }
    for (const auto& [name, value] : properties.items()) TRY(node(value));
    TRY(spend_on_optional(properties.size() - required_of(schema)));
    if (strict_ && schema.contains("required")) {
      for (const Json& name : schema["required"]) {
        if (!name.is_string() || !properties.contains(name.get<std::string>())) {
          return refuse("\"required\" beyond the properties");
        }
      }
    }
    const auto more = schema.find("additionalProperties");
    return more != schema.end() && more->is_object() ? node(*more) : Status();
  }

  static std::size_t required_of(const Json& schema) {
    const auto required = schema.find("required");
    const auto properties = schema.find("properties");
    if (required == schema.end() || !required->is_array() || properties == schema.end()) return 0;
    std::set<std::string> names;
    for (const Json& name : *required) {
      if (name.is_string() && properties->contains(name)) names.insert(name.get<std::string>());
    }
    return names.size();
  }

  // llama.cpp writes a rule for what may follow each of them.
  Status spend_on_optional(std::size_t members) {
    budget_.optional_work -= std::pow(static_cast<double>(members), 3);
    if (budget_.optional_work >= 0) return {};
    return fail(Errc::limit, "JSON schemas with too many optional properties");
  }

  Status items(const Json& schema) {
    for (const char* key : {"items", "prefixItems"}) {
      if (!schema.contains(key)) continue;
      const Json& value = schema[key];
      if (!value.is_array()) return node(value);
      // A tuple: as many as there are, neither more nor fewer.
      const Json size = value.size();
      if (strict_ &&
          (schema.value("minItems", size) != size || schema.value("maxItems", size) != size ||
           (schema.contains("items") && schema.contains("prefixItems")))) {
        return refuse(quoted(key) + " of another number");
      }
      return each(value);
    }
    return {};
  }

  // Follows it each time, but not in a circle.
  Status reference(const Json& schema) {
    TRY(only(schema, {"$ref"}));
    if (!schema["$ref"].is_string()) return refuse("\"$ref\" that is no text");
    const std::string path = schema["$ref"].get<std::string>();
    if (std::ranges::find(path_, path) != path_.end()) return {};
    const Json* target = resolve(path);
    if (target == nullptr) return refuse("\"$ref\" to elsewhere");
    // llama.cpp would go round and round where one reference leads to nothing but another.
    if (target->contains("$ref")) return refuse("\"$ref\" to a \"$ref\"");
    path_.push_back(path);
    const Status walked = node(*target);
    path_.pop_back();
    return walked;
  }

  static std::string next_step(std::string_view& path) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    std::string step(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
    return step;
  }

  // A schema that stands where mend_schema() sees it; null if there is none.
  const Json* resolve(std::string_view path) const {
    if (!path.starts_with("#/")) return nullptr;
    path.remove_prefix(2);
    const Json* at = &root_;
    while (!path.empty()) {
      const std::string step = next_step(path);
      const bool names = step == "$defs" || step == "definitions" || step == "properties";
      if (!names && step != "items" && step != "additionalProperties") return nullptr;
      at = json::find(*at, step);
      if (at != nullptr && names) at = json::find(*at, next_step(path));
      if (at == nullptr || !at->is_object()) return nullptr;
    }
    return at;
  }

  const Json& root_;
  bool strict_;
  SchemaBudget& budget_;
  int depth_ = 0;
  std::vector<std::string> path_;  // the references followed to get here
};

}  // namespace

Result<Json> strict_schema(std::string_view text, SchemaBudget& budget) {
  if (text.size() > kMaxBytes) return fail(Errc::limit, "a JSON schema of more than 64 KiB");
  TRY_ASSIGN(Json schema, json::parse(text));
  TRY(mend_schema(schema, Leniency::none));
  TRY(Walker(schema, true, budget).node(schema));
  return schema;
}

Result<Json> lenient_schema(Json schema, SchemaBudget& budget) {
  TRY(mend_schema(schema, Leniency::full));
  TRY(Walker(schema, false, budget).node(schema));
  return schema;
}

}  // namespace confide::engine
