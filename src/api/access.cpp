#include "api/access.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/secret.h"
#include "base/wipe_on_exit.h"

namespace confide::api {

// A budget that refills evenly and holds a minute's worth.
class Budget {
 public:
  void fit(const std::optional<std::uint32_t>& per_minute, SteadyTime now) {
    const double capacity = per_minute.value_or(0);
    if (!at_) {
      left_ = capacity;
    } else {
      left_ += std::chrono::duration<double>(now - *at_).count() * capacity / kMinute;
    }
    left_ = std::min(left_, capacity);
    capacity_ = capacity;
    at_ = now;
  }
  // How long until `amount` is there; nothing if it is.
  std::chrono::seconds wait_for(double amount) const {
    const double missing = std::min(amount, capacity_) - left_;
    if (missing <= 0 || capacity_ <= 0) return {};
    return std::chrono::seconds{
        std::max<std::int64_t>(1, std::llround(std::ceil(missing * kMinute / capacity_)))};
  }
  void take(double amount) { left_ -= amount; }
  void give_back(double amount) { left_ = std::min(left_ + amount, capacity_); }
  double left() const { return std::max(0.0, std::floor(left_)); }
  double capacity() const { return capacity_; }

 private:
  static constexpr double kMinute = 60.0;
  double capacity_ = 0;
  double left_ = 0;
  std::optional<SteadyTime> at_;  // nothing before the first use
};

// What was counted for one key, whatever its limits are by now.
class KeyMeter {
 public:
  std::mutex mutex;
  Budget requests;
  Budget tokens;
  std::uint32_t running = 0;
};

namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

ApiError not_let_in(std::string message) {
  return {.status = 401,
          .type = "authentication_error",
          .message = std::move(message),
          .code = "invalid_api_key",
          .param = "",
          .headers = {{"WWW-Authenticate", "Bearer"}}};
}

void add_budget(net::Headers& headers, std::string_view what, const Budget& budget) {
  headers.set(fmt::format("X-RateLimit-Limit-{}", what), fmt::format("{}", budget.capacity()));
  headers.set(fmt::format("X-RateLimit-Remaining-{}", what), fmt::format("{}", budget.left()));
  headers.set(fmt::format("X-RateLimit-Reset-{}", what),
              fmt::format("{}s", budget.wait_for(budget.capacity()).count()));
}

}  // namespace

std::string credential_of(const net::Headers& headers) {
  const std::string authorization = headers.get("Authorization").value_or("");
  std::string_view credential = trimmed(authorization);
  const std::string_view scheme = credential.substr(0, credential.find(' '));
  if (equal_ignoring_case(scheme, "bearer")) {
    credential = trimmed(credential.substr(scheme.size()));
  }
  if (!credential.empty()) return std::string(credential);
  return std::string(trimmed(headers.get("X-Api-Key").value_or("")));
}

Grant::Grant(std::shared_ptr<const ApiKey> key, std::shared_ptr<KeyMeter> meter)
    : key_(std::move(key)), meter_(std::move(meter)) {}

Grant::~Grant() { end(); }

void Grant::end() {
  const std::lock_guard lock(meter_->mutex);
  if (std::exchange(running_, false)) --meter_->running;
  meter_->tokens.give_back(std::exchange(reserved_, 0));
}

void Grant::give_back() {
  const std::lock_guard lock(meter_->mutex);
  meter_->tokens.give_back(std::exchange(reserved_, 0));
}

ApiError Grant::exceeded(std::string_view what, std::chrono::seconds wait, SteadyTime now) const {
  ApiError out = too_many(fmt::format("This API key has reached its limit of {}.", what),
                          "rate_limit_exceeded");
  net::Headers headers;
  headers.set("Retry-After", std::to_string(wait.count()));
  add_headers(headers, now);
  out.headers = headers.all();
  return out;
}

