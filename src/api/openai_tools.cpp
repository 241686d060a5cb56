#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "api/openai_chat_parse.h"
#include "api/try.h"

namespace confide::api {
namespace {

constexpr std::size_t kMaxTools = 128;
constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxDescriptionBytes = std::size_t{1} << 16U;

bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

// What is said of a function, in a list of tools and in a choice among them.
ApiResult<Members> function_of(const Members& tool, FunctionForm form) {
  const Json* type = tool.given("type");
  if (type == nullptr || *type != "function") {
    return tl::unexpected(tool.wrong("type", "\"function\": other kinds are not offered here"));
  }
  if (form == FunctionForm::flat) return tool;
  API_TRY_ASSIGN(const auto function, tool.object("function"));
  if (!function) return tl::unexpected(tool.wrong("function", "an object"));
  return *function;
}

ApiResult<std::string> name_of(const Members& function) {
  const Json* name = function.given("name");
  if (name == nullptr || !name->is_string() || !is_tool_name(name->get_ref<const std::string&>())) {
    return tl::unexpected(function.wrong(
        "name", fmt::format("1 to {} letters, digits, '_', '-' and '.'", kMaxNameBytes)));
  }
  return name->get<std::string>();
}

ApiResult<engine::Tool> read_tool(const Members& tool, FunctionForm form) {
  API_TRY_ASSIGN(const Members function, function_of(tool, form));
  engine::Tool out;
  API_TRY_ASSIGN(out.name, name_of(function));
  API_TRY_ASSIGN(auto description, function.text("description", 0, kMaxDescriptionBytes));
  out.description = std::move(description).value_or("");
  API_TRY_ASSIGN(const auto parameters, function.object("parameters"));
  if (parameters) out.parameters = json::compact(parameters->json());
  // Whether it asked for it or not, a call follows the schema.
  API_TRY(function.boolean("strict", false));
  return out;
}

ApiResult<void> read_tools(const Members& body, FunctionForm form, std::vector<engine::Tool>& out) {
  const Json* list = body.given("tools");
  if (list == nullptr) return {};
  if (!list->is_array() || list->size() > kMaxTools) {
    return tl::unexpected(
        body.wrong("tools", fmt::format("an array of up to {} tools", kMaxTools)));
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string where = fmt::format("tools.{}", i);
    API_TRY_ASSIGN(auto tool, read_tool(Members((*list)[i], where), form));
    if (std::ranges::count(out, tool.name, &engine::Tool::name) > 0) {
      return tl::unexpected(invalid_request("Two tools have the same name.", where));
    }
    out.push_back(std::move(tool));
  }
  return {};
}

ApiResult<engine::ToolUse> use_named(const Members& parent, std::string_view member,
                                     std::string_view mode) {
  if (mode == "none") return engine::ToolUse::none;
  if (mode == "auto") return engine::ToolUse::allowed;
  if (mode == "required") return engine::ToolUse::required;
  return tl::unexpected(
      parent.wrong(member, "\"none\", \"auto\", \"required\", or an object that names a function"));
}

// Leaves those with these names, each of which must be there.
ApiResult<void> keep_tools(const Members& choice, const std::vector<std::string>& names,
                           std::vector<engine::Tool>& tools) {
  for (const std::string& name : names) {
    if (std::ranges::count(tools, name, &engine::Tool::name) > 0) continue;
    return tl::unexpected(
        invalid_request("'tool_choice' names a function that is not in 'tools'.", choice.path("")));
  }
  std::erase_if(
      tools, [&](const engine::Tool& tool) { return std::ranges::count(names, tool.name) == 0; });
  return {};
}

ApiResult<void> choose_allowed(const Members& choice, FunctionForm form,
                               engine::Conversation& out) {
  std::optional<Members> allowed = choice;
  if (form == FunctionForm::nested) {
    API_TRY_ASSIGN(allowed, choice.object("allowed_tools"));
  }
  const Json* list = allowed ? allowed->given("tools") : nullptr;
  if (list == nullptr || !list->is_array() || list->empty()) {
    return tl::unexpected(choice.wrong("allowed_tools", "an object with a mode and tools"));
  }
  const Json* mode = allowed->given("mode");
  API_TRY_ASSIGN(
      out.tool_use,
      use_named(*allowed, "mode",
                mode != nullptr && mode->is_string() ? mode->get_ref<const std::string&>() : ""));
  std::vector<std::string> names;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Members tool((*list)[i], fmt::format("{}.{}", allowed->path("tools"), i));
    API_TRY_ASSIGN(const Members function, function_of(tool, form));
    API_TRY_ASSIGN(auto name, name_of(function));
    names.push_back(std::move(name));
  }
  return keep_tools(choice, names, out.tools);
}

ApiResult<void> read_choice(const Members& body, FunctionForm form, engine::Conversation& out) {
  const Json* choice = body.given("tool_choice");
  if (choice == nullptr) return {};
  if (choice->is_string()) {
    API_TRY_ASSIGN(out.tool_use,
                   use_named(body, "tool_choice", choice->get_ref<const std::string&>()));
  } else {
    const Members object(*choice, "tool_choice");
    const Json* type = object.given("type");
    if (type != nullptr && *type == "allowed_tools") {
      API_TRY(choose_allowed(object, form, out));
    } else {
      API_TRY_ASSIGN(const Members function, function_of(object, form));
      API_TRY_ASSIGN(auto name, name_of(function));
      API_TRY(keep_tools(object, {std::move(name)}, out.tools));
      out.tool_use = engine::ToolUse::required;
    }
  }
  if (out.tools.empty() && out.tool_use == engine::ToolUse::required) {
    return tl::unexpected(
        invalid_request("'tool_choice' is only allowed when 'tools' are given.", "tool_choice"));
  }
  return {};
}

}  // namespace

