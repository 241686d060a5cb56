// A genuine GPU's evidence, its reference values and OCSP answers, edited: refused, or nothing that
// was signed changed.
#include <array>
#include <cstdlib>

#include "splice.h"
#include "verify/testing/gpu_lab.h"

namespace {

using namespace confide;

struct Genuine {
  verify::testing::GpuLab lab;
  verify::Policy policy = lab.policy();
  evidence::GpuEvidence gpu = lab.evidence();
  evidence::GpuReferences references = make_references();

  // Whoever gives OCSP answers gives them about all certificates, of both manifests' signers too.
  evidence::GpuReferences make_references() const {
    evidence::GpuReferences out = lab.references();
    for (const auto& rim : {out.driver_rims[0], out.vbios_rims[0]}) {
      const auto answers = lab.ocsp(gpu, rim);
      out.ocsp.insert(out.ocsp.end(), answers.begin(), answers.end());
    }
    return out;
  }
};

Bytes bytes_of(const std::string& text) { return to_bytes(as_bytes(text)); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Genuine genuine;
  evidence::GpuReferences references = genuine.references;
  std::array<Bytes, 5> parts{genuine.gpu.report, bytes_of(genuine.gpu.chain_pem),
                             bytes_of(references.driver_rims[0]),
                             bytes_of(references.vbios_rims[0]), references.ocsp[0]};
  fuzz::edit({data, size}, parts);
  evidence::GpuEvidence gpu = genuine.gpu;
  gpu.report = parts[0];
  gpu.chain_pem = fuzz::text_of(parts[1]);
  references.driver_rims[0] = fuzz::text_of(parts[2]);
  references.vbios_rims[0] = fuzz::text_of(parts[3]);
  references.ocsp[0] = parts[4];
  verify::Verdict verdict;
  const auto proof = verify::verify_gpus({&gpu, 1}, &references, genuine.lab.nonce, genuine.policy,
                                         genuine.lab.at, verdict);
  if (proof.has_value() != verdict.passed()) std::abort();
  if (size == 0 && !proof) std::abort();  // the genuine ones pass
  if (proof && gpu.report != genuine.gpu.report) std::abort();
  return 0;
}
