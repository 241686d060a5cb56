// Reads one table of a TOML file strictly: whatever is not asked for by name is an error, and every
// error names the line. Private to verify/.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <toml++/toml.h>

#include "base/clock.h"
#include "base/result.h"

namespace confide::verify {

// `malformed`: "policy line 4: ...".
tl::unexpected<Error> fail_at(const toml::source_region& place, std::string_view problem);

// A date, which stands for its first second in UTC, or a date-time with its time zone.
Result<Time> to_time(const toml::node& node, std::string_view name);
// A date if nothing is lost by it.
void put_time(toml::table& table, std::string_view name, Time time);

// Views a table of the file, which must outlive it. Members that are absent leave what is read into
// as it was.
class TomlSection {
 public:
  explicit TomlSection(const toml::table& table) : table_(&table) {}

  // Fails with `malformed` if the table holds a member that was not asked for.
  Status finish() const;

  // Null if absent.
  const toml::node* find(std::string_view name);
  // Nothing if absent.
  Result<std::optional<TomlSection>> section(std::string_view name);
  // Null if absent. An empty list is an error: it must never mean "any".
  Result<const toml::array*> list(std::string_view name);

  Status read(std::string_view name, bool& out);
  Status read(std::string_view name, std::optional<Time>& out);
  // `is_valid` says which strings are meant, `meaning` what they are.
  using Predicate = std::function<bool(std::string_view)>;
  Status read(std::string_view name, std::string& out, const Predicate& is_valid,
              std::string_view meaning);
  Status read(std::string_view name, std::set<std::string>& out, const Predicate& is_valid,
              std::string_view meaning);
  // So many lower-case hex digits each.
  Status read_hex(std::string_view name, std::size_t digits, std::set<std::string>& out);
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Status read(std::string_view name, T& out, T max = std::numeric_limits<T>::max()) {
    const auto most = static_cast<std::uint64_t>(max);
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    TRY_ASSIGN(const auto value, number(name, static_cast<std::int64_t>(std::min(most, kMost))));
    if (value) out = static_cast<T>(*value);
    return {};
  }

  const toml::source_region& place() const { return table_->source(); }

 private:
  Result<std::optional<std::int64_t>> number(std::string_view name, std::int64_t max);

  const toml::table* table_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace confide::verify
