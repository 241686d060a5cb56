// The file of API keys: who may call, for what, and how much. docs/operations.md, "API keys".
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "crypto/hash.h"

namespace confide::api {

struct ApiKey {
  std::string name;  // for people: 1 to 64 of A-Z a-z 0-9 . _ -
  // Of the key's text. Keys are 32 random bytes, so nobody can guess one and look whether its
  // digest is there: a plain, quick hash is enough, where passwords would need a slow, salted one.
  crypto::Sha256 digest{};
  bool every_model = false;           // "*" in the file
  std::set<std::string> models = {};  // else these; none is none
  // Nothing: no limit.
  std::optional<std::uint32_t> requests_per_minute = {};
  std::optional<std::uint32_t> tokens_per_minute = {};  // of prompts and answers together
  std::optional<std::uint32_t> concurrent_requests = {};
  std::optional<Time> expires = {};  // from then on it is refused

  bool may_use(const std::string& model) const { return every_model || models.contains(model); }
};

// Fails with `malformed` and the line: on members unknown or missing, names or digests used twice,
// limits below 1. What is left out is never read as "all": `models` must be there.
Result<std::vector<ApiKey>> parse_api_keys(std::string_view toml);
// What parse_api_keys() reads.
std::string write_api_keys(const std::vector<ApiKey>& keys);
// For people and their programs; the digests stay out.
Json describe_api_keys(const std::vector<ApiKey>& keys);

bool is_key_name(std::string_view text) noexcept;

// A new key's text: "sk-confide-" and 43 characters of base64url. Only its digest is ever stored.
std::string make_api_key();

}  // namespace confide::api