ApiResult<void> parse_tools(const Members& body, FunctionForm form, engine::Conversation& out) {
  API_TRY(read_tools(body, form, out.tools));
  API_TRY(read_choice(body, form, out));
  API_TRY_ASSIGN(out.parallel_tool_calls, body.boolean("parallel_tool_calls", true));
  return {};
}

ApiResult<std::string> parse_format(const Members& body, std::string_view name, FunctionForm form) {
  API_TRY_ASSIGN(const auto format, body.object(name));
  if (!format) return std::string();
  const Json* type = format->given("type");
  if (type == nullptr) return tl::unexpected(format->wrong("type", "given"));
  if (*type == "text") return std::string();
  if (*type == "json_object") return std::string(kAnyObject);
  if (*type != "json_schema") {
    return tl::unexpected(format->wrong("type", "\"text\", \"json_object\" or \"json_schema\""));
  }
  std::optional<Members> named = format;
  if (form == FunctionForm::nested) {
    API_TRY_ASSIGN(named, format->object("json_schema"));
  }
  if (!named) return tl::unexpected(format->wrong("json_schema", "an object"));
  API_TRY(name_of(*named));
  // Every answer follows its schema, asked for strictly or not.
  API_TRY(named->boolean("strict", false));
  API_TRY_ASSIGN(const auto schema, named->object("schema"));
  if (!schema) return tl::unexpected(named->wrong("schema", "a JSON schema"));
  return json::compact(schema->json());
}

ApiResult<bool> parse_effort(const Members& body, std::string_view name) {
  constexpr std::array<std::string_view, 6> kEfforts = {"none",   "minimal", "low",
                                                        "medium", "high",    "xhigh"};
  const Json* effort = body.given(name);
  if (effort == nullptr) return true;
  if (!effort->is_string() ||
      std::ranges::count(kEfforts, effort->get_ref<const std::string&>()) == 0) {
    return tl::unexpected(body.wrong(name, fmt::format("one of {}", fmt::join(kEfforts, ", "))));
  }
  return *effort != "none";
}

ApiResult<bool> parse_thinking(const Members& body) {
  API_TRY_ASSIGN(bool thinking, parse_effort(body, "reasoning_effort"));
  API_TRY_ASSIGN(const auto arguments, body.object("chat_template_kwargs"));
  if (!arguments) return thinking;
  for (const auto& [name, value] : arguments->json().items()) {
    if (name != "enable_thinking" && name != "thinking") {
      return tl::unexpected(body.wrong("chat_template_kwargs", "{\"enable_thinking\": ...} alone"));
    }
    API_TRY_ASSIGN(thinking, arguments->boolean(name, thinking));
  }
  return thinking;
}

}  // namespace confide::api
