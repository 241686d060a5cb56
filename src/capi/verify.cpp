// The C face of verify/: handles, borrowed bytes, no exceptions. include/confide/verify.h is its
// documentation.
#include <confide/verify.h>

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "capi/boundary.h"
#include "crypto/x509.h"
#include "evidence/tdx_collateral.h"
#include "verify/endorsements.h"
#include "verify/event_log.h"
#include "verify/gpu.h"
#include "verify/policy.h"
#include "verify/quote.h"
#include "verify/snp.h"
#include "verify/tdx.h"
#include "verify/verdict.h"

struct confide_policy {
  confide::verify::Policy value;
};

struct confide_endorsements {
  confide::verify::Endorsements value;
};

struct confide_verdict {
  bool passed = false;
  bool simulated = false;
  std::optional<std::string> failure;
  std::string reason;
  std::string json;
};

namespace confide {
namespace {

using capi::or_null;

confide_verdict* hand_out(const verify::Verdict& verdict) {
  auto out = std::make_unique<confide_verdict>();
  out->passed = verdict.passed();
  out->simulated = verdict.simulated;
  if (const verify::Check* check = verdict.first_failure(); check != nullptr) {
    out->failure = check->id;
    out->reason = check->detail;
  }
  out->json = capi::dump(verdict.to_json());
  return out.release();
}

// Runs `judge` on an empty verdict. An argument that cannot be used is a failed verdict as well:
// who forgets to look at anything but the verdict is still told no.
template <class Judge>
confide_verdict* judged(const confide_policy* policy, std::int64_t at, Judge judge) noexcept {
  return or_null([&]() -> confide_verdict* {
    verify::Verdict verdict;
    if (policy == nullptr) {
      verdict.fail("capi.argument", "no policy given");
    } else {
      judge(policy->value, from_unix(at), verdict);
    }
    return hand_out(verdict);
  });
}

ByteView view(confide_bytes bytes) noexcept {
  return bytes.data == nullptr ? ByteView() : ByteView(bytes.data, bytes.size);
}

std::optional<Bytes> given(confide_bytes bytes) {
  if (bytes.size == 0) return std::nullopt;
  return to_bytes(view(bytes));
}

const verify::Endorsements& known(const confide_endorsements* endorsements) {
  static const verify::Endorsements none(nullptr);
  return endorsements == nullptr ? none : endorsements->value;
}

evidence::SnpCertificates read_certificates(const confide_snp_certificates* from) {
  if (from == nullptr) return {};
  return {.leaf = given(from->leaf),
          .ica = given(from->ica),
          .ark = given(from->ark),
          .crl = given(from->crl)};
}

// A list of `count`; none where C gave a null pointer.
template <class T>
std::span<const T> list(const T* from, size_t count) {
  return {from, from == nullptr ? 0 : count};
}

std::vector<evidence::GpuEvidence> read_devices(std::span<const confide_gpu_evidence> from) {
  std::vector<evidence::GpuEvidence> out;
  for (const confide_gpu_evidence& device : from) {
    const auto kind =
        device.is_switch ? evidence::GpuDeviceKind::nvswitch : evidence::GpuDeviceKind::gpu;
    out.push_back({.kind = kind,
                   .architecture = {},
                   .report = to_bytes(view(device.report)),
                   .chain_pem = std::string(as_text(view(device.chain)))});
  }
  return out;
}

evidence::GpuReferences read_references(const confide_gpu_references* from) {
  evidence::GpuReferences out;
  if (from == nullptr) return out;
  for (const auto rim : list(from->driver_rims, from->driver_rim_count)) {
    out.driver_rims.emplace_back(as_text(view(rim)));
  }
  for (const auto rim : list(from->vbios_rims, from->vbios_rim_count)) {
    out.vbios_rims.emplace_back(as_text(view(rim)));
  }
  for (const auto answer : list(from->ocsp, from->ocsp_count)) {
    out.ocsp.push_back(to_bytes(view(answer)));
  }
  return out;
}

Result<evidence::TdxCollateral> read_collateral(std::string_view text) {
  TRY_ASSIGN(const Json document, json::parse(text));
  return evidence::parse_tdx_collateral(document);
}

// Leaves the message where the caller wants it.
std::nullptr_t explain(const Error& error, char** to) {
  if (to == nullptr) return nullptr;
  auto text = std::make_unique<char[]>(error.message.size() + 1);
  std::memcpy(text.get(), error.message.data(), error.message.size());
  *to = text.release();
  return nullptr;
}

}  // namespace
}  // namespace confide

