// A genuine SEV-SNP report and its certificates, edited: refused, or nothing that was signed
// changed.
#include <array>
#include <cstdlib>

#include "splice.h"
#include "verify/testing/snp_lab.h"

namespace {

using namespace confide;

struct Genuine {
  verify::testing::SnpLab lab;
  verify::Policy policy = lab.policy();
  Bytes report = lab.report_bytes();
  evidence::SnpCertificates certificates = lab.certificates();
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Genuine genuine;
  std::array<Bytes, 5> parts{genuine.report, *genuine.certificates.leaf, *genuine.certificates.ica,
                             *genuine.certificates.ark, *genuine.certificates.crl};
  fuzz::edit({data, size}, parts);
  const evidence::SnpCertificates edited{
      .leaf = parts[1], .ica = parts[2], .ark = parts[3], .crl = parts[4]};
  verify::Verdict verdict;
  const auto proof = verify::verify_snp(parts[0], &edited, genuine.policy, genuine.lab.at, verdict);
  if (proof.has_value() != verdict.passed()) std::abort();
  if (size == 0 && !proof) std::abort();  // the genuine ones pass
  if (proof && parts[0] != genuine.report) std::abort();
  return 0;
}
