#include "evidence/hcl_report.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace confide::evidence {
namespace {

constexpr std::string_view kSignature = "HCLA";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kHardwareBytes = 1184;
constexpr std::uint32_t kRuntimeHeaderBytes = 20;
// Of report_data in an SNP report, and in a TDREPORT's REPORTMACSTRUCT.
constexpr std::size_t kSnpReportDataAt = 0x50;
constexpr std::size_t kTdReportDataAt = 128;

// Gives the size of the whole report, padding not counted.
Result<std::uint32_t> parse_header(ByteReader& in) {
  TRY_ASSIGN(const ByteView signature, in.take(kSignature.size(), "HCL signature"));
  if (as_text(signature) != kSignature) return fail(Errc::malformed, "HCL signature");
  TRY_ASSIGN(const std::uint32_t version, in.u32le("HCL version"));
  if (version != kVersion) return fail(Errc::unsupported, fmt::format("HCL version {}", version));
  TRY_ASSIGN(const std::uint32_t size, in.u32le("HCL report size"));
  TRY(in.take(kHeaderBytes - 12, "HCL request type, status and reserved bytes"));
  return size;
}

Result<HclReportType> parse_type(ByteReader& in) {
  TRY_ASSIGN(const std::uint32_t type, in.u32le("HCL report type"));
  if (type == 2) return HclReportType::snp;
  if (type == 4) return HclReportType::tdx;
  return fail(Errc::unsupported, fmt::format("HCL report type {}", type));
}

Result<HclHash> parse_hash(ByteReader& in) {
  TRY_ASSIGN(const std::uint32_t hash, in.u32le("HCL hash type"));
  if (hash == 1) return HclHash::sha256;
  if (hash == 2) return HclHash::sha384;
  if (hash == 3) return HclHash::sha512;
  return fail(Errc::unsupported, fmt::format("HCL hash type {}", hash));
}

}  // namespace

Result<HclReport> parse_hcl_report(ByteView bytes) {
  if (bytes.size() > kMaxHclReportBytes) return fail(Errc::limit, "HCL report");
  ByteReader in(bytes);
  HclReport out;
  TRY_ASSIGN(const std::uint32_t size, parse_header(in));
  TRY_ASSIGN(const ByteView hardware, in.take(kHardwareBytes, "HCL hardware report"));
  out.hardware_report = to_bytes(hardware);
  TRY_ASSIGN(const std::uint32_t data_size, in.u32le("HCL runtime data size"));
  TRY(in.take(4, "HCL runtime data version"));
  TRY_ASSIGN(out.type, parse_type(in));
  TRY_ASSIGN(out.hash, parse_hash(in));
  TRY_ASSIGN(const std::uint32_t variable_size, in.u32le("HCL variable data size"));
  TRY_ASSIGN(const ByteView runtime_data, in.take(variable_size, "HCL variable data"));
  if (data_size - kRuntimeHeaderBytes != variable_size) {
    return fail(Errc::malformed, "HCL runtime data size");
  }
  if (size != bytes.size() - in.left()) return fail(Errc::malformed, "HCL report size");
  if (!std::ranges::all_of(in.rest(), [](std::uint8_t b) { return b == 0; })) {
    return fail(Errc::malformed, "HCL padding");
  }
  out.runtime_data = to_bytes(runtime_data);
  const std::size_t at = out.type == HclReportType::snp ? kSnpReportDataAt : kTdReportDataAt;
  std::ranges::copy(hardware.subspan(at, out.report_data.size()), out.report_data.begin());
  return out;
}

}  // namespace confide::evidence
