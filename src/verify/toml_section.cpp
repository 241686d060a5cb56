#include "verify/toml_section.h"

#include <chrono>

#include <fmt/format.h>

#include "base/bytes.h"

namespace confide::verify {

tl::unexpected<Error> fail_at(const toml::source_region& place, std::string_view problem) {
  return fail(Errc::malformed, fmt::format("policy line {}: {}", place.begin.line, problem));
}

Result<Time> to_time(const toml::node& node, std::string_view name) {
  std::optional<toml::date> date = node.value_exact<toml::date>();
  std::chrono::seconds in_day{0};
  if (const auto full = node.value_exact<toml::date_time>()) {
    if (!full->offset.has_value()) {
      return fail_at(node.source(), fmt::format("'{}' lacks its time zone", name));
    }
    date = full->date;
    in_day = std::chrono::hours{full->time.hour} + std::chrono::minutes{full->time.minute} +
             std::chrono::seconds{full->time.second} - std::chrono::minutes{full->offset->minutes};
  }
  if (!date) return fail_at(node.source(), fmt::format("'{}' is not a date", name));
  const std::chrono::year_month_day day{
      std::chrono::year{date->year}, std::chrono::month{date->month}, std::chrono::day{date->day}};
  if (!day.ok()) return fail_at(node.source(), fmt::format("'{}' is not a date", name));
  return Time{std::chrono::sys_days{day}} + in_day;
}

void put_time(toml::table& table, std::string_view name, Time time) {
  const auto midnight = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day day{midnight};
  const toml::date date{static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                        static_cast<unsigned>(day.day())};
  if (time == midnight) {
    table.insert(name, date);
    return;
  }
  const std::chrono::hh_mm_ss in_day{time - midnight};
  table.insert(name, toml::date_time{date,
                                     toml::time{in_day.hours().count(), in_day.minutes().count(),
                                                in_day.seconds().count()},
                                     toml::time_offset{}});
}

Status TomlSection::finish() const {
  for (const auto& [key, node] : *table_) {
    if (!known_.contains(key.str())) {
      return fail_at(key.source(), fmt::format("unknown member '{}'", key.str()));
    }
  }
  return {};
}

const toml::node* TomlSection::find(std::string_view name) {
  known_.emplace(name);
  return table_->get(name);
}

Result<std::optional<TomlSection>> TomlSection::section(std::string_view name) {
  const toml::node* node = find(name);
  if (node == nullptr) return std::nullopt;
  if (!node->is_table()) return fail_at(node->source(), fmt::format("'{}' is not a table", name));
  return TomlSection(*node->as_table());
}

Result<const toml::array*> TomlSection::list(std::string_view name) {
  const toml::node* node = find(name);
  if (node == nullptr) return nullptr;
  const toml::array* list = node->as_array();
  if (list == nullptr) return fail_at(node->source(), fmt::format("'{}' is not a list", name));
  if (list->empty()) {
    return fail_at(node->source(),
                   fmt::format("'{}' is empty; leave it out to accept any value", name));
  }
  return list;
}

Status TomlSection::read(std::string_view name, bool& out) {
  const toml::node* node = find(name);
  if (node == nullptr) return {};
  const auto value = node->value_exact<bool>();
  if (!value) return fail_at(node->source(), fmt::format("'{}' is not true or false", name));
  out = *value;
  return {};
}

Status TomlSection::read(std::string_view name, std::optional<Time>& out) {
  const toml::node* node = find(name);
  if (node == nullptr) return {};
  TRY_ASSIGN(out, to_time(*node, name));
  return {};
}

Status TomlSection::read(std::string_view name, std::string& out, const Predicate& is_valid,
                         std::string_view meaning) {
  const toml::node* node = find(name);
  if (node == nullptr) return {};
  const auto value = node->value_exact<std::string>();
  if (!value || !is_valid(*value)) {
    return fail_at(node->source(), fmt::format("'{}' is not {}", name, meaning));
  }
  out = *value;
  return {};
}

Status TomlSection::read(std::string_view name, std::set<std::string>& out,
                         const Predicate& is_valid, std::string_view meaning) {
  TRY_ASSIGN(const toml::array* const values, list(name));
  if (values == nullptr) return {};
  for (const toml::node& node : *values) {
    const auto value = node.value_exact<std::string>();
    if (!value || !is_valid(*value)) {
      return fail_at(node.source(), fmt::format("'{}' holds what is not {}", name, meaning));
    }
    out.insert(*value);
  }
  return {};
}

Status TomlSection::read_hex(std::string_view name, std::size_t digits,
                             std::set<std::string>& out) {
  const auto is_hex = [digits](std::string_view text) {
    return text.size() == digits && from_hex(text).has_value();
  };
  return read(name, out, is_hex, fmt::format("{} lower-case hex digits", digits));
}

Result<std::optional<std::int64_t>> TomlSection::number(std::string_view name, std::int64_t max) {
  const toml::node* node = find(name);
  if (node == nullptr) return std::nullopt;
  const auto value = node->value_exact<std::int64_t>();
  if (!value || *value < 0 || *value > max) {
    return fail_at(node->source(), fmt::format("'{}' is not a number from 0 to {}", name, max));
  }
  return *value;
}

}  // namespace confide::verify
