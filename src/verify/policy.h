// The appraisal policy: what a user accepts. One TOML file (docs/operations.md shows one whole).
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "crypto/x509.h"
#include "verify/gpu_policy.h"
#include "verify/platform_policy.h"
#include "verify/snp_policy.h"

namespace confide::verify {

// What a vendor's root vouches for.
enum class Anchor { intel_sgx, amd_milan, amd_genoa, amd_turin, nvidia_device, nvidia_rim };

struct TrustRoot {
  crypto::Certificate certificate;
  bool simulated = false;  // true for every root that is not a vendor's built-in one
  // Of a built-in root, the one thing it vouches for; a root that the user named may vouch for any.
  std::optional<Anchor> anchors{};

  bool may_anchor(Anchor what) const noexcept { return !anchors || *anchors == what; }
};

// A vendor's root that this library knows, and its name in a policy file.
struct BuiltInRoot {
  std::string_view name;
  Anchor anchors;
  crypto::Certificate certificate;
};
const std::vector<BuiltInRoot>& built_in_roots();

// An advisory or TCB status that is accepted although it is not the best one, before `until`.
struct Tolerance {
  std::string name;  // OutOfDate, SWHardeningNeeded, ... or INTEL-SA-00837
  Time until{};      // in a file a date, which stands for its first second in UTC, or a date-time
};

// What a policy can pin by value: 48-byte registers, by their names in TdReport.
inline constexpr std::array<std::string_view, 10> kMeasurementNames{
    "mr_td",   "rtmr0",          "rtmr1",        "rtmr2",    "rtmr3",
    "mr_seam", "mr_signer_seam", "mr_config_id", "mr_owner", "mr_owner_config"};
// ... and of an SGX enclave, 32 bytes each.
inline constexpr std::array<std::string_view, 2> kEnclaveMeasurementNames{"mr_enclave",
                                                                          "mr_signer"};

struct Policy {
  // All that evidence may chain to. Vendors' roots are there by default, a simulator's only if
  // named.
  std::vector<TrustRoot> roots;
  std::vector<Tolerance> tolerated_tcb;  // UpToDate is always accepted, Revoked never
  // A tolerated status does not tolerate the advisories that come with it: each is named as well.
  std::vector<Tolerance> tolerated_advisories;
  // Accepted values, lower-case hex, by register: mr_td, rtmr0, ... Absent or empty: any value.
  // An empty list in a policy file is an error: it never means "allow all".
  std::vector<std::pair<std::string, std::set<std::string>>> measurements;
  std::set<std::string> compose_hashes;  // accepted application manifests; empty: any
  std::set<std::string> model_digests;   // accepted models, SHA-256 hex; empty: any
  std::chrono::seconds max_keyset_lifetime{std::chrono::days{366}};
  PlatformPolicy platform;  // of Intel quotes
  SnpPolicy snp;
  GpuPolicy gpu;

  // The vendors' roots and nothing else: no simulator, UpToDate only, any measurement.
  static Policy strict();
  // Fails with `malformed`, naming the line, on unknown members, wrong types and empty lists.
  // `trust_roots`, where present, are all the roots there are; absent, they are strict()'s.
  static Result<Policy> from_toml(std::string_view text);
  std::string to_toml() const;
  // Adds a root that evidence may chain to; it counts as simulated unless it is a built-in one.
  void trust(const crypto::Certificate& root);
};

// Intel SGX Root CA, the anchor of every genuine TDX quote.
const crypto::Certificate& intel_sgx_root();

}  // namespace confide::verify
