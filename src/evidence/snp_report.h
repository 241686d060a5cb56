// The AMD SEV-SNP attestation report, as bytes define it. Parses; judges nothing.
// AMD SEV Secure Nested Paging Firmware ABI Specification (56860), ATTESTATION_REPORT; offsets in
// docs/protocols/snp.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace confide::evidence {

enum class SnpProduct { milan, genoa, turin };

// "Milan", "Genoa" (with Bergamo and Siena, which hold keys of the same root) or "Turin".
std::string_view to_string(SnpProduct product) noexcept;

struct SnpCpuid {  // family and model with their extended parts added in; all zero in version 2
  std::uint8_t family = 0;
  std::uint8_t model = 0;
  std::uint8_t stepping = 0;
};

// Nothing for processors that are none of the three.
std::optional<SnpProduct> product_of(const SnpCpuid& cpuid) noexcept;

using SnpTcbVersion = ByteArray<8>;  // as it stands in the report; its layout is the product's

struct SnpTcb {
  std::uint8_t fmc = 0;  // Turin alone
  std::uint8_t bl = 0;   // boot loader
  std::uint8_t tee = 0;
  std::uint8_t snp = 0;
  std::uint8_t ucode = 0;
  bool operator==(const SnpTcb&) const = default;
};

// Fails with `malformed` if a reserved byte is not zero.
Result<SnpTcb> parse_snp_tcb(const SnpTcbVersion& version, SnpProduct product);

// POLICY: what the firmware holds the host to as long as the guest lives.
struct SnpGuestPolicy {
  std::uint64_t raw = 0;
  std::uint8_t abi_minor() const noexcept { return static_cast<std::uint8_t>(raw & 0xFFU); }
  std::uint8_t abi_major() const noexcept { return static_cast<std::uint8_t>(raw >> 8U & 0xFFU); }
  bool smt() const noexcept { return bit(16); }
  bool reserved_one() const noexcept { return bit(17); }  // must be set
  bool migrate_ma() const noexcept { return bit(18); }
  bool debug() const noexcept { return bit(19); }
  bool single_socket() const noexcept { return bit(20); }
  bool cxl_allow() const noexcept { return bit(21); }
  bool mem_aes_256_xts() const noexcept { return bit(22); }
  bool rapl_dis() const noexcept { return bit(23); }
  bool ciphertext_hiding() const noexcept { return bit(24); }
  bool page_swap_disable() const noexcept { return bit(25); }
  std::uint64_t reserved() const noexcept { return raw >> 26U; }

 private:
  bool bit(unsigned n) const noexcept { return (raw >> n & 1U) != 0; }
};

// PLATFORM_INFO: how the machine was set up when the report was made.
struct SnpPlatformInfo {
  std::uint64_t raw = 0;
  bool smt() const noexcept { return bit(0); }
  bool tsme() const noexcept { return bit(1); }
  bool ecc() const noexcept { return bit(2); }
  bool rapl_dis() const noexcept { return bit(3); }
  bool ciphertext_hiding() const noexcept { return bit(4); }
  bool alias_check_complete() const noexcept { return bit(5); }
  bool iommu_write_safe() const noexcept { return bit(6); }
  bool tio() const noexcept { return bit(7); }

 private:
  bool bit(unsigned n) const noexcept { return (raw >> n & 1U) != 0; }
};

enum class SnpSigningKey : std::uint8_t { vcek = 0, vlek = 1, none = 7 };  // others are reserved

struct SnpKeyInfo {
  std::uint32_t raw = 0;
  bool author_key_en() const noexcept { return (raw & 1U) != 0; }
  bool mask_chip_key() const noexcept { return (raw & 2U) != 0; }
  SnpSigningKey signing_key() const noexcept { return static_cast<SnpSigningKey>(raw >> 2U & 7U); }
  std::uint32_t reserved() const noexcept { return raw >> 5U; }
};

struct SnpFirmwareVersion {
  std::uint8_t build = 0;
  std::uint8_t minor = 0;
  std::uint8_t major = 0;
  bool operator==(const SnpFirmwareVersion&) const = default;
};

struct SnpReport {
  std::uint32_t version = 0;  // 2 to 5
  std::uint32_t guest_svn = 0;
  SnpGuestPolicy policy;
  ByteArray<16> family_id{};
  ByteArray<16> image_id{};
  std::uint32_t vmpl = 0;            // 0 to 3; 0xFFFFFFFF if the host asked for the report
  std::uint32_t signature_algo = 0;  // 1: ECDSA P-384 with SHA-384
  SnpTcbVersion current_tcb{};
  SnpPlatformInfo platform_info;
  SnpKeyInfo key_info;
  ByteArray<64> report_data{};
  ByteArray<48> measurement{};
  ByteArray<32> host_data{};
  ByteArray<48> id_key_digest{};
  ByteArray<48> author_key_digest{};
  ByteArray<32> report_id{};
  ByteArray<32> report_id_ma{};
  SnpTcbVersion reported_tcb{};
  SnpCpuid cpuid;  // from version 3
  ByteArray<64> chip_id{};
  SnpTcbVersion committed_tcb{};
  SnpFirmwareVersion current;
  SnpFirmwareVersion committed;
  SnpTcbVersion launch_tcb{};
  ByteArray<8> launch_mit_vector{};   // from version 5
  ByteArray<8> current_mit_vector{};  // from version 5

  ByteArray<672> signed_bytes{};  // exactly as received
  ByteArray<72> signature_r{};    // little-endian
  ByteArray<72> signature_s{};
};

inline constexpr std::size_t kSnpReportBytes = 1184;

// Fails with `malformed` if the size is another or a reserved byte is not zero (reserved bits
// inside the fields above are for the judge), `unsupported` on another version.
Result<SnpReport> parse_snp_report(ByteView bytes);

}  // namespace confide::evidence
