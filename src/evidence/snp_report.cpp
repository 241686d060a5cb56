#include "evidence/snp_report.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

namespace confide::evidence {
namespace {

constexpr std::uint32_t kOldestVersion = 2;
constexpr std::uint32_t kNewestVersion = 5;
constexpr std::uint32_t kFirstWithCpuid = 3;
constexpr std::uint32_t kFirstWithMitigations = 5;
constexpr std::size_t kSignedBytes = 0x2A0;

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t b) { return b == 0; });
}

// S3.
Status expect_zeros(ByteReader& in, std::size_t n, std::string_view what) {
  TRY_ASSIGN(const ByteView bytes, in.take(n, what));
  if (!all_zero(bytes)) {
    return fail(Errc::malformed, fmt::format("S3: {}: reserved bytes are not zero", what));
  }
  return {};
}

Result<std::uint64_t> read_u64(ByteReader& in, std::string_view what) {
  TRY_ASSIGN(const std::uint32_t low, in.u32le(what));
  TRY_ASSIGN(const std::uint32_t high, in.u32le(what));
  return std::uint64_t{high} << 32U | low;
}

Result<SnpFirmwareVersion> read_version(ByteReader& in, std::string_view what) {
  SnpFirmwareVersion out;
  TRY_ASSIGN(out.build, in.u8(what));
  TRY_ASSIGN(out.minor, in.u8(what));
  TRY_ASSIGN(out.major, in.u8(what));
  TRY(expect_zeros(in, 1, what));
  return out;
}

// 0x000 to 0x04F.
Status parse_head(ByteReader& in, SnpReport& out) {
  TRY_ASSIGN(out.version, in.u32le("version"));
  if (out.version < kOldestVersion || out.version > kNewestVersion) {
    return fail(Errc::unsupported, fmt::format("S2: report version {}", out.version));
  }
  TRY_ASSIGN(out.guest_svn, in.u32le("guest_svn"));
  TRY_ASSIGN(out.policy.raw, read_u64(in, "policy"));
  TRY_ASSIGN(out.family_id, in.array<16>("family_id"));
  TRY_ASSIGN(out.image_id, in.array<16>("image_id"));
  TRY_ASSIGN(out.vmpl, in.u32le("vmpl"));
  TRY_ASSIGN(out.signature_algo, in.u32le("signature_algo"));
  TRY_ASSIGN(out.current_tcb, in.array<8>("current_tcb"));
  TRY_ASSIGN(out.platform_info.raw, read_u64(in, "platform_info"));
  TRY_ASSIGN(out.key_info.raw, in.u32le("key_info"));
  return expect_zeros(in, 4, "key_info");
}

// 0x050 to 0x17F.
Status parse_identity(ByteReader& in, SnpReport& out) {
  TRY_ASSIGN(out.report_data, in.array<64>("report_data"));
  TRY_ASSIGN(out.measurement, in.array<48>("measurement"));
  TRY_ASSIGN(out.host_data, in.array<32>("host_data"));
  TRY_ASSIGN(out.id_key_digest, in.array<48>("id_key_digest"));
  TRY_ASSIGN(out.author_key_digest, in.array<48>("author_key_digest"));
  TRY_ASSIGN(out.report_id, in.array<32>("report_id"));
  TRY_ASSIGN(out.report_id_ma, in.array<32>("report_id_ma"));
  return {};
}

// 0x180 to 0x29F.
Status parse_platform(ByteReader& in, SnpReport& out) {
  TRY_ASSIGN(out.reported_tcb, in.array<8>("reported_tcb"));
  if (out.version >= kFirstWithCpuid) {
    TRY_ASSIGN(out.cpuid.family, in.u8("cpuid_fam_id"));
    TRY_ASSIGN(out.cpuid.model, in.u8("cpuid_mod_id"));
    TRY_ASSIGN(out.cpuid.stepping, in.u8("cpuid_step"));
    TRY(expect_zeros(in, 21, "cpuid"));
  } else {
    TRY(expect_zeros(in, 24, "reported_tcb"));
  }
  TRY_ASSIGN(out.chip_id, in.array<64>("chip_id"));
  TRY_ASSIGN(out.committed_tcb, in.array<8>("committed_tcb"));
  TRY_ASSIGN(out.current, read_version(in, "current version"));
  TRY_ASSIGN(out.committed, read_version(in, "committed version"));
  TRY_ASSIGN(out.launch_tcb, in.array<8>("launch_tcb"));
  if (out.version >= kFirstWithMitigations) {
    TRY_ASSIGN(out.launch_mit_vector, in.array<8>("launch_mit_vector"));
    TRY_ASSIGN(out.current_mit_vector, in.array<8>("current_mit_vector"));
    return expect_zeros(in, 152, "mitigation vectors");
  }
  return expect_zeros(in, 168, "launch_tcb");
}

}  // namespace

std::string_view to_string(SnpProduct product) noexcept {
  switch (product) {
    case SnpProduct::milan:
      return "Milan";
    case SnpProduct::genoa:
      return "Genoa";
    case SnpProduct::turin:
      return "Turin";
  }
  return "";
}

std::optional<SnpProduct> product_of(const SnpCpuid& cpuid) noexcept {
  const unsigned models = cpuid.model >> 4U;  // a product has a block of 16
  if (cpuid.family == 0x19) {
    if (models == 0x0) return SnpProduct::milan;
    if (models == 0x1 || models == 0xA) return SnpProduct::genoa;
  }
  if (cpuid.family == 0x1A && models <= 0x1) return SnpProduct::turin;
  return std::nullopt;
}

Result<SnpTcb> parse_snp_tcb(const SnpTcbVersion& version, SnpProduct product) {
  const bool turin = product == SnpProduct::turin;
  const ByteView reserved =
      turin ? ByteView(version).subspan(4, 3) : ByteView(version).subspan(2, 4);
  if (!all_zero(reserved)) {
    return fail(Errc::malformed, "S3: TCB version: reserved bytes are not zero");
  }
  if (turin) {
    return SnpTcb{.fmc = version[0],
                  .bl = version[1],
                  .tee = version[2],
                  .snp = version[3],
                  .ucode = version[7]};
  }
  return SnpTcb{
      .fmc = 0, .bl = version[0], .tee = version[1], .snp = version[6], .ucode = version[7]};
}

Result<SnpReport> parse_snp_report(ByteView bytes) {
  if (bytes.size() != kSnpReportBytes) {
    return fail(Errc::malformed, fmt::format("S1: {} bytes, not 1184", bytes.size()));
  }
  SnpReport out;
  ByteReader in(bytes);
  TRY(parse_head(in, out));
  TRY(parse_identity(in, out));
  TRY(parse_platform(in, out));
  std::ranges::copy(bytes.first(kSignedBytes), out.signed_bytes.begin());
  TRY_ASSIGN(out.signature_r, in.array<72>("signature r"));
  TRY_ASSIGN(out.signature_s, in.array<72>("signature s"));
  TRY(expect_zeros(in, 368, "signature"));
  return out;
}

}  // namespace confide::evidence
