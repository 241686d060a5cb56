// evidence-lab DIR: writes a TDX quote with its collateral, the evidence of a GPU that answers for
// it, reference manifests, OCSP answers and all their roots, of our own making, into a folder that
// is there. The end-to-end tests cannot sign such documents themselves.
#include <cstdio>
#include <fstream>
#include <string>

#include "crypto/random.h"
#include "verify/binding.h"
#include "verify/testing/gpu_lab.h"
#include "verify/testing/tdx_lab.h"

namespace confide {
namespace {

void write(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

evidence::ReportData write_cpu(const std::string& folder) {
  verify::testing::TdxLab lab;
  crypto::random_fill(lab.td().report_data);
  write(folder + "/quote.bin", as_text(lab.quote()));
  write(folder + "/collateral.json", evidence::tdx_collateral_to_json(lab.collateral()).dump());
  write(folder + "/sgx_root.pem", lab.policy().roots.back().certificate.to_pem());
  return lab.td().report_data;
}

void write_gpu(const std::string& folder, const evidence::ReportData& cpu) {
  verify::testing::GpuLab lab;
  lab.gpu.report.request.nonce = verify::gpu_nonce(verify::GpuNonceRule::derived, cpu).value();
  const evidence::GpuEvidence device = lab.evidence();
  write(folder + "/report.bin", as_text(device.report));
  write(folder + "/chain.pem", device.chain_pem);
  write(folder + "/nonce", to_hex(lab.gpu.report.request.nonce));
  write(folder + "/at", to_rfc3339(lab.at));
  write(folder + "/device_root.pem", lab.factory.back().issued->to_pem());
  write(folder + "/rim_root.pem", lab.signers.back().issued->to_pem());
  int n = 0;
  for (const auto& [name, rim] : {std::pair{"driver_rim", lab.rim(lab.driver_rim)},
                                  std::pair{"vbios_rim", lab.rim(lab.vbios_rim)}}) {
    write(folder + "/" + name + ".xml", rim);
    for (const Bytes& answer : lab.ocsp(device, rim)) {
      write(folder + "/ocsp/" + std::to_string(n++) + ".der", as_text(answer));
    }
  }
}

}  // namespace
}  // namespace confide

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: evidence-lab DIR, with a folder ocsp in it\n", stderr);
    return 2;
  }
  confide::write_gpu(argv[1], confide::write_cpu(argv[1]));
  return 0;
}