ApiResult<void> Grant::begin(SteadyTime now) {
  std::unique_lock lock(meter_->mutex);
  if (key_->concurrent_requests && meter_->running >= *key_->concurrent_requests) {
    lock.unlock();
    return tl::unexpected(exceeded("requests at once", std::chrono::seconds{1}, now));
  }
  if (key_->requests_per_minute) {
    meter_->requests.fit(key_->requests_per_minute, now);
    const auto wait = meter_->requests.wait_for(1);
    if (wait > std::chrono::seconds{0}) {
      lock.unlock();
      return tl::unexpected(exceeded("requests per minute", wait, now));
    }
    meter_->requests.take(1);
  }
  ++meter_->running;
  running_ = true;
  return {};
}

ApiResult<void> Grant::reserve(const TokenNeed& need, SteadyTime now) {
  if (!key_->tokens_per_minute) return {};
  std::unique_lock lock(meter_->mutex);
  Budget& budget = meter_->tokens;
  budget.fit(key_->tokens_per_minute, now);
  const double answer = std::min(static_cast<double>(need.longest), budget.capacity() / 4);
  // Even an empty prompt needs a budget that answers before it have not overdrawn.
  const double amount =
      std::max(static_cast<double>(need.prompt) + static_cast<double>(need.answers) * answer, 1.0);
  const auto wait = budget.wait_for(amount);
  if (wait > std::chrono::seconds{0}) {
    lock.unlock();
    return tl::unexpected(exceeded("tokens per minute", wait, now));
  }
  reserved_ = std::min(amount, budget.capacity());
  budget.take(reserved_);
  return {};
}

void Grant::use(std::size_t tokens, SteadyTime now) {
  if (!key_->tokens_per_minute) return;
  const std::lock_guard lock(meter_->mutex);
  const auto used = static_cast<double>(tokens);
  const double covered = std::min(used, reserved_);
  reserved_ -= covered;
  meter_->tokens.fit(key_->tokens_per_minute, now);
  meter_->tokens.take(used - covered);
}

void Grant::add_headers(net::Headers& headers, SteadyTime now) const {
  const std::lock_guard lock(meter_->mutex);
  if (key_->requests_per_minute) {
    meter_->requests.fit(key_->requests_per_minute, now);
    add_budget(headers, "Requests", meter_->requests);
  }
  if (key_->tokens_per_minute) {
    meter_->tokens.fit(key_->tokens_per_minute, now);
    add_budget(headers, "Tokens", meter_->tokens);
  }
}

Access::Access(std::vector<ApiKey> keys) { replace(std::move(keys)); }

void Access::replace(std::vector<ApiKey> keys) {
  const auto before = entries();
  auto next = std::make_shared<Entries>();
  for (ApiKey& key : keys) {
    std::shared_ptr<KeyMeter> meter;
    for (const Entry& entry : before ? *before : Entries()) {
      if (entry.key->digest == key.digest) meter = entry.meter;
    }
    if (!meter) meter = std::make_shared<KeyMeter>();
    next->push_back({std::make_shared<const ApiKey>(std::move(key)), std::move(meter)});
  }
  const std::lock_guard lock(mutex_);
  entries_ = std::move(next);
}

std::shared_ptr<const Access::Entries> Access::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

ApiResult<std::shared_ptr<Grant>> Access::identify(const net::Headers& headers, Time now) const {
  std::string credential = credential_of(headers);
  const crypto::Sha256 digest = crypto::sha256(as_bytes(credential));
  const bool none = credential.empty();
  wipe(credential);
  if (none) {
    return tl::unexpected(not_let_in(
        "This needs an API key: send it as 'Authorization: Bearer KEY' or as 'X-Api-Key: KEY'."));
  }
  const auto all = entries();
  // Over all of them, whichever it is. There is always one to choose from: index 0 is "none".
  std::size_t found = 0;
  for (std::size_t i = 0; i < all->size(); ++i) {
    const auto equal = static_cast<std::size_t>(constant_time_equal((*all)[i].key->digest, digest));
    found |= (i + 1) & (std::size_t{0} - equal);
  }
  if (found == 0) return tl::unexpected(not_let_in("This API key is not known here."));
  const Entry& entry = (*all)[found - 1];
  if (entry.key->expires && now >= *entry.key->expires) {
    return tl::unexpected(not_let_in("This API key has expired."));
  }
  return std::make_shared<Grant>(entry.key, entry.meter);
}

}  // namespace confide::api
