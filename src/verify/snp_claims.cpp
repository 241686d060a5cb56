#include "verify/snp_claims.h"

#include <string>

#include <fmt/format.h>

#include "base/bytes.h"
#include "verify/snp_accept.h"
#include "verify/snp_platform.h"

namespace confide::verify {
namespace {

using evidence::SnpProduct;
using evidence::SnpReport;
using evidence::SnpSigningKey;

std::string name_of(SnpSigningKey key) {
  switch (key) {
    case SnpSigningKey::vcek:
      return "VCEK";
    case SnpSigningKey::vlek:
      return "VLEK";
    case SnpSigningKey::none:
      return "none";
  }
  return fmt::format("reserved ({})", static_cast<unsigned>(key));
}

Json tcb_claim(const evidence::SnpTcbVersion& version, std::optional<SnpProduct> product) {
  Json out{{"raw", to_hex(version)}};
  if (!product) return out;
  const auto tcb = parse_snp_tcb(version, *product);
  if (!tcb) return out;
  if (product == SnpProduct::turin) out["fmc"] = tcb->fmc;
  out["bl"] = tcb->bl;
  out["tee"] = tcb->tee;
  out["snp"] = tcb->snp;
  out["ucode"] = tcb->ucode;
  return out;
}

std::string version_claim(const evidence::SnpFirmwareVersion& version) {
  return fmt::format("{}.{}.{}", version.major, version.minor, version.build);
}

void add_guest(Json& claims, const SnpReport& report) {
  claims["version"] = report.version;
  claims["guest_svn"] = report.guest_svn;
  claims["policy"] = fmt::format("{:#x}", report.policy.raw);
  claims["debug_allowed"] = report.policy.debug();
  claims["migrate_ma"] = report.policy.migrate_ma();
  claims["smt"] = report.policy.smt();
  claims["abi"] = fmt::format("{}.{}", report.policy.abi_major(), report.policy.abi_minor());
  claims["family_id"] = to_hex(report.family_id);
  claims["image_id"] = to_hex(report.image_id);
  claims["vmpl"] = report.vmpl;
  claims["report_data"] = to_hex(report.report_data);
  claims["measurement"] = to_hex(report.measurement);
  claims["host_data"] = to_hex(report.host_data);
  claims["id_key_digest"] = to_hex(report.id_key_digest);
  claims["author_key_digest"] = to_hex(report.author_key_digest);
  claims["report_id"] = to_hex(report.report_id);
  claims["report_id_ma"] = to_hex(report.report_id_ma);
}

void add_platform(Json& claims, const SnpReport& report, std::optional<SnpProduct> product) {
  claims["product"] = product ? Json(to_string(*product)) : Json();
  claims["platform_info"] = fmt::format("{:#x}", report.platform_info.raw);
  claims["key_info"] = fmt::format("{:#x}", report.key_info.raw);
  claims["signing_key"] = name_of(report.key_info.signing_key());
  claims["mask_chip_key"] = report.key_info.mask_chip_key() ? 1 : 0;
  claims["author_key_en"] = report.key_info.author_key_en() ? 1 : 0;
  claims["cpuid_fam_mod_step"] = fmt::format("{:02x}{:02x}{:02x}", report.cpuid.family,
                                             report.cpuid.model, report.cpuid.stepping);
  claims["chip_id"] = to_hex(report.chip_id);
  claims["current_tcb"] = tcb_claim(report.current_tcb, product);
  claims["reported_tcb"] = tcb_claim(report.reported_tcb, product);
  claims["committed_tcb"] = tcb_claim(report.committed_tcb, product);
  claims["launch_tcb"] = tcb_claim(report.launch_tcb, product);
  claims["current_ver"] = version_claim(report.current);
  claims["committed_ver"] = version_claim(report.committed);
  claims["launch_mit_vector"] = to_hex(report.launch_mit_vector);
  claims["current_mit_vector"] = to_hex(report.current_mit_vector);
}

}  // namespace

void add_claims(Json& claims, const SnpReport& report, std::optional<SnpProduct> product) {
  add_guest(claims, report);
  add_platform(claims, report, product);
  const Bytes signature = signature_of(report);
  claims["signature_algo"] = report.signature_algo;
  claims["signature_r"] = to_hex(ByteView(signature).first(48));
  claims["signature_s"] = to_hex(ByteView(signature).last(48));
  claims["policy_findings"] = policy_findings(report);
  claims["informational"] = informational_findings(report);
}

void add_claims(Json& claims, const SnpSigners& signers) {
  Json& certificate = claims["certificate"];
  certificate["subject"] = signers.leaf.subject();
  certificate["serial"] = signers.leaf.serial();
  certificate["not_before"] = to_rfc3339(signers.leaf.not_before());
  certificate["not_after"] = to_rfc3339(signers.leaf.not_after());
}

void add_claims(Json& claims, const crypto::AmdExtension& leaf) {
  Json& certificate = claims["certificate"];
  certificate["struct_version"] = leaf.struct_version;
  certificate["product_name"] = leaf.product_name;
  if (leaf.fmc) certificate["fmc"] = *leaf.fmc;
  certificate["bl"] = leaf.bl;
  certificate["tee"] = leaf.tee;
  certificate["snp"] = leaf.snp;
  certificate["ucode"] = leaf.ucode;
  if (leaf.hw_id) certificate["hw_id"] = to_hex(*leaf.hw_id);
  if (leaf.csp_id) certificate["csp_id"] = *leaf.csp_id;
}

}  // namespace confide::verify
