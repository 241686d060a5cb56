#include "verify/dcap_policy.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>

#include <fmt/format.h>

namespace confide::verify {
namespace {

using evidence::TcbStatus;

bool is_tolerated(const std::vector<Tolerance>& tolerances, std::string_view name, Time at) {
  return std::ranges::any_of(tolerances,
                             [&](const Tolerance& t) { return t.name == name && at < t.until; });
}

// Bits of TD_ATTRIBUTES (Intel TDX Module Base Architecture Specification, TD attributes).
constexpr std::uint64_t bit(unsigned n) { return std::uint64_t{1} << n; }
constexpr std::uint64_t kDebug = bit(0);
constexpr std::uint64_t kSeptVeDisable = bit(28);
constexpr std::uint64_t kMigratable = bit(29);
constexpr std::uint64_t kProtectionKeys = bit(30);
constexpr std::uint64_t kKeyLocker = bit(31);
constexpr std::uint64_t kPerfmon = bit(63);
constexpr std::uint64_t kDefined =
    kDebug | kSeptVeDisable | kMigratable | kProtectionKeys | kKeyLocker | kPerfmon;

// Bits of XFAM (the same specification): what every TD has, and what no TD may have.
constexpr std::uint64_t kX87 = bit(0);
constexpr std::uint64_t kSse = bit(1);
constexpr std::uint64_t kExtendedFeatures =
    kX87 | kSse | bit(2) | bit(5) | bit(6) | bit(7) |  // AVX, AVX-512
    bit(8) | bit(9) | bit(11) | bit(12) |              // PT, PKRU, CET
    bit(14) | bit(15) | bit(17) | bit(18) | bit(19);   // UINTR, LBR, AMX, APX

// A bit of an SGX report's FLAGS (Intel Software Developer's Manual, volume 3D, ATTRIBUTES).
constexpr std::uint64_t kEnclaveDebug = bit(1);

std::uint64_t to_bits(std::span<const std::uint8_t, 8> little_endian) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < little_endian.size(); ++i) {
    out |= std::uint64_t{little_endian[i]} << (8U * static_cast<unsigned>(i));
  }
  return out;
}

}  // namespace

Status accept_status(const TcbEvaluation& tcb, const Policy& policy, Time at) {
  if (!tcb.status) return fail(Errc::policy, "T25: NotSupported: below every level Intel lists");
  if (*tcb.status == TcbStatus::up_to_date) return {};
  const std::string_view name = to_string(*tcb.status);
  if (*tcb.status != TcbStatus::revoked && is_tolerated(policy.tolerated_tcb, name, at)) return {};
  return fail(Errc::policy, fmt::format("T25: {}", name));
}

Status accept_advisories(const TcbEvaluation& tcb, const Policy& policy, Time at) {
  // UpToDate says that what the advisories ask for has been done.
  if (tcb.status == TcbStatus::up_to_date) return {};
  if (!tcb.status) return fail(Errc::policy, "T26: no level, so nobody knows which apply");
  std::string open;
  for (const std::string& id : tcb.advisory_ids) {
    if (!is_tolerated(policy.tolerated_advisories, id, at)) open += " " + id;
  }
  if (!open.empty()) return fail(Errc::policy, "T26: open:" + open);
  return {};
}

PolicyFindings find_in_td_attributes(const ByteArray<8>& attributes) {
  const std::uint64_t bits = to_bits(attributes);
  PolicyFindings out;
  if ((bits & kDebug) != 0) out.emplace_back("td_debug");
  if ((bits & kSeptVeDisable) == 0) out.emplace_back("sept_ve_disable_clear");
  if ((bits & kMigratable) != 0) out.emplace_back("migratable");
  if ((bits & kPerfmon) != 0) out.emplace_back("perfmon");
  if ((bits & ~kDefined) != 0) out.emplace_back("td_attributes_reserved_bits");
  return out;
}

PolicyFindings find_in_xfam(const ByteArray<8>& xfam) {
  const std::uint64_t bits = to_bits(xfam);
  PolicyFindings out;
  if ((bits & (kX87 | kSse)) != (kX87 | kSse)) out.emplace_back("xfam_required_bits");
  if ((bits & ~kExtendedFeatures) != 0) out.emplace_back("xfam_reserved_bits");
  return out;
}

PolicyFindings find_in_service_td(const evidence::TdReport& td) {
  if (!td.td15 || td.td15->mr_service_td == evidence::Measurement{}) return {};
  return {"mr_service_td_nonzero"};
}

PolicyFindings find_in_enclave_attributes(const ByteArray<16>& attributes) {
  if ((to_bits(std::span(attributes).first<8>()) & kEnclaveDebug) == 0) return {};
  return {"sgx_debug"};
}

Status accept_findings(std::string_view rule, const PolicyFindings& findings) {
  if (findings.empty()) return {};
  return fail(Errc::policy, fmt::format("{}: {}", rule, fmt::join(findings, " ")));
}

const evidence::Measurement* find_register(const evidence::TdReport& td, std::string_view name) {
  const std::array<const evidence::Measurement*, kMeasurementNames.size()> registers{
      &td.mr_td,   &td.rtmr[0],        &td.rtmr[1],      &td.rtmr[2],  &td.rtmr[3],
      &td.mr_seam, &td.mr_signer_seam, &td.mr_config_id, &td.mr_owner, &td.mr_owner_config};
  const auto* const at = std::ranges::find(kMeasurementNames, name);
  if (at == kMeasurementNames.end()) return nullptr;
  return registers.at(static_cast<std::size_t>(at - kMeasurementNames.begin()));
}

namespace {

// In hex, or nothing if a quote of this kind has none of this name.
std::optional<std::string> find_measurement(const evidence::DcapQuote& quote,
                                            std::string_view name) {
  if (const auto* const td = quote.td(); td != nullptr) {
    const evidence::Measurement* const value = find_register(*td, name);
    return value == nullptr ? std::nullopt : std::optional(to_hex(*value));
  }
  const evidence::EnclaveReport& enclave = *quote.enclave();
  if (name == "mr_enclave") return to_hex(enclave.mr_enclave);
  if (name == "mr_signer") return to_hex(enclave.mr_signer);
  return std::nullopt;
}

}  // namespace

Status accept_measurements(const evidence::DcapQuote& quote, const Policy& policy) {
  for (const auto& [name, accepted] : policy.measurements) {
    if (accepted.empty()) continue;
    const auto value = find_measurement(quote, name);
    if (!value) return fail(Errc::policy, fmt::format("T28: there is no register '{}'", name));
    if (!accepted.contains(*value)) {
      return fail(Errc::policy, fmt::format("T28: {} is {}", name, *value));
    }
  }
  return {};
}

}  // namespace confide::verify
