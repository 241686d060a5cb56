// The signatures of a device's evidence. Private to verify/; rules G4 to G9 of
// docs/protocols/gpu.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/x509.h"
#include "evidence/gpu_opaque.h"
#include "evidence/spdm.h"
#include "verify/policy.h"

namespace confide::verify {

using CertificateChain = std::vector<crypto::Certificate>;  // leaf first

// The root of `policy` for `purpose` that `chain` leads to at `at`. Fails as
// crypto::verify_chain().
Result<TrustRoot> find_nvidia_root(const CertificateChain& chain, Anchor purpose,
                                   const Policy& policy, Time at);

// G5.
Status check_nonce(const evidence::SpdmReport& report, ByteView nonce);

// G6: NVIDIA writes five certificates, the root among them.
inline constexpr std::size_t kDeviceChainLength = 5;
Result<TrustRoot> judge_device_chain(const CertificateChain& chain, const Policy& policy, Time at);

// G7. The firmware's identity as the certificate's issuer, the boot ROM, measured it.
struct DeviceFwid {
  std::string oid;  // of the extension it stands in
  Bytes digest;
};
std::optional<DeviceFwid> fwid_of(const crypto::Certificate& leaf);
Status check_fwid(const evidence::GpuOpaque& opaque, const crypto::Certificate& leaf);

// G8.
Status check_report_signature(const evidence::SpdmReport& report, const crypto::Certificate& leaf);

// G9. HOPPER, BLACKWELL or LS10, by the chip that the device certificate names; empty: unknown.
std::string architecture_of(const crypto::Certificate& leaf);
Status check_architecture(const std::string& architecture, const evidence::GpuEvidence& given,
                          const evidence::GpuOpaque& opaque);

}  // namespace confide::verify
