// Any bytes as what a collateral service answers: the first byte chooses the question, a line is
// the header with the issuer's chain, the rest is the body.
#include <cstdlib>
#include <vector>

#include "choose.h"
#include "collateral/amd_kds.h"
#include "collateral/intel_pcs.h"
#include "collateral/nvidia.h"

namespace {

using namespace confide;

std::vector<collateral::Query> all_queries() {
  const collateral::PckIdentity pck{.tdx = true};
  const auto vcek = evidence::SnpSigningKey::vcek;
  const auto genoa = evidence::SnpProduct::genoa;
  return {collateral::query_tcb_info("https://pcs", pck),
          collateral::query_qe_identity("https://pcs", pck),
          collateral::query_pck_crl("https://pcs", pck),
          collateral::query_root_ca_crl("https://pcs"),
          collateral::query_cert_chain("https://kds", vcek, genoa),
          collateral::query_snp_crl("https://kds", vcek, genoa),
          collateral::query_rim("https://rim", "ID", from_unix(1'790'000'000)).value()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto queries = all_queries();
  const auto choice = fuzz::choose({data, size}, static_cast<unsigned>(queries.size()));
  std::string_view body = as_text(choice.rest);
  const std::string chain(fuzz::take_line(body));
  collateral::HttpAnswer answer{.status = 200, .headers = {}, .body = to_bytes(as_bytes(body))};
  for (const char* name :
       {"tcb-info-issuer-chain", "sgx-enclave-identity-issuer-chain", "sgx-pck-crl-issuer-chain"}) {
    answer.headers.emplace_back(name, chain);
  }
  const auto entry = queries[choice.which].read(answer);
  // It is kept as it came, or less of it: out of an encoding.
  if (entry && entry->body.size() > answer.body.size()) std::abort();
  return 0;
}
