#include "attest/tee.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "attest/linux_files.h"
#include "attest/linux_tdx.h"
#include "attest/sim_tee.h"

namespace confide::attest {
namespace {

constexpr std::string_view kTryOut = "to try Confide out without a TEE, start it with --tee sim";

tl::unexpected<Error> no_tee(const Error& cause) {
  return fail(cause.code, fmt::format("{}; {}", cause.message, kTryOut));
}

tl::unexpected<Error> no_snp() {
  return fail(Errc::unsupported, fmt::format("SEV-SNP guests are not supported yet; {}", kTryOut));
}

Result<std::unique_ptr<Tee>> open_tdx(const Settings& settings) {
  auto tee = open_linux_tdx(settings, std::make_unique<RealFiles>());
  if (!tee) return no_tee(tee.error());
  return tee;
}

Result<std::unique_ptr<Tee>> open_automatic(const Settings& settings) {
  RealFiles files;
  const auto provider = tsm_provider(settings, files);
  if (!provider) return no_tee(provider.error());
  if (*provider == "sev_guest") return no_snp();
  return open_tdx(settings);
}

}  // namespace

Result<Kind> parse_kind(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, Kind>, 4> kKinds{
      {{"auto", Kind::automatic}, {"tdx", Kind::tdx}, {"snp", Kind::snp}, {"sim", Kind::sim}}};
  for (const auto& [name, kind] : kKinds) {
    if (text == name) return kind;
  }
  return fail(Errc::malformed, "the kind of TEE is one of auto, tdx, snp, sim");
}

Result<std::unique_ptr<Tee>> open_tee(const Settings& settings) {
  switch (settings.kind) {
    case Kind::automatic:
      return open_automatic(settings);
    case Kind::tdx:
      return open_tdx(settings);
    case Kind::snp:
      return no_snp();
    case Kind::sim:
      return open_sim_tee(settings);
  }
  return fail(Errc::internal, "unknown kind of TEE");
}

}  // namespace confide::attest
