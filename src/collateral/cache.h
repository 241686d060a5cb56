// Fetched collateral, kept between runs. What comes out is as untrusted as what came in: the cache
// only saves asking again, and verify/ judges its content like any other.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"

namespace confide::collateral {

// What a service answered, and from when to when it says that holds.
struct Entry {
  Bytes body;
  std::string issuer_chain;  // PEM, from the answer's header; empty where there is none
  Time valid_from{};
  Time valid_until{};

  bool holds_at(Time at) const noexcept { return valid_from <= at && at < valid_until; }
};

// A folder of files, mode 0700 and 0600, written by renaming. Safe to share between processes.
class Cache {
 public:
  // Makes the folder. Fails with `unavailable` if that cannot be done.
  static Result<Cache> open(const std::string& folder);

  // `kind` is a plain name (tcb_info, pck_crl, ...), `key` what was asked for. Nothing if there is
  // no such entry, it is damaged, or it does not hold at `at`.
  std::optional<Entry> find(std::string_view kind, std::string_view key, Time at) const;
  // Replaces what was there. Fails with `unavailable` if it cannot be written.
  Status store(std::string_view kind, std::string_view key, const Entry& entry) const;

 private:
  explicit Cache(std::string folder) : folder_(std::move(folder)) {}
  std::string path_of(std::string_view kind, std::string_view key) const;

  std::string folder_;
};

// $XDG_CACHE_HOME/confide, or ~/.cache/confide; "" if neither variable is set.
std::string default_cache_folder();

}  // namespace confide::collateral
