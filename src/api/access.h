// Who may call, and how often: API keys at work. docs/operations.md, "API keys".
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "api/access_keys.h"
#include "api/errors.h"
#include "base/clock.h"
#include "net/http.h"

namespace confide::api {

using SteadyTime = std::chrono::steady_clock::time_point;

// What a request shows to be let in: the bearer token (contract 1.1), the whole value of another
// scheme, or else the X-Api-Key that some clients send instead. Empty if there is none.
std::string credential_of(const net::Headers& headers);

class KeyMeter;

// What a request may use at most.
struct TokenNeed {
  std::size_t prompt = 0;   // tokens, of all prompts
  std::size_t answers = 0;  // how many there will be,
  std::size_t longest = 0;  // and the most tokens of one
};

// A request that a key let in. Thread-safe but for begin() and end().
class Grant {
 public:
  Grant(std::shared_ptr<const ApiKey> key, std::shared_ptr<KeyMeter> meter);
  ~Grant();
  Grant(const Grant&) = delete;
  Grant& operator=(const Grant&) = delete;

  const std::string& key_name() const noexcept { return key_->name; }
  bool may_use(const std::string& model) const { return key_->may_use(model); }

  // Counts one request, which then counts as running until end(). 429 if that is one too many.
  ApiResult<void> begin(SteadyTime now);
  void end();  // gives back, too; the destructor does it as well
  // Takes what the request may use from the key's budget of tokens, so that many at once cannot use
  // more together than each may alone; 429 if too little is left. Called once. Of one answer it
  // takes a quarter of a minute's budget at most, since most end long before they must: where
  // answers may be longer, four at once can overdraw, and what comes after waits. What is more than
  // a whole minute's budget needs a full one, and takes all of it.
  ApiResult<void> reserve(const TokenNeed& need, SteadyTime now);
  // What was used, out of what is reserved. For what goes beyond, the budget may sink below
  // nothing, and later requests wait.
  void use(std::size_t tokens, SteadyTime now);
  // What is reserved and was not used.
  void give_back();

  // X-RateLimit-Limit-Requests and its kin, for the limits that the key has.
  void add_headers(net::Headers& headers, SteadyTime now) const;

 private:
  ApiError exceeded(std::string_view what, std::chrono::seconds wait, SteadyTime now) const;

  std::shared_ptr<const ApiKey> key_;
  std::shared_ptr<KeyMeter> meter_;
  bool running_ = false;  // both under the meter's mutex
  double reserved_ = 0;
};

// Thread-safe. What was counted lives in this process alone.
class Access {
 public:
  explicit Access(std::vector<ApiKey> keys);

  // From now on. What was counted for a key that stays is kept; requests under way go on.
  void replace(std::vector<ApiKey> keys);
  // 401 if the credential is none of the keys', or that key has expired. How long it takes does not
  // depend on which key it is, nor on how much of a digest was right.
  ApiResult<std::shared_ptr<Grant>> identify(const net::Headers& headers, Time now) const;

 private:
  struct Entry {
    std::shared_ptr<const ApiKey> key;
    std::shared_ptr<KeyMeter> meter;
  };
  using Entries = std::vector<Entry>;
  std::shared_ptr<const Entries> entries() const;

  mutable std::mutex mutex_;
  std::shared_ptr<const Entries> entries_;
};

}  // namespace confide::api
