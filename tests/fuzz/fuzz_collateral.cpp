// Any text as collateral, and as the two texts that Intel signs in it: parsed or refused. What was
// parsed survives being written.
#include <cstdlib>

#include "evidence/tdx_collateral.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace confide::evidence;
  const std::string_view text = confide::as_text({data, size});
  (void)parse_tcb_info(text);
  (void)parse_qe_identity(text);
  const auto object = confide::json::parse(text);
  if (!object) return 0;
  const auto collateral = parse_tdx_collateral(*object);
  if (!collateral) return 0;
  (void)parse_tcb_info(collateral->tcb_info);
  (void)parse_qe_identity(collateral->qe_identity);
  const confide::Json written = tdx_collateral_to_json(*collateral);
  const auto again = parse_tdx_collateral(written);
  if (!again || tdx_collateral_to_json(*again) != written) std::abort();
  return 0;
}
