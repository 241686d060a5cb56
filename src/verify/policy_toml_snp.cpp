#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "verify/policy_toml.h"

namespace confide::verify {
namespace {

constexpr std::array<std::pair<std::string_view, bool SnpPolicy::*>, 17> kFlags{
    {{"allow_provisional_firmware", &SnpPolicy::allow_provisional_firmware},
     {"allow_reported_below_current", &SnpPolicy::allow_reported_below_current},
     {"allow_debug", &SnpPolicy::allow_debug},
     {"allow_migration_agent", &SnpPolicy::allow_migration_agent},
     {"require_smt_disabled", &SnpPolicy::require_smt_disabled},
     {"require_single_socket", &SnpPolicy::require_single_socket},
     {"require_cxl_disabled", &SnpPolicy::require_cxl_disabled},
     {"require_aes_256_xts", &SnpPolicy::require_aes_256_xts},
     {"require_rapl_disabled", &SnpPolicy::require_rapl_disabled},
     {"require_ciphertext_hiding", &SnpPolicy::require_ciphertext_hiding},
     {"require_page_swap_disabled", &SnpPolicy::require_page_swap_disabled},
     {"require_tsme", &SnpPolicy::require_tsme},
     {"require_ecc", &SnpPolicy::require_ecc},
     {"require_alias_check", &SnpPolicy::require_alias_check},
     {"allow_vlek", &SnpPolicy::allow_vlek},
     {"allow_masked_chip_id", &SnpPolicy::allow_masked_chip_id},
     {"require_crl", &SnpPolicy::require_crl}}};

struct HexSet {
  std::string_view name;
  std::set<std::string> SnpPolicy::* member;
  std::size_t digits;
};
constexpr std::array<HexSet, 7> kHexSets{{{"measurement", &SnpPolicy::measurements, 96},
                                          {"host_data", &SnpPolicy::host_data, 64},
                                          {"id_key_digest", &SnpPolicy::id_key_digests, 96},
                                          {"author_key_digest", &SnpPolicy::author_key_digests, 96},
                                          {"family_id", &SnpPolicy::family_ids, 32},
                                          {"image_id", &SnpPolicy::image_ids, 32},
                                          {"chip_id", &SnpPolicy::chip_ids, 128}}};

constexpr std::array<std::pair<std::string_view, std::uint8_t SnpTcbFloor::*>, 5> kFloorParts{
    {{"fmc", &SnpTcbFloor::fmc},
     {"bl", &SnpTcbFloor::bl},
     {"tee", &SnpTcbFloor::tee},
     {"snp", &SnpTcbFloor::snp},
     {"ucode", &SnpTcbFloor::ucode}}};
constexpr std::array<std::string_view, 3> kProducts{"Milan", "Genoa", "Turin"};

constexpr std::size_t kMaxName = 64;

bool is_name(std::string_view text) { return !text.empty() && text.size() <= kMaxName; }

// "1.55.29", as many numbers of 0 to 255 as there are parts.
template <std::size_t N>
std::optional<std::array<std::uint8_t, N>> to_parts(std::string_view text) {
  std::array<std::uint8_t, N> out{};
  for (std::size_t i = 0; i < N; ++i) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.at(i));
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (i + 1 == N) break;
    if (!text.starts_with('.')) return std::nullopt;
    text.remove_prefix(1);
  }
  if (!text.empty()) return std::nullopt;
  return out;
}

template <std::size_t N>
Result<std::array<std::uint8_t, N>> read_version(TomlSection& snp, std::string_view name) {
  std::string text;
  const auto is_version = [](std::string_view value) { return to_parts<N>(value).has_value(); };
  TRY(snp.read(name, text, is_version, fmt::format("a version of {} numbers", N)));
  return to_parts<N>(text).value_or(std::array<std::uint8_t, N>{});
}

Result<SnpTcbFloor> read_floor(TomlSection floor) {
  SnpTcbFloor out;
  for (const auto& [name, part] : kFloorParts) TRY(floor.read(name, out.*part));
  TRY(floor.finish());
  return out;
}

