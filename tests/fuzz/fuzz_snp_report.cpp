// Any bytes as a SEV-SNP report: parsed or refused. What was parsed, written again, is what was
// signed.
#include <algorithm>
#include <cstdlib>

#include "evidence/testing/snp_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace confide::evidence;
  const auto report = parse_snp_report({data, size});
  if (!report) return 0;
  if (testing::write_snp_signed_bytes(*report) != confide::to_bytes(report->signed_bytes)) {
    std::abort();
  }
  for (const auto product : {SnpProduct::milan, SnpProduct::genoa, SnpProduct::turin}) {
    for (const auto& tcb : {report->current_tcb, report->reported_tcb, report->launch_tcb}) {
      (void)parse_snp_tcb(tcb, product);
    }
  }
  (void)product_of(report->cpuid);
  return 0;
}
