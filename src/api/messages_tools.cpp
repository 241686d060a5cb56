// Anthropic's tools and the choice among them.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "api/messages.h"
#include "api/try.h"

namespace confide::api {
namespace {

constexpr std::size_t kMaxTools = 1024;

// What a model calls always fits the schema, whether `strict` asks for that or not.
ApiResult<engine::Tool> parse_tool(const Members& tool) {
  if (const Json* type = tool.given("type"); type != nullptr && *type != "custom") {
    return tl::unexpected(tool.wrong("type", "\"custom\": no other tools are offered here"));
  }
  API_TRY(only(tool, {"type", "name", "description", "input_schema", "strict", "cache_control"}));
  const Json* name = tool.given("name");
  if (name == nullptr) return tl::unexpected(field_required(tool, "name"));
  if (!name->is_string() || !is_plain_name(name->get_ref<const std::string&>())) {
    return tl::unexpected(tool.wrong("name", "1 to 128 letters, digits, '_' and '-'"));
  }
  API_TRY_ASSIGN(const bool strict, tool.boolean("strict", false));
  static_cast<void>(strict);
  const Json* description = tool.given("description");
  if (description != nullptr && !description->is_string()) {
    return tl::unexpected(tool.wrong("description", "a string"));
  }
  API_TRY_ASSIGN(const auto schema, tool.object("input_schema"));
  if (!schema) return tl::unexpected(field_required(tool, "input_schema"));
  const Json* type = schema->given("type");
  if (type == nullptr || *type != "object") {
    return tl::unexpected(schema->wrong("type", "\"object\""));
  }
  return engine::Tool{.name = name->get<std::string>(),
                      .description = description != nullptr ? description->get<std::string>() : "",
                      .parameters = json::compact(schema->json())};
}

ApiResult<std::vector<engine::Tool>> parse_tools(const Members& body) {
  std::vector<engine::Tool> out;
  const Json* list = body.given("tools");
  if (list == nullptr) return out;
  if (!list->is_array() || list->size() > kMaxTools) {
    return tl::unexpected(body.wrong("tools", fmt::format("an array of up to {}", kMaxTools)));
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < list->size(); ++i) {
    API_TRY_ASSIGN(auto tool, parse_tool(Members((*list)[i], fmt::format("tools.{}", i))));
    if (!names.insert(tool.name).second) {
      return tl::unexpected(invalid_request("tools: Tool names must be unique.", "tools"));
    }
    out.push_back(std::move(tool));
  }
  return out;
}

ApiResult<void> choose_one(const Members& choice, engine::Conversation& out) {
  const Json* name = choice.given("name");
  if (name == nullptr) return tl::unexpected(field_required(choice, "name"));
  std::erase_if(out.tools, [&](const engine::Tool& tool) { return *name != tool.name; });
  if (out.tools.empty()) return tl::unexpected(choice.wrong("name", "one of the tools given"));
  return {};
}

}  // namespace

ApiResult<void> parse_messages_tools(const Members& body, engine::Conversation& out) {
  API_TRY_ASSIGN(out.tools, parse_tools(body));
  API_TRY_ASSIGN(const auto choice, body.object("tool_choice"));
  if (!choice) return {};
  const Json* type = choice->given("type");
  if (type == nullptr) return tl::unexpected(field_required(*choice, "type"));
  if (*type == "none") {
    API_TRY(only(*choice, {"type"}));
    out.tool_use = engine::ToolUse::none;
    return {};
  }
  const bool one = *type == "tool";
  if (!one && *type != "auto" && *type != "any") {
    return tl::unexpected(choice->wrong("type", "\"auto\", \"any\", \"tool\" or \"none\""));
  }
  if (out.tools.empty()) {
    return tl::unexpected(
        invalid_request("tool_choice: may only be given together with tools", "tool_choice"));
  }
  if (one) {
    API_TRY(only(*choice, {"type", "name", "disable_parallel_tool_use"}));
    API_TRY(choose_one(*choice, out));
  } else {
    API_TRY(only(*choice, {"type", "disable_parallel_tool_use"}));
  }
  API_TRY_ASSIGN(const bool single, choice->boolean("disable_parallel_tool_use", false));
  out.parallel_tool_calls = !single;
  out.tool_use = *type == "auto" ? engine::ToolUse::allowed : engine::ToolUse::required;
  return {};
}

}  // namespace confide::api
