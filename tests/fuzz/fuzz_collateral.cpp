// Any text as collateral, or as one of the two texts that Intel signs in it, which the first byte
// chooses: parsed or refused. Collateral that was parsed survives being written.
#include <array>
#include <cstdlib>

#include "choose.h"
#include "evidence/tdx_collateral.h"

namespace {

using namespace confide;

void read_tcb_info(std::string_view text) {
  const auto info = evidence::parse_tcb_info(text);
  if (info && info->levels.empty()) std::abort();
}

void read_qe_identity(std::string_view text) {
  const auto identity = evidence::parse_qe_identity(text);
  if (identity && identity->levels.empty()) std::abort();
}

void read_collateral(std::string_view text) {
  const auto object = json::parse(text);
  if (!object) return;
  const auto collateral = evidence::parse_tdx_collateral(*object);
  if (!collateral) return;
  const Json written = evidence::tdx_collateral_to_json(*collateral);
  const auto again = evidence::parse_tdx_collateral(written);
  if (!again || evidence::tdx_collateral_to_json(*again) != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array kReaders{read_collateral, read_tcb_info, read_qe_identity};
  const auto choice = fuzz::choose({data, size}, kReaders.size());
  kReaders.at(choice.which)(as_text(choice.rest));
  return 0;
}
