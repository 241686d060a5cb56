#include "api/access_keys.h"

#include <algorithm>
#include <limits>
#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "base/base64.h"
#include "base/wipe_on_exit.h"
#include "crypto/random.h"

namespace confide::api {
namespace {

constexpr std::string_view kKeyPrefix = "sk-confide-";
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kMaxNameBytes = 64;
constexpr std::string_view kHeader =
    "# API keys of confide-server: digests, never the keys. `confide-server keys` writes this file "
    "anew.\n";

tl::unexpected<Error> fail_at(const toml::node& node, std::string_view problem) {
  return fail(Errc::malformed,
              fmt::format("API keys, line {}: {}", node.source().begin.line, problem));
}

Result<std::string> read_name(const toml::node& node) {
  const auto name = node.value_exact<std::string>();
  if (name && is_key_name(*name)) return *name;
  return fail_at(node, "name must have 1 to 64 characters of A-Z a-z 0-9 . _ -");
}

Result<crypto::Sha256> read_digest(const toml::node& node) {
  const auto text = node.value_exact<std::string>();
  auto digest = from_hex_array<32>(text.value_or(""));
  if (digest) return *digest;
  return fail_at(node, "sha256 must be 64 lower-case hexadecimal digits");
}

Result<std::uint32_t> read_limit(const toml::node& node, std::string_view name) {
  const auto number = node.value_exact<std::int64_t>();
  if (number && *number >= 1 && *number <= std::numeric_limits<std::int32_t>::max()) {
    return static_cast<std::uint32_t>(*number);
  }
  return fail_at(node, fmt::format("{} must be a whole number from 1", name));
}

// A date, which stands for its first second in UTC, or a date-time in UTC.
Result<Time> read_time(const toml::node& node) {
  std::ostringstream text;
  if (const auto* date = node.as_date()) text << date->get() << "T00:00:00Z";
  if (const auto* full = node.as_date_time()) text << full->get();
  if (auto time = parse_rfc3339(text.str())) return *time;
  return fail_at(node, "expires must be a date, or a date and time in UTC (2027-01-31T12:00:00Z)");
}

Status read_models(const toml::node& node, ApiKey& out) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return fail_at(node, R"(models must be a list of names, or ["*"])");
  for (const toml::node& entry : *list) {
    const auto name = entry.value_exact<std::string>();
    if (!name || name->empty()) return fail_at(entry, "models lists something that is no name");
    if (*name == "*") out.every_model = true;
    out.models.insert(*name);
  }
  if (out.every_model && out.models.size() > 1) return fail_at(node, R"("*" stands alone)");
  if (out.every_model) out.models.clear();
  return {};
}

Status read_member(std::string_view name, const toml::node& node, ApiKey& out) {
  if (name == "name") {
    TRY_ASSIGN(out.name, read_name(node));
  } else if (name == "sha256") {
    TRY_ASSIGN(out.digest, read_digest(node));
  } else if (name == "models") {
    TRY(read_models(node, out));
  } else if (name == "requests_per_minute") {
    TRY_ASSIGN(out.requests_per_minute, read_limit(node, name));
  } else if (name == "tokens_per_minute") {
    TRY_ASSIGN(out.tokens_per_minute, read_limit(node, name));
  } else if (name == "concurrent_requests") {
    TRY_ASSIGN(out.concurrent_requests, read_limit(node, name));
  } else if (name == "expires") {
    TRY_ASSIGN(out.expires, read_time(node));
  } else {
    return fail_at(node, "unknown member");
  }
  return {};
}

Result<ApiKey> read_key(const toml::table& table) {
  ApiKey out;
  for (const auto& [name, node] : table) TRY(read_member(name.str(), node, out));
  for (const std::string_view name : {"name", "sha256", "models"}) {
    if (!table.contains(name)) return fail_at(table, fmt::format("{} is missing", name));
  }
  return out;
}

Result<toml::table> parse(std::string_view text) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& e) {
    // Not its text: it may quote the file.
    return fail(Errc::malformed,
                fmt::format("API keys, line {}: no valid TOML", e.source().begin.line));
  }
}

void write_limit(std::string& out, std::string_view name,
                 const std::optional<std::uint32_t>& limit) {
  if (limit) out += fmt::format("{} = {}\n", name, *limit);
}

Json number_or_null(const std::optional<std::uint32_t>& number) {
  return number ? Json(*number) : Json(nullptr);
}

Json models_of(const ApiKey& key) {
  return key.every_model ? Json::array({"*"}) : Json(key.models);
}

}  // namespace

bool is_key_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kMaxNameBytes && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-';
  });
}

Result<std::vector<ApiKey>> parse_api_keys(std::string_view text) {
  TRY_ASSIGN(const toml::table root, parse(text));
  std::vector<ApiKey> out;
  for (const auto& [name, node] : root) {
    const toml::array* list = name.str() == "key" ? node.as_array() : nullptr;
    if (list == nullptr) return fail_at(node, "there is nothing here but [[key]] tables");
    for (const toml::node& entry : *list) {
      const toml::table* table = entry.as_table();
      if (table == nullptr) return fail_at(entry, "key is no table");
      TRY_ASSIGN(ApiKey key, read_key(*table));
      const auto same = [&key](const ApiKey& other) {
        return other.name == key.name || other.digest == key.digest;
      };
      if (std::ranges::any_of(out, same)) return fail_at(entry, "name or sha256 was used before");
      out.push_back(std::move(key));
    }
  }
  return out;
}

std::string write_api_keys(const std::vector<ApiKey>& keys) {
  std::string out(kHeader);
  for (const ApiKey& key : keys) {
    out += fmt::format("\n[[key]]\nname = \"{}\"\nsha256 = \"{}\"\n", key.name, to_hex(key.digest));
    // A JSON list of strings is a TOML one.
    out += fmt::format("models = {}\n", json::compact(models_of(key)));
    write_limit(out, "requests_per_minute", key.requests_per_minute);
    write_limit(out, "tokens_per_minute", key.tokens_per_minute);
    write_limit(out, "concurrent_requests", key.concurrent_requests);
    if (key.expires) out += fmt::format("expires = {}\n", to_rfc3339(*key.expires));
  }
  return out;
}

Json describe_api_keys(const std::vector<ApiKey>& keys) {
  Json list = Json::array();
  for (const ApiKey& key : keys) {
    list.push_back({{"name", key.name},
                    {"models", models_of(key)},
                    {"requests_per_minute", number_or_null(key.requests_per_minute)},
                    {"tokens_per_minute", number_or_null(key.tokens_per_minute)},
                    {"concurrent_requests", number_or_null(key.concurrent_requests)},
                    {"expires", key.expires ? Json(to_rfc3339(*key.expires)) : Json(nullptr)}});
  }
  return {{"keys", std::move(list)}};
}

std::string make_api_key() {
  const SecretBytes secret = crypto::random_secret(kKeyBytes);
  return std::string(kKeyPrefix) + to_base64url(secret.reveal());
}

}  // namespace confide::api
