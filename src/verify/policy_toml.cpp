// The policy as a TOML file. A mistake in it is an error, never a looser policy.
#include "verify/policy_toml.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "evidence/tdx_collateral.h"

namespace confide::verify {
namespace {

constexpr std::size_t kMaxPolicyBytes = std::size_t{1} << 20U;
constexpr std::size_t kMaxDots = 4096;  // versions and dates have a few each
constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kMaxLifetimeDays = 36500;

// Each dot of a key puts a table into another, and what is nested without limit overruns the stack
// of whoever reads or frees it. The parser limits brackets alone.
Status check_dots(std::string_view text) {
  if (static_cast<std::size_t>(std::ranges::count(text, '.')) <= kMaxDots) return {};
  return fail(Errc::malformed, fmt::format("policy: more than {} dots", kMaxDots));
}

// Reads a section with `read`, then refuses what is left in it; nothing if there is none.
template <class Read>
Status read_section(TomlSection& file, std::string_view name, Read read) {
  TRY_ASSIGN(auto section, file.section(name));
  if (!section) return {};
  TRY(read(*section));
  return section->finish();
}

Result<Tolerance> get_tolerance(const toml::node& node) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return fail_at(node.source(), "not a table {name, until}");
  TomlSection entry(*table);
  Tolerance out;
  const auto is_name = [](std::string_view text) { return !text.empty(); };
  TRY(entry.read("name", out.name, is_name, "a name"));
  if (out.name.empty()) return fail_at(node.source(), "'name' is missing");
  std::optional<Time> until;
  TRY(entry.read("until", until));
  if (!until) return fail_at(node.source(), "'until' is missing");
  out.until = *until;
  TRY(entry.finish());
  return out;
}

Status read_tolerances(TomlSection& section, std::string_view name, std::vector<Tolerance>& out) {
  TRY_ASSIGN(const toml::array* const list, section.list(name));
  if (list == nullptr) return {};
  for (const toml::node& node : *list) {
    TRY_ASSIGN(out.emplace_back(), get_tolerance(node));
  }
  return {};
}

Status read_tdx(TomlSection& tdx, Policy& out) {
  TRY(read_tolerances(tdx, "tolerated", out.tolerated_tcb));
  for (const Tolerance& t : out.tolerated_tcb) {
    const auto status = evidence::parse_tcb_status(t.name);
    if (!status || *status == evidence::TcbStatus::revoked) {
      return fail_at(tdx.find("tolerated")->source(),
                     fmt::format("'{}' is no TCB status that can be tolerated", t.name));
    }
  }
  TRY(read_tolerances(tdx, "tolerated_advisories", out.tolerated_advisories));
  return read_platform(tdx, out.platform);
}

Status read_measurements(TomlSection& section, Policy& out) {
  const auto read = [&](std::string_view name, std::size_t digits) -> Status {
    std::set<std::string> accepted;
    TRY(section.read_hex(name, digits, accepted));
    if (!accepted.empty()) out.measurements.emplace_back(name, std::move(accepted));
    return {};
  };
  for (const std::string_view name : kMeasurementNames) TRY(read(name, 96));
  for (const std::string_view name : kEnclaveMeasurementNames) TRY(read(name, 64));
  return {};
}

Status read_roots(TomlSection& file, Policy& out) {
  TRY_ASSIGN(const toml::array* const list, file.list("trust_roots"));
  if (list == nullptr) return {};
  out.roots.clear();
  for (const toml::node& node : *list) {
    const auto text = node.value_exact<std::string>();
    if (!text) return fail_at(node.source(), "'trust_roots' holds no string");
    const auto& known = built_in_roots();
    const auto named = std::ranges::find(known, *text, &BuiltInRoot::name);
    if (named != known.end()) {
      out.trust(named->certificate);
      continue;
    }
    const auto root = crypto::Certificate::from_pem(*text);
    if (!root) return fail_at(node.source(), root.error().message);
    out.trust(*root);
  }
  return {};
}

Status read_keyset(TomlSection& section, Policy& out) {
  std::int64_t days = std::chrono::floor<std::chrono::days>(out.max_keyset_lifetime).count();
  TRY(section.read("max_lifetime_days", days, kMaxLifetimeDays));
  out.max_keyset_lifetime = std::chrono::days{days};
  return {};
}

Result<Policy> read_policy(const toml::table& table) {
  TomlSection file(table);
  const toml::node* version = file.find("version");
  if (version == nullptr || version->value_exact<std::int64_t>() != kVersion) {
    return fail_at(version == nullptr ? table.source() : version->source(), "'version' is not 1");
  }
  Policy out = Policy::strict();
  TRY(read_roots(file, out));
  TRY(read_section(file, "tdx", [&](TomlSection& in) { return read_tdx(in, out); }));
  TRY(read_section(file, "snp", [&](TomlSection& in) { return read_snp(in, out.snp); }));
  TRY(read_section(file, "gpu", [&](TomlSection& in) { return read_gpu(in, out.gpu); }));
  TRY(read_section(file, "measurements",
                   [&](TomlSection& in) { return read_measurements(in, out); }));
  TRY(read_section(file, "application", [&](TomlSection& in) {
    return in.read_hex("compose_hash", 64, out.compose_hashes);
  }));
  TRY(read_section(file, "models",
                   [&](TomlSection& in) { return in.read_hex("sha256", 64, out.model_digests); }));
  TRY(read_section(file, "keyset", [&](TomlSection& in) { return read_keyset(in, out); }));
  TRY(file.finish());
  return out;
}

// A vendor's root by its name, any other as PEM.
std::string name_of(const TrustRoot& root) {
  const auto& known = built_in_roots();
  const auto named = std::ranges::find(known, root.certificate, &BuiltInRoot::certificate);
  return named == known.end() ? root.certificate.to_pem() : std::string(named->name);
}

void put(toml::table& table, std::string_view name, const std::vector<Tolerance>& tolerances) {
  if (tolerances.empty()) return;
  toml::array out;
  for (const Tolerance& t : tolerances) {
    toml::table entry{{"name", t.name}};
    put_time(entry, "until", t.until);
    entry.is_inline(true);
    out.push_back(std::move(entry));
  }
  table.insert(name, std::move(out));
}

}  // namespace

