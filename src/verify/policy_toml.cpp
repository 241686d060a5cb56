// The policy as a TOML file. A mistake in it is an error, never a looser policy.
#include <algorithm>
#include <initializer_list>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "evidence/tdx_collateral.h"
#include "verify/policy.h"

namespace confide::verify {
namespace {

constexpr std::size_t kMaxPolicyBytes = std::size_t{1} << 20U;
constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kMaxLifetimeDays = 36500;

tl::unexpected<Error> fail_at(const toml::source_region& place, std::string_view problem) {
  return fail(Errc::malformed, fmt::format("policy line {}: {}", place.begin.line, problem));
}

Status only_members(const toml::table& table, std::initializer_list<std::string_view> known) {
  for (const auto& [key, node] : table) {
    if (std::ranges::find(known, key.str()) == known.end()) {
      return fail_at(key.source(), fmt::format("unknown member '{}'", key.str()));
    }
  }
  return {};
}

// An empty table if there is none: its members are all optional.
Result<toml::table> get_section(const toml::table& file, std::string_view name) {
  const toml::node* node = file.get(name);
  if (node == nullptr) return toml::table{};
  if (!node->is_table()) return fail_at(node->source(), fmt::format("'{}' is not a table", name));
  return *node->as_table();
}

// Null if absent.
Result<const toml::array*> get_list(const toml::table& table, std::string_view name) {
  const toml::node* node = table.get(name);
  if (node == nullptr) return nullptr;
  const toml::array* list = node->as_array();
  if (list == nullptr) return fail_at(node->source(), fmt::format("'{}' is not a list", name));
  if (list->empty()) {
    return fail_at(node->source(),
                   fmt::format("'{}' is empty; leave it out to accept any value", name));
  }
  return list;
}

Result<std::set<std::string>> get_hex_set(const toml::table& table, std::string_view name,
                                          std::size_t digits) {
  std::set<std::string> out;
  TRY_ASSIGN(const toml::array* const list, get_list(table, name));
  if (list == nullptr) return out;
  for (const toml::node& node : *list) {
    const auto* text = node.as_string();
    if (text == nullptr || text->get().size() != digits || !from_hex(text->get())) {
      return fail_at(node.source(),
                     fmt::format("'{}' holds no {} lower-case hex digits", name, digits));
    }
    out.insert(text->get());
  }
  return out;
}

// A day stands for its first second, UTC.
Result<Time> get_until(const toml::table& entry) {
  const toml::node* node = entry.get("until");
  if (node == nullptr) return fail_at(entry.source(), "'until' is missing");
  std::optional<toml::date> date = node->value_exact<toml::date>();
  std::chrono::seconds in_day{0};
  if (const auto full = node->value_exact<toml::date_time>()) {
    if (!full->offset.has_value()) return fail_at(node->source(), "'until' lacks its time zone");
    date = full->date;
    in_day = std::chrono::hours{full->time.hour} + std::chrono::minutes{full->time.minute} +
             std::chrono::seconds{full->time.second} - std::chrono::minutes{full->offset->minutes};
  }
  if (!date) return fail_at(node->source(), "'until' is not a date");
  const std::chrono::year_month_day day{
      std::chrono::year{date->year}, std::chrono::month{date->month}, std::chrono::day{date->day}};
  if (!day.ok()) return fail_at(node->source(), "'until' is not a date");
  return Time{std::chrono::sys_days{day}} + in_day;
}

Result<Tolerance> get_tolerance(const toml::node& node) {
  const toml::table* entry = node.as_table();
  if (entry == nullptr) return fail_at(node.source(), "not a table {name, until}");
  TRY(only_members(*entry, {"name", "until"}));
  const auto name = (*entry)["name"].value_exact<std::string>();
  if (!name || name->empty()) return fail_at(node.source(), "'name' is missing or no string");
  TRY_ASSIGN(const Time until, get_until(*entry));
  return Tolerance{.name = *name, .until = until};
}

Result<std::vector<Tolerance>> get_tolerances(const toml::table& table, std::string_view name) {
  std::vector<Tolerance> out;
  TRY_ASSIGN(const toml::array* const list, get_list(table, name));
  if (list == nullptr) return out;
  for (const toml::node& node : *list) {
    TRY_ASSIGN(out.emplace_back(), get_tolerance(node));
  }
  return out;
}

Status read_tdx(const toml::table& file, Policy& out) {
  TRY_ASSIGN(const toml::table tdx, get_section(file, "tdx"));
  TRY(only_members(tdx, {"tolerated", "tolerated_advisories"}));
  TRY_ASSIGN(out.tolerated_tcb, get_tolerances(tdx, "tolerated"));
  for (const Tolerance& t : out.tolerated_tcb) {
    const auto status = evidence::parse_tcb_status(t.name);
    if (!status || *status == evidence::TcbStatus::revoked) {
      return fail_at(tdx.get("tolerated")->source(),
                     fmt::format("'{}' is no TCB status that can be tolerated", t.name));
    }
  }
  TRY_ASSIGN(out.tolerated_advisories, get_tolerances(tdx, "tolerated_advisories"));
  return {};
}

Status read_measurements(const toml::table& file, Policy& out) {
  TRY_ASSIGN(const toml::table section, get_section(file, "measurements"));
  for (const auto& [key, node] : section) {
    const std::string name(key.str());
    if (std::ranges::find(kMeasurementNames, name) == kMeasurementNames.end()) {
      return fail_at(key.source(), fmt::format("unknown member '{}'", name));
    }
    TRY_ASSIGN(auto accepted, get_hex_set(section, name, 96));
    out.measurements.emplace_back(name, std::move(accepted));
  }
  return {};
}

Status read_roots(const toml::table& file, Policy& out) {
  TRY_ASSIGN(const toml::array* const list, get_list(file, "trust_roots"));
  if (list == nullptr) return {};
  out.roots.clear();
  for (const toml::node& node : *list) {
    const auto* text = node.as_string();
    if (text == nullptr) return fail_at(node.source(), "'trust_roots' holds no string");
    const auto& known = built_in_roots();
    const auto named = std::ranges::find(known, text->get(), &BuiltInRoot::name);
    if (named != known.end()) {
      out.trust(named->certificate);
      continue;
    }
    const auto root = crypto::Certificate::from_pem(text->get());
    if (!root) return fail_at(node.source(), root.error().message);
    out.trust(*root);
  }
  return {};
}

Status read_lifetime(const toml::table& file, Policy& out) {
  TRY_ASSIGN(const toml::table section, get_section(file, "keyset"));
  TRY(only_members(section, {"max_lifetime_days"}));
  const toml::node* node = section.get("max_lifetime_days");
  if (node == nullptr) return {};
  const auto days = node->value_exact<std::int64_t>();
  if (!days || *days < 0 || *days > kMaxLifetimeDays) {
    return fail_at(node->source(), "'max_lifetime_days' is not a number of days");
  }
  out.max_keyset_lifetime = std::chrono::days{*days};
  return {};
}

Result<Policy> read_policy(const toml::table& file) {
  TRY(only_members(
      file, {"version", "trust_roots", "tdx", "measurements", "application", "models", "keyset"}));
  const auto version = file["version"].value_exact<std::int64_t>();
  if (version != kVersion) return fail_at(file.source(), "'version' is not 1");
  Policy out = Policy::strict();
  TRY(read_roots(file, out));
  TRY(read_tdx(file, out));
  TRY(read_measurements(file, out));
  TRY_ASSIGN(const toml::table application, get_section(file, "application"));
  TRY(only_members(application, {"compose_hash"}));
  TRY_ASSIGN(out.compose_hashes, get_hex_set(application, "compose_hash", 64));
  TRY_ASSIGN(const toml::table models, get_section(file, "models"));
  TRY(only_members(models, {"sha256"}));
  TRY_ASSIGN(out.model_digests, get_hex_set(models, "sha256", 64));
  TRY(read_lifetime(file, out));
  return out;
}

// A vendor's root by its name, any other as PEM.
std::string name_of(const TrustRoot& root) {
  const auto& known = built_in_roots();
  const auto named = std::ranges::find(known, root.certificate, &BuiltInRoot::certificate);
  return named == known.end() ? root.certificate.to_pem() : std::string(named->name);
}

toml::array to_list(const std::set<std::string>& values) {
  toml::array out;
  for (const std::string& value : values) out.push_back(value);
  return out;
}

toml::array to_list(const std::vector<Tolerance>& tolerances) {
  toml::array out;
  for (const Tolerance& t : tolerances) {
    const auto midnight = std::chrono::floor<std::chrono::days>(t.until);
    const std::chrono::year_month_day day{midnight};
    const std::chrono::hh_mm_ss time{t.until - midnight};
    const toml::date_time until{
        toml::date{static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                   static_cast<unsigned>(day.day())},
        toml::time{time.hours().count(), time.minutes().count(), time.seconds().count()},
        toml::time_offset{}};
    toml::table entry{{"name", t.name}};
    entry.is_inline(true);
    if (t.until == midnight) {
      entry.insert("until", until.date);
    } else {
      entry.insert("until", until);
    }
    out.push_back(std::move(entry));
  }
  return out;
}

// Leaves out what is empty: an empty list would not be read again, absence means the same.
template <class List>
void put(toml::table& table, std::string_view name, const List& list) {
  if (!list.empty()) table.insert(name, to_list(list));
}

void put_section(toml::table& file, std::string_view name, toml::table section) {
  if (!section.empty()) file.insert(name, std::move(section));
}

}  // namespace

Result<Policy> Policy::from_toml(std::string_view text) {
  if (text.size() > kMaxPolicyBytes) return fail(Errc::malformed, "policy: too long");
  try {
    return read_policy(toml::parse(text));
  } catch (const toml::parse_error& e) {
    return fail_at(e.source(), e.description());
  }
}

std::string Policy::to_toml() const {
  toml::table file{{"version", kVersion}};
  toml::array trusted;
  for (const TrustRoot& root : roots) trusted.push_back(name_of(root));
  // Written even when empty: such a file is refused, while leaving it out would admit the vendors'.
  file.insert("trust_roots", std::move(trusted));

  toml::table tdx;
  put(tdx, "tolerated", tolerated_tcb);
  put(tdx, "tolerated_advisories", tolerated_advisories);
  put_section(file, "tdx", std::move(tdx));
  toml::table registers;
  for (const auto& [name, accepted] : measurements) put(registers, name, accepted);
  put_section(file, "measurements", std::move(registers));
  toml::table application;
  put(application, "compose_hash", compose_hashes);
  put_section(file, "application", std::move(application));
  toml::table models;
  put(models, "sha256", model_digests);
  put_section(file, "models", std::move(models));
  const auto days = std::chrono::floor<std::chrono::days>(max_keyset_lifetime).count();
  file.insert("keyset", toml::table{{"max_lifetime_days", std::int64_t{days}}});

  std::ostringstream out;
  out << toml::toml_formatter{file} << '\n';
  return std::move(out).str();
}

}  // namespace confide::verify
