#include "verify/gpu_chain.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "crypto/dice.h"

namespace confide::verify {
namespace {

using evidence::GpuDeviceKind;

tl::unexpected<Error> prefixed(std::string_view rule, const Error& error) {
  return fail(error.code, fmt::format("{}: {}", rule, error.message));
}

// Chips by the beginning of the common name: "GH100 A01 GSP FMC LF".
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kChips{
    {{"GH", "HOPPER"}, {"GB", "BLACKWELL"}, {"LS", "LS10"}}};

}  // namespace

Result<TrustRoot> find_nvidia_root(const CertificateChain& chain, Anchor purpose,
                                   const Policy& policy, Time at) {
  std::optional<Error> reason;
  for (const TrustRoot& root : policy.roots) {
    if (!root.may_anchor(purpose)) continue;
    if (chain.back().issuer() != root.certificate.subject()) continue;  // a root is its own issuer
    const Status judged = crypto::verify_chain(chain, root.certificate, at);
    if (judged) return root;
    if (!reason) reason = judged.error();
  }
  if (reason) return tl::unexpected<Error>(*reason);
  return fail(Errc::untrusted, fmt::format("no trusted root is named '{}'", chain.back().issuer()));
}

Status check_nonce(const evidence::SpdmReport& report, ByteView nonce) {
  if (std::ranges::equal(report.request.nonce, nonce)) return {};
  return fail(Errc::mismatch, "G5: the report answers another nonce");
}

Result<TrustRoot> judge_device_chain(const CertificateChain& chain, const Policy& policy, Time at) {
  if (chain.size() != kDeviceChainLength) {
    return fail(Errc::untrusted, fmt::format("G6: {} certificates, not five", chain.size()));
  }
  auto root = find_nvidia_root(chain, Anchor::nvidia_device, policy, at);
  if (!root) return prefixed("G6", root.error());
  return root;
}

std::optional<DeviceFwid> fwid_of(const crypto::Certificate& leaf) {
  for (const std::string& oid : {crypto::kDiceIdOid, crypto::kDiceTcbInfoOid}) {
    const auto der = leaf.extension(oid);
    if (!der) continue;
    auto digest = crypto::parse_dice_fwid(oid, *der);
    if (digest) return DeviceFwid{.oid = oid, .digest = *std::move(digest)};
  }
  return std::nullopt;
}

Status check_fwid(const evidence::GpuOpaque& opaque, const crypto::Certificate& leaf) {
  // Early drivers do not write it; the certificate, and so the key, still belongs to the firmware.
  if (!opaque.fwid) return {};
  const auto certified = fwid_of(leaf);
  if (!certified) {
    return fail(Errc::mismatch, "G7: the device certificate names no firmware");
  }
  if (!std::ranges::equal(certified->digest, *opaque.fwid)) {
    return fail(Errc::mismatch, "G7: the device certificate is for other firmware");
  }
  return {};
}

Status check_report_signature(const evidence::SpdmReport& report, const crypto::Certificate& leaf) {
  if (report.surplus != 0) {
    return fail(Errc::malformed, fmt::format("G4: {} bytes that nothing signs", report.surplus));
  }
  const auto key = leaf.public_key();
  if (!key) return prefixed("G8", key.error());
  const Status valid =
      key->verify(crypto::SignatureScheme::p384_sha384, report.signed_bytes, report.signature);
  if (!valid) return prefixed("G8", valid.error());
  return {};
}

std::string architecture_of(const crypto::Certificate& leaf) {
  const std::string name = leaf.common_name();
  for (const auto& [chip, architecture] : kChips) {
    if (name.starts_with(chip)) return std::string(architecture);
  }
  return {};
}

Status check_architecture(const std::string& architecture, const evidence::GpuEvidence& given,
                          const evidence::GpuOpaque& opaque) {
  if (architecture.empty()) return fail(Errc::unsupported, "G9: a chip that is not known here");
  const auto kind = architecture == "LS10" ? GpuDeviceKind::nvswitch : GpuDeviceKind::gpu;
  if (opaque.kind != kind) {
    return fail(Errc::mismatch, "G9: certificate and report disagree on what the device is");
  }
  if (given.kind.value_or(kind) != kind) {
    return fail(Errc::mismatch, "G9: not the kind of device it was given as");
  }
  if (!given.architecture.empty() && given.architecture != architecture) {
    return fail(Errc::mismatch,
                fmt::format("G9: {}, given as {}", architecture, given.architecture));
  }
  return {};
}

}  // namespace confide::verify
