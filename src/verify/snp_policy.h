// What a user demands of an AMD SEV-SNP guest, beyond what AMD's own rules demand of its report.
// docs/protocols/snp.md. A default-constructed policy is the strict one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"

namespace confide::verify {

// The least security patch level of each component; `fmc` counts on Turin alone.
struct SnpTcbFloor {
  std::uint8_t fmc = 0;
  std::uint8_t bl = 0;  // boot loader
  std::uint8_t tee = 0;
  std::uint8_t snp = 0;
  std::uint8_t ucode = 0;
};

// By product: "Milan", "Genoa", "Turin". Empty: no floor. A product that is not listed among others
// is refused.
using SnpTcbFloors = std::map<std::string, SnpTcbFloor, std::less<>>;

struct SnpVersion {  // of the firmware, as "1.55.29"
  std::uint8_t major = 0;
  std::uint8_t minor = 0;
  std::uint8_t build = 0;
};

struct SnpAbi {  // POLICY.ABI_MAJOR and ABI_MINOR
  std::uint8_t major = 0;
  std::uint8_t minor = 0;
};

struct SnpPolicy {
  SnpTcbFloors min_tcb;                      // for REPORTED_TCB
  SnpTcbFloors min_launch_tcb;               // for LAUNCH_TCB
  SnpVersion min_firmware;                   // for the committed firmware
  bool allow_provisional_firmware = true;    // COMMITTED_TCB or version other than the current
  bool allow_reported_below_current = true;  // REPORTED_TCB other than CURRENT_TCB
  std::uint64_t required_mitigations =
      0;  // bits of CURRENT_MIT_VECTOR; none before report version 5

  // What the guest's policy, which the firmware enforces, may or must say.
  bool allow_debug = false;
  bool allow_migration_agent = false;
  bool require_smt_disabled = false;
  bool require_single_socket = false;
  bool require_cxl_disabled = false;
  bool require_aes_256_xts = false;
  bool require_rapl_disabled = false;
  bool require_ciphertext_hiding = false;
  bool require_page_swap_disabled = false;
  SnpAbi min_abi;

  // What PLATFORM_INFO must say.
  bool require_tsme = false;
  bool require_ecc = false;
  bool require_alias_check = false;

  std::uint32_t min_guest_svn = 0;
  std::uint32_t max_vmpl = 3;  // 0 is the most privileged

  // Accepted values, lower-case hex; empty: any.
  std::set<std::string> measurements;        // 48 bytes
  std::set<std::string> host_data;           // 32 bytes
  std::set<std::string> id_key_digests;      // 48 bytes, SHA-384
  std::set<std::string> author_key_digests;  // 48 bytes, SHA-384
  std::set<std::string> family_ids;          // 16 bytes
  std::set<std::string> image_ids;           // 16 bytes
  std::set<std::string> chip_ids;            // 64 bytes, as in the report (Turin: 8 and zeros)
  std::set<std::string> csp_ids;             // not hex: whom a VLEK was issued to

  bool allow_vlek = true;
  // A VCEK report that hides its CHIP_ID (all zero): the certificate's hwID is taken in its place.
  bool allow_masked_chip_id = false;
  bool require_crl = false;                   // AMD's revocation list must be there
  std::optional<Time> min_crl_this_update{};  // ... and be issued at this time or later
};

}  // namespace confide::verify
