#include "keys.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "api/access_keys.h"
#include "files.h"
#include "ops/file.h"
#include "ops/hardening.h"

namespace confide::server {
namespace {

struct KeysOptions {
  std::string file;
  std::string name;
  std::vector<std::string> models;
  std::uint32_t requests_per_minute = 0;  // 0: no limit
  std::uint32_t tokens_per_minute = 0;
  std::uint32_t concurrent_requests = 0;
  std::string expires;
  bool json = false;
};

int exit_code(const Status& status) {
  if (status) return 0;
  fmt::print(stderr, "{}\n", status.error().message);
  return status.error().code == Errc::unavailable ? 3 : 2;
}

Result<std::vector<api::ApiKey>> read_or_none(const std::string& path) {
  auto keys = read_api_keys(path);
  if (!keys && keys.error().code == Errc::not_found) return std::vector<api::ApiKey>();
  return keys;
}

std::optional<std::uint32_t> limit(std::uint32_t number) {
  return number == 0 ? std::nullopt : std::optional(number);
}

Result<std::optional<Time>> parse_expiry(const std::string& text) {
  if (text.empty()) return std::nullopt;
  auto time = parse_rfc3339(text);
  if (!time) time = parse_rfc3339(text + "T00:00:00Z");
  if (time) return *time;
  return fail(Errc::malformed, "--expires takes 2027-01-31 or 2027-01-31T12:00:00Z");
}

Status make_key(const KeysOptions& options) {
  if (!api::is_key_name(options.name)) {
    return fail(Errc::malformed, "--name takes 1 to 64 of A-Z a-z 0-9 . _ -");
  }
  api::ApiKey key{.name = options.name};
  key.models = {options.models.begin(), options.models.end()};
  key.every_model = key.models.erase("*") > 0;
  if (key.every_model && !key.models.empty()) {
    return fail(Errc::malformed, "--model '*' stands alone");
  }
  key.requests_per_minute = limit(options.requests_per_minute);
  key.tokens_per_minute = limit(options.tokens_per_minute);
  key.concurrent_requests = limit(options.concurrent_requests);
  TRY_ASSIGN(key.expires, parse_expiry(options.expires));
  TRY_ASSIGN(const auto lock, ops::lock_folder_of(options.file));
  TRY_ASSIGN(auto keys, read_or_none(options.file));
  if (std::ranges::count(keys, key.name, &api::ApiKey::name) > 0) {
    return fail(Errc::mismatch, fmt::format("there is a key called {} already", key.name));
  }
  const std::string text = api::make_api_key();
  key.digest = crypto::sha256(as_bytes(text));
  keys.push_back(key);
  TRY(ops::replace_file(options.file, api::write_api_keys(keys)));
  // Only now, when it opens something.
  if (options.json) {
    fmt::print("{}\n", json::compact({{"name", key.name}, {"key", text}}));
  } else {
    fmt::print(stderr, "The key of {}; it is not stored and will not be shown again:\n", key.name);
    fmt::print("{}\n", text);
  }
  return {};
}

std::string limit_text(const std::optional<std::uint32_t>& number) {
  return number ? std::to_string(*number) : "-";
}

Status list_keys(const KeysOptions& options) {
  TRY_ASSIGN(const auto keys, read_api_keys(options.file));
  if (options.json) {
    fmt::print("{}\n", json::compact(api::describe_api_keys(keys)));
    return {};
  }
  fmt::print("{:<24} {:>9} {:>9} {:>7} {:<21} {}\n", "NAME", "REQ/MIN", "TOK/MIN", "AT ONCE",
             "EXPIRES", "MODELS");
  for (const api::ApiKey& key : keys) {
    fmt::print("{:<24} {:>9} {:>9} {:>7} {:<21} {}\n", key.name,
               limit_text(key.requests_per_minute), limit_text(key.tokens_per_minute),
               limit_text(key.concurrent_requests), key.expires ? to_rfc3339(*key.expires) : "-",
               key.every_model ? "*" : fmt::format("{}", fmt::join(key.models, " ")));
  }
  return {};
}

Status revoke_key(const KeysOptions& options) {
  TRY_ASSIGN(const auto lock, ops::lock_folder_of(options.file));
  TRY_ASSIGN(auto keys, read_api_keys(options.file));
  if (std::erase_if(keys, [&](const auto& key) { return key.name == options.name; }) == 0) {
    return fail(Errc::not_found, fmt::format("there is no key called {}", options.name));
  }
  TRY(ops::replace_file(options.file, api::write_api_keys(keys)));
  if (options.json) fmt::print("{}\n", json::compact({{"revoked", options.name}}));
  return {};
}

CLI::App& add_command(CLI::App& keys, const std::string& name, const std::string& text,
                      const std::shared_ptr<KeysOptions>& options, int& code,
                      Status (*run)(const KeysOptions&)) {
  CLI::App* command = keys.add_subcommand(name, text);
  command->add_option("--file", options->file, "the file of keys, as for --api-keys")
      ->required()
      ->type_name("FILE");
  command->add_flag("--json", options->json, "one JSON document on stdout");
  command->callback([options, &code, run] { code = exit_code(run(*options)); });
  return *command;
}

}  // namespace

void declare_keys(CLI::App& app, int& code) {
  const auto options = std::make_shared<KeysOptions>();
  CLI::App* keys = app.add_subcommand("keys", "Make, list and revoke API keys");
  keys->require_subcommand(1);
  CLI::App& make =
      add_command(*keys, "new", "Add a key and print it, once", options, code, make_key);
  make.add_option("--name", options->name, "whose it is, for people")->required();
  make.add_option("--model", options->models, "model it may use; '*' for every one")->required();
  make.add_option("--requests-per-minute", options->requests_per_minute)
      ->check(CLI::PositiveNumber);
  make.add_option("--tokens-per-minute", options->tokens_per_minute, "prompts and answers together")
      ->check(CLI::PositiveNumber);
  make.add_option("--concurrent-requests", options->concurrent_requests)
      ->check(CLI::PositiveNumber);
  make.add_option("--expires", options->expires, "2027-01-31, or a time in UTC");
  add_command(*keys, "list", "Show the keys: names and limits", options, code, list_keys);
  CLI::App& revoke = add_command(*keys, "revoke", "Remove a key; servers drop it at once", options,
                                 code, revoke_key);
  revoke.add_option("--name", options->name)->required();
}

}  // namespace confide::server
