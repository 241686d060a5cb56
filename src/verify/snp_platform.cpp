#include "verify/snp_platform.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace confide::verify {
namespace {

using evidence::SnpProduct;
using evidence::SnpReport;
using evidence::SnpSigningKey;
using evidence::SnpTcb;

constexpr std::uint32_t kEcdsaP384Sha384 = 1;
constexpr std::uint32_t kFirstWithCpuid = 3;
constexpr std::size_t kNumberBytes = 48;

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t b) { return b == 0; });
}

void append_reversed(Bytes& to, ByteView number) {
  to.insert(to.end(), number.rbegin(), number.rend());
}

bool is_product_name(std::string_view name, std::string_view product) {
  if (!name.starts_with(product)) return false;
  name.remove_prefix(product.size());
  return name.empty() || name.front() == '-';  // a stepping follows, as in Milan-B0
}

SnpTcb certified_tcb(const crypto::AmdExtension& leaf) {
  return {.fmc = leaf.fmc.value_or(0),
          .bl = leaf.bl,
          .tee = leaf.tee,
          .snp = leaf.snp,
          .ucode = leaf.ucode};
}

std::string describe(const SnpTcb& tcb) {
  return fmt::format("fmc {} bl {} tee {} snp {} ucode {}", tcb.fmc, tcb.bl, tcb.tee, tcb.snp,
                     tcb.ucode);
}

}  // namespace

Bytes signature_of(const SnpReport& report) {
  Bytes out;
  append_reversed(out, ByteView(report.signature_r).first(kNumberBytes));
  append_reversed(out, ByteView(report.signature_s).first(kNumberBytes));
  return out;
}

Status check_signing_key(const SnpReport& report, const SnpChainNames& names) {
  if (report.key_info.reserved() != 0) {
    return fail(Errc::unsupported, "S9: reserved bits of KEY_INFO are set");
  }
  if (report.key_info.signing_key() != names.key) {
    return fail(Errc::mismatch, "S9: SIGNING_KEY is not of the certificate's kind");
  }
  if (names.key == SnpSigningKey::vcek && report.key_info.mask_chip_key()) {
    return fail(Errc::mismatch, "S9: MASK_CHIP_KEY is set, so that no VCEK signs");
  }
  return {};
}

Status check_report_signature(const SnpReport& report, const crypto::Certificate& leaf) {
  if (report.signature_algo != kEcdsaP384Sha384) {
    return fail(Errc::unsupported, fmt::format("S10: SIGNATURE_ALGO is {}", report.signature_algo));
  }
  if (!all_zero(ByteView(report.signature_r).subspan(kNumberBytes)) ||
      !all_zero(ByteView(report.signature_s).subspan(kNumberBytes))) {
    return fail(Errc::bad_signature, "S10: r or s is wider than the curve");
  }
  const auto key = leaf.public_key();
  if (!key) return fail(key.error().code, "S10: " + key.error().message);
  const Status valid =
      key->verify(crypto::SignatureScheme::p384_sha384, report.signed_bytes, signature_of(report));
  if (!valid) return fail(valid.error().code, "S10: " + valid.error().message);
  return {};
}

Status check_product(const SnpReport& report, const crypto::AmdExtension& leaf,
                     const SnpChainNames& names) {
  const std::string_view product = to_string(names.product);
  if (!is_product_name(leaf.product_name, product)) {
    return fail(Errc::mismatch, fmt::format("S11: the leaf is for '{}', its chain for {}",
                                            leaf.product_name, product));
  }
  if (report.version < kFirstWithCpuid) return {};
  if (product_of(report.cpuid) != names.product) {
    return fail(Errc::mismatch, fmt::format("S11: family {:#x} model {:#x} is no {}",
                                            report.cpuid.family, report.cpuid.model, product));
  }
  return {};
}

Result<SnpTcb> check_reported_tcb(const SnpReport& report, const crypto::AmdExtension& leaf,
                                  SnpProduct product) {
  for (const auto& version :
       {report.current_tcb, report.reported_tcb, report.committed_tcb, report.launch_tcb}) {
    TRY(parse_snp_tcb(version, product));
  }
  TRY_ASSIGN(const SnpTcb reported, parse_snp_tcb(report.reported_tcb, product));
  const SnpTcb certified = certified_tcb(leaf);
  if (reported != certified) {
    return fail(Errc::mismatch, fmt::format("S12: REPORTED_TCB is {}, the certificate's {}",
                                            describe(reported), describe(certified)));
  }
  if (leaf.spl4 != 0 || leaf.spl5 != 0 || leaf.spl6 != 0 || leaf.spl7 != 0) {
    return fail(Errc::unsupported, "S12: the certificate has levels for reserved components");
  }
  return certified;
}

Status check_chip_id(const SnpReport& report, const crypto::AmdExtension& leaf,
                     const SnpChainNames& names, const SnpPolicy& policy) {
  // A VLEK stands for a provider: it certifies no chip, whatever CHIP_ID says.
  if (names.key == SnpSigningKey::vlek) return {};
  if (!leaf.hw_id) return fail(Errc::malformed, "S13: the VCEK names no chip");
  if (all_zero(report.chip_id)) {
    if (policy.allow_masked_chip_id) return {};
    return fail(Errc::policy, "S13: CHIP_ID is masked");
  }
  ByteArray<64> certified{};
  std::ranges::copy(*leaf.hw_id, certified.begin());
  if (report.chip_id != certified) {
    return fail(Errc::mismatch, "S13: CHIP_ID is not the VCEK's hwID");
  }
  return {};
}

}  // namespace confide::verify