Status read_floors(TomlSection& snp, std::string_view name, SnpTcbFloors& out) {
  TRY_ASSIGN(auto floors, snp.section(name));
  if (!floors) return {};
  for (const std::string_view product : kProducts) {
    TRY_ASSIGN(const auto floor, floors->section(product));
    if (!floor) continue;
    TRY_ASSIGN(out[std::string(product)], read_floor(*floor));
  }
  TRY(floors->finish());
  if (out.empty()) return fail_at(floors->place(), fmt::format("'{}' is empty", name));
  return {};
}

toml::table write_floors(const SnpTcbFloors& floors) {
  toml::table out;
  for (const auto& [product, floor] : floors) {
    toml::table parts;
    for (const auto& [name, part] : kFloorParts) parts.insert(name, std::int64_t{floor.*part});
    parts.is_inline(true);
    out.insert(product, std::move(parts));
  }
  return out;
}

Status read_numbers(TomlSection& snp, SnpPolicy& out) {
  TRY(snp.read("required_mitigations", out.required_mitigations));
  TRY(snp.read("min_guest_svn", out.min_guest_svn));
  TRY(snp.read("max_vmpl", out.max_vmpl, std::uint32_t{3}));
  TRY_ASSIGN(const auto firmware, read_version<3>(snp, "min_firmware"));
  out.min_firmware = {.major = firmware[0], .minor = firmware[1], .build = firmware[2]};
  TRY_ASSIGN(const auto abi, read_version<2>(snp, "min_abi"));
  out.min_abi = {.major = abi[0], .minor = abi[1]};
  return {};
}

void put_numbers(toml::table& out, const SnpPolicy& policy) {
  const SnpPolicy strict;
  if (policy.required_mitigations != strict.required_mitigations) {
    out.insert("required_mitigations", static_cast<std::int64_t>(policy.required_mitigations));
  }
  if (policy.min_guest_svn != strict.min_guest_svn) {
    out.insert("min_guest_svn", std::int64_t{policy.min_guest_svn});
  }
  if (policy.max_vmpl != strict.max_vmpl) out.insert("max_vmpl", std::int64_t{policy.max_vmpl});
  const SnpVersion& firmware = policy.min_firmware;
  if (firmware.major != 0 || firmware.minor != 0 || firmware.build != 0) {
    out.insert("min_firmware",
               fmt::format("{}.{}.{}", firmware.major, firmware.minor, firmware.build));
  }
  const SnpAbi& abi = policy.min_abi;
  if (abi.major != 0 || abi.minor != 0) {
    out.insert("min_abi", fmt::format("{}.{}", abi.major, abi.minor));
  }
}

}  // namespace

Status read_snp(TomlSection& snp, SnpPolicy& out) {
  for (const auto& [name, member] : kFlags) TRY(snp.read(name, out.*member));
  for (const HexSet& set : kHexSets) TRY(snp.read_hex(set.name, set.digits, out.*set.member));
  TRY(snp.read("csp_id", out.csp_ids, is_name, "a name"));
  TRY(read_floors(snp, "min_tcb", out.min_tcb));
  TRY(read_floors(snp, "min_launch_tcb", out.min_launch_tcb));
  TRY(read_numbers(snp, out));
  return snp.read("min_crl_this_update", out.min_crl_this_update);
}

toml::table write_snp(const SnpPolicy& policy) {
  const SnpPolicy strict;
  toml::table out;
  for (const auto& [name, member] : kFlags) {
    if (policy.*member != strict.*member) out.insert(name, policy.*member);
  }
  for (const HexSet& set : kHexSets) put(out, set.name, policy.*set.member);
  put(out, "csp_id", policy.csp_ids);
  put_section(out, "min_tcb", write_floors(policy.min_tcb));
  put_section(out, "min_launch_tcb", write_floors(policy.min_launch_tcb));
  put_numbers(out, policy);
  if (policy.min_crl_this_update) {
    put_time(out, "min_crl_this_update", *policy.min_crl_this_update);
  }
  return out;
}

}  // namespace confide::verify
