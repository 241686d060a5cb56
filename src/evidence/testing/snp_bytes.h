// Writes SEV-SNP reports and certificate tables byte for byte, so that tests can spoil one field at
// a time.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "evidence/snp_certificates.h"
#include "evidence/testing/quote_bytes.h"

namespace confide::evidence::testing {

inline void put_u64le(Bytes& to, std::uint64_t value) {
  put_u32le(to, static_cast<std::uint32_t>(value & 0xFFFFFFFFU));
  put_u32le(to, static_cast<std::uint32_t>(value >> 32U));
}

inline void put_version(Bytes& to, const SnpFirmwareVersion& version) {
  to.insert(to.end(), {version.build, version.minor, version.major, 0});
}

// The 672 bytes that are signed, made of the fields. What a version does not have is left out.
inline Bytes write_snp_signed_bytes(const SnpReport& report) {
  Bytes out;
  put_u32le(out, report.version);
  put_u32le(out, report.guest_svn);
  put_u64le(out, report.policy.raw);
  append(out, report.family_id);
  append(out, report.image_id);
  put_u32le(out, report.vmpl);
  put_u32le(out, report.signature_algo);
  append(out, report.current_tcb);
  put_u64le(out, report.platform_info.raw);
  put_u32le(out, report.key_info.raw);
  put_zeros(out, 4);
  append(out, report.report_data);
  append(out, report.measurement);
  append(out, report.host_data);
  append(out, report.id_key_digest);
  append(out, report.author_key_digest);
  append(out, report.report_id);
  append(out, report.report_id_ma);
  append(out, report.reported_tcb);
  if (report.version >= 3) {
    out.insert(out.end(), {report.cpuid.family, report.cpuid.model, report.cpuid.stepping});
  }
  put_zeros(out, 0x1A0 - out.size());
  append(out, report.chip_id);
  append(out, report.committed_tcb);
  put_version(out, report.current);
  put_version(out, report.committed);
  append(out, report.launch_tcb);
  if (report.version >= 5) {
    append(out, report.launch_mit_vector);
    append(out, report.current_mit_vector);
  }
  put_zeros(out, 0x2A0 - out.size());
  return out;
}

// `signature` is r || s, big-endian, 48 bytes each.
inline Bytes write_snp_report(ByteView signed_bytes, ByteView signature) {
  Bytes out = to_bytes(signed_bytes);
  for (const ByteView number : {signature.first(48), signature.last(48)}) {
    out.insert(out.end(), number.rbegin(), number.rend());
    put_zeros(out, 24);
  }
  put_zeros(out, kSnpReportBytes - out.size());
  return out;
}

struct SnpTableEntry {
  std::string_view guid;  // hex
  Bytes data;
};

inline constexpr std::string_view kVcekGuid = "63da758de6644564adc5f4b93be8accd";
inline constexpr std::string_view kVlekGuid = "a8074bc2a25a483eaae639c045a0b8a1";
inline constexpr std::string_view kAskGuid = "4ab7b379bbac4fe4a02f05aef327c782";
inline constexpr std::string_view kArkGuid = "c0b406a4a803495297433fb6014cd0ae";
inline constexpr std::string_view kCrlGuid = "92f81bc358114d3d97ffd19f88dc67ea";

inline void put_table_entry(Bytes& to, std::string_view guid, std::uint32_t offset,
                            std::uint32_t length) {
  append(to, from_hex(guid).value());
  put_u32le(to, offset);
  put_u32le(to, length);
}

inline constexpr std::size_t kTableEntryBytes = 24;

// Entries, end mark, then the data in the same order.
inline Bytes write_snp_certificate_table(const std::vector<SnpTableEntry>& entries) {
  Bytes out;
  std::size_t at = (entries.size() + 1) * kTableEntryBytes;
  for (const SnpTableEntry& entry : entries) {
    put_table_entry(out, entry.guid, static_cast<std::uint32_t>(at),
                    static_cast<std::uint32_t>(entry.data.size()));
    at += entry.data.size();
  }
  put_zeros(out, kTableEntryBytes);
  for (const SnpTableEntry& entry : entries) append(out, entry.data);
  return out;
}

}  // namespace confide::evidence::testing