using namespace confide;  // the functions below are C's, and stand outside every namespace

const char* confide_version(void) { return CONFIDE_VERSION; }

confide_policy* confide_policy_strict(void) {
  return or_null([] { return new confide_policy{verify::Policy::strict()}; });
}

confide_policy* confide_policy_parse(confide_bytes toml, char** error) {
  return or_null([&]() -> confide_policy* {
    auto policy = verify::Policy::from_toml(as_text(view(toml)));
    if (!policy) return explain(policy.error(), error);
    return new confide_policy{std::move(*policy)};
  });
}

bool confide_policy_trust(confide_policy* policy, confide_bytes certificate) {
  const auto trust = [&]() -> confide_policy* {
    const auto root = crypto::Certificate::from_any(view(certificate));
    if (policy == nullptr || !root) return nullptr;
    policy->value.trust(*root);
    return policy;
  };
  return or_null(trust) != nullptr;
}

void confide_policy_free(confide_policy* policy) { delete policy; }
void confide_text_free(char* text) { delete[] text; }

bool confide_verdict_passed(const confide_verdict* verdict) {
  return verdict != nullptr && verdict->passed;
}

bool confide_verdict_simulated(const confide_verdict* verdict) {
  return verdict != nullptr && verdict->simulated;
}

const char* confide_verdict_failure(const confide_verdict* verdict) {
  return verdict != nullptr && verdict->failure ? verdict->failure->c_str() : nullptr;
}

const char* confide_verdict_reason(const confide_verdict* verdict) {
  return verdict != nullptr && verdict->failure ? verdict->reason.c_str() : nullptr;
}

const char* confide_verdict_json(const confide_verdict* verdict) {
  return verdict == nullptr ? nullptr : verdict->json.c_str();
}

void confide_verdict_free(confide_verdict* verdict) { delete verdict; }

confide_endorsements* confide_endorsements_read(confide_bytes collateral, char** error) {
  return or_null([&]() -> confide_endorsements* {
    auto parsed = read_collateral(as_text(view(collateral)));
    if (!parsed) return explain(parsed.error(), error);
    return new confide_endorsements{verify::Endorsements(&*parsed)};
  });
}

void confide_endorsements_free(confide_endorsements* endorsements) { delete endorsements; }

confide_verdict* confide_verify_quote(confide_bytes quote, const confide_endorsements* endorsements,
                                      const confide_policy* policy, int64_t at) {
  return judged(policy, at, [&](const verify::Policy& accepted, Time when, verify::Verdict& out) {
    (void)verify::verify_quote(view(quote), known(endorsements), accepted, when, out);
  });
}

confide_verdict* confide_verify_snp(confide_bytes report,
                                    const confide_snp_certificates* certificates,
                                    const confide_policy* policy, int64_t at) {
  return judged(policy, at, [&](const verify::Policy& accepted, Time when, verify::Verdict& out) {
    const auto found = read_certificates(certificates);
    (void)verify::verify_snp(view(report), &found, accepted, when, out);
  });
}

confide_verdict* confide_verify_gpus(const confide_gpu_evidence* devices, size_t device_count,
                                     const confide_gpu_references* references, confide_bytes nonce,
                                     const confide_policy* policy, int64_t at) {
  return judged(policy, at, [&](const verify::Policy& accepted, Time when, verify::Verdict& out) {
    const auto evidence = read_devices(list(devices, device_count));
    const auto found = read_references(references);
    (void)verify::verify_gpus(evidence, &found, view(nonce), accepted, when, out);
  });
}

confide_verdict* confide_verify_event_log(confide_bytes log, confide_bytes quote,
                                          const confide_endorsements* endorsements,
                                          const confide_policy* policy, int64_t at) {
  return judged(policy, at, [&](const verify::Policy& accepted, Time when, verify::Verdict& out) {
    const auto td = verify::verify_tdx(view(quote), known(endorsements), accepted, when, out);
    const verify::EventLogReferences references{.registers = td ? &td->td().rtmr : nullptr};
    (void)verify::verify_event_log(view(log), references, out);
  });
}
