// Azure's attestation report of a confidential VM, as its paravisor (HCL) leaves it in the vTPM:
// the hardware's report, and the runtime data that its report_data must name. Parses; judges
// nothing.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace confide::evidence {

enum class HclReportType { snp = 2, tdx = 4 };
enum class HclHash { sha256 = 1, sha384 = 2, sha512 = 3 };

struct HclReport {
  HclReportType type = HclReportType::snp;
  HclHash hash = HclHash::sha256;
  Bytes hardware_report;        // 1184 bytes; a TDREPORT has 1024, zeros follow
  ByteArray<64> report_data{};  // of the hardware report
  Bytes runtime_data;           // JSON that holds the vTPM's keys
};

inline constexpr std::size_t kMaxHclReportBytes = 64 * 1024;

// Zero bytes behind the report are padding. Fails with `malformed`, `limit`, or `unsupported` on
// another version, hardware or hash.
Result<HclReport> parse_hcl_report(ByteView bytes);

}  // namespace confide::evidence