Status read_platform(TomlSection& tdx, PlatformPolicy& out) {
  TRY(tdx.read("min_tcb_date", out.min_tcb_date));
  TRY(tdx.read("min_tcb_evaluation_data_number", out.min_evaluation_data_number));
  TRY(tdx.read("min_collateral_issue_date", out.min_issue_date));
  TRY(tdx.read_hex("fmspc", 12, out.fmspcs));
  return tdx.read_hex("ppid", 32, out.ppids);
}

void put_platform(toml::table& tdx, const PlatformPolicy& policy) {
  if (policy.min_tcb_date) put_time(tdx, "min_tcb_date", *policy.min_tcb_date);
  if (policy.min_evaluation_data_number != 0) {
    tdx.insert("min_tcb_evaluation_data_number", policy.min_evaluation_data_number);
  }
  if (policy.min_issue_date) put_time(tdx, "min_collateral_issue_date", *policy.min_issue_date);
  put(tdx, "fmspc", policy.fmspcs);
  put(tdx, "ppid", policy.ppids);
}

Result<Policy> Policy::from_toml(std::string_view text) {
  if (text.size() > kMaxPolicyBytes) return fail(Errc::malformed, "policy: too long");
  TRY(check_dots(text));
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
  put_platform(tdx, platform);
  put_section(file, "tdx", std::move(tdx));
  put_section(file, "snp", write_snp(snp));
  put_section(file, "gpu", write_gpu(gpu));
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
