#include "verify/snp_accept.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/bytes.h"

namespace confide::verify {
namespace {

using evidence::SnpFirmwareVersion;
using evidence::SnpReport;
using evidence::SnpTcb;

Status refuse(std::string_view rule, const std::vector<std::string>& findings) {
  if (findings.empty()) return {};
  return fail(Errc::policy, fmt::format("{}: {}", rule, fmt::join(findings, " ")));
}

bool is_provisional(const SnpReport& report) {
  return report.committed_tcb != report.current_tcb || !(report.committed == report.current);
}

Status accept_floor(std::string_view what, const SnpTcbFloors& floors, const SnpTcb& tcb,
                    evidence::SnpProduct product) {
  if (floors.empty()) return {};
  const auto at = floors.find(to_string(product));
  if (at == floors.end()) {
    return fail(Errc::policy,
                fmt::format("S16: the policy has no floor for {} of {}", what, to_string(product)));
  }
  const SnpTcbFloor& least = at->second;
  std::vector<std::string> below;
  if (tcb.fmc < least.fmc) below.emplace_back("fmc");
  if (tcb.bl < least.bl) below.emplace_back("bl");
  if (tcb.tee < least.tee) below.emplace_back("tee");
  if (tcb.snp < least.snp) below.emplace_back("snp");
  if (tcb.ucode < least.ucode) below.emplace_back("ucode");
  return refuse(fmt::format("S16: {} below the floor", what), below);
}

std::uint64_t to_bits(const ByteArray<8>& vector) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < vector.size(); ++i) {
    out |= std::uint64_t{vector[i]} << (8U * static_cast<unsigned>(i));
  }
  return out;
}

Status accept_one(std::string_view name, const std::set<std::string>& accepted,
                  const std::string& value) {
  if (accepted.empty() || accepted.contains(value)) return {};
  return fail(Errc::policy, fmt::format("S19: {} is {}", name, value));
}

// The chip that is vouched for: a masked CHIP_ID hides it, the VCEK does not. With a VLEK it is
// what the firmware wrote, or zeros.
std::string chip_of(const SnpReport& report, const crypto::AmdExtension& leaf) {
  if (!leaf.hw_id) return to_hex(report.chip_id);
  ByteArray<64> out{};
  std::ranges::copy(*leaf.hw_id, out.begin());
  return to_hex(out);
}

Status accept_origin(const SnpReport& report, const crypto::AmdExtension* leaf,
                     const SnpPolicy& policy) {
  if (policy.chip_ids.empty() && policy.csp_ids.empty()) return {};
  if (leaf == nullptr) return fail(Errc::policy, "S19: nothing certifies the chip or the provider");
  TRY(accept_one("chip_id", policy.chip_ids, chip_of(report, *leaf)));
  return accept_one("csp_id", policy.csp_ids, leaf->csp_id.value_or(""));
}

}  // namespace

std::vector<std::string> policy_findings(const SnpReport& report) {
  std::vector<std::string> out;
  if (report.policy.debug()) out.emplace_back("policy_debug_allowed");
  if (report.policy.migrate_ma()) out.emplace_back("policy_migration_agent_allowed");
  if (report.policy.reserved() != 0) out.emplace_back("policy_reserved_bits");
  if (!report.policy.reserved_one()) out.emplace_back("policy_bit_17_clear");
  return out;
}

std::vector<std::string> informational_findings(const SnpReport& report) {
  std::vector<std::string> out;
  if (report.vmpl != 0) out.push_back(fmt::format("vmpl={}", report.vmpl));
  if (is_provisional(report)) out.emplace_back("provisional_firmware (committed != current)");
  if (report.reported_tcb != report.current_tcb) out.emplace_back("reported_tcb != current_tcb");
  return out;
}

