// NVIDIA's reference integrity manifests by themselves.
#include "verify/rim.h"
#include "kinds.h"
#include "roots.h"

namespace confide::conformance {

Result<Answer> run_rim(const Case& from) {
  TRY_ASSIGN(const Bytes rim, from.read("rim"));
  TRY_ASSIGN(const Time at, from.time());
  verify::Verdict verdict;
  const auto proof =
      verify::verify_rim(as_text(rim), {}, policy_for(from, {"rim_root"}), at, verdict);
  if (proof.has_value() != verdict.passed()) {
    verdict.fail("runner.proof", "verdict and proof disagree");
  }
  return answer_from(verdict);
}

}  // namespace confide::conformance