Status accept_guest_policy(const evidence::SnpGuestPolicy& guest, const SnpPolicy& policy) {
  std::vector<std::string> findings;
  const auto require = [&findings](bool fine, const char* name) {
    if (!fine) findings.emplace_back(name);
  };
  require(guest.reserved_one(), "policy_bit_17_clear");
  require(guest.reserved() == 0, "policy_reserved_bits");
  require(policy.allow_debug || !guest.debug(), "policy_debug_allowed");
  require(policy.allow_migration_agent || !guest.migrate_ma(), "policy_migration_agent_allowed");
  require(!policy.require_smt_disabled || !guest.smt(), "smt_allowed");
  require(!policy.require_single_socket || guest.single_socket(), "several_sockets_allowed");
  require(!policy.require_cxl_disabled || !guest.cxl_allow(), "cxl_allowed");
  require(!policy.require_aes_256_xts || guest.mem_aes_256_xts(), "aes_256_xts_not_demanded");
  require(!policy.require_rapl_disabled || guest.rapl_dis(), "rapl_allowed");
  require(!policy.require_ciphertext_hiding || guest.ciphertext_hiding(),
          "ciphertext_hiding_not_demanded");
  require(!policy.require_page_swap_disabled || guest.page_swap_disable(), "page_swap_allowed");
  require(std::pair(guest.abi_major(), guest.abi_minor()) >=
              std::pair(policy.min_abi.major, policy.min_abi.minor),
          "abi_below_minimum");
  return refuse("S14", findings);
}

Status accept_platform_info(const evidence::SnpPlatformInfo& info, const SnpPolicy& policy) {
  std::vector<std::string> findings;
  if (policy.require_tsme && !info.tsme()) findings.emplace_back("no_tsme");
  if (policy.require_ecc && !info.ecc()) findings.emplace_back("no_ecc");
  if (policy.require_alias_check && !info.alias_check_complete()) {
    findings.emplace_back("no_alias_check");
  }
  return refuse("S15", findings);
}

Status accept_tcb(const SnpReport& report, const SnpTcb& certified, evidence::SnpProduct product,
                  const SnpPolicy& policy) {
  TRY(accept_floor("REPORTED_TCB", policy.min_tcb, certified, product));
  TRY_ASSIGN(const SnpTcb launch, parse_snp_tcb(report.launch_tcb, product));
  return accept_floor("LAUNCH_TCB", policy.min_launch_tcb, launch, product);
}

Status accept_firmware(const SnpReport& report, const SnpPolicy& policy) {
  const SnpFirmwareVersion& committed = report.committed;
  const SnpVersion& least = policy.min_firmware;
  std::vector<std::string> findings;
  if (std::tuple(committed.major, committed.minor, committed.build) <
      std::tuple(least.major, least.minor, least.build)) {
    findings.emplace_back("version_below_minimum");
  }
  if (!policy.allow_provisional_firmware && is_provisional(report)) {
    findings.emplace_back("provisional_firmware");
  }
  if (!policy.allow_reported_below_current && report.reported_tcb != report.current_tcb) {
    findings.emplace_back("reported_tcb_is_not_current_tcb");
  }
  const std::uint64_t open = policy.required_mitigations & ~to_bits(report.current_mit_vector);
  if (open != 0) findings.push_back(fmt::format("open_mitigations={:#x}", open));
  return refuse("S17", findings);
}

Status accept_guest(const SnpReport& report, const SnpPolicy& policy) {
  std::vector<std::string> findings;
  if (report.guest_svn < policy.min_guest_svn) {
    findings.push_back(fmt::format("guest_svn={}", report.guest_svn));
  }
  if (report.vmpl > policy.max_vmpl) findings.push_back(fmt::format("vmpl={:#x}", report.vmpl));
  return refuse("S18", findings);
}

bool pins_values(const SnpPolicy& p) {
  return !(p.measurements.empty() && p.host_data.empty() && p.id_key_digests.empty() &&
           p.author_key_digests.empty() && p.family_ids.empty() && p.image_ids.empty() &&
           p.chip_ids.empty() && p.csp_ids.empty() && p.allow_vlek);
}

Status accept_values(const SnpReport& report, const crypto::AmdExtension* leaf,
                     const SnpPolicy& policy) {
  if (!policy.allow_vlek && report.key_info.signing_key() != evidence::SnpSigningKey::vcek) {
    return fail(Errc::policy, "S19: not signed by a VCEK");
  }
  TRY(accept_one("measurement", policy.measurements, to_hex(report.measurement)));
  TRY(accept_one("host_data", policy.host_data, to_hex(report.host_data)));
  TRY(accept_one("id_key_digest", policy.id_key_digests, to_hex(report.id_key_digest)));
  if (!policy.author_key_digests.empty() && !report.key_info.author_key_en()) {
    return fail(Errc::policy, "S19: no author key signed the id key");
  }
  TRY(accept_one("author_key_digest", policy.author_key_digests, to_hex(report.author_key_digest)));
  TRY(accept_one("family_id", policy.family_ids, to_hex(report.family_id)));
  TRY(accept_one("image_id", policy.image_ids, to_hex(report.image_id)));
  return accept_origin(report, leaf, policy);
}

}  // namespace confide::verify
