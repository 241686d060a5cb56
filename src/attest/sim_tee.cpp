#include "attest/sim_tee.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>

#include "attest/measured_log.h"
#include "attest/sim_pki.h"
#include "attest/sim_platform.h"
#include "attest/sim_quote.h"
#include "attest/sim_root.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "evidence/dcap_quote.h"

namespace confide::attest {
namespace {

struct BootEvent {
  unsigned imr;
  std::uint32_t type;
  std::string_view payload;
};

// The types and the order of a real boot; the payloads say that there was none.
constexpr std::array<BootEvent, 10> kBoot{{
    {0, 0x8000000b, "Confide simulator: no TD hand-off block"},
    {0, 0x8000000a, "Confide simulator: no configuration firmware volume"},
    {0, 0x80000001, "Confide simulator: no Secure Boot variables"},
    {0, 0x00000004, "Confide simulator: separator"},
    {0, 0x0000000a, "Confide simulator: no ACPI tables"},
    {1, 0x80000003, "Confide simulator: no kernel"},
    {1, 0x80000007, "Confide simulator: no boot application was called"},
    {1, 0x00000004, "Confide simulator: separator"},
    {2, 0x00000006, "Confide simulator: no kernel command line"},
    {2, 0x00000006, "Confide simulator: no initial RAM disk"},
}};

constexpr std::string_view kOsImage = "Confide simulator: no operating system image";
constexpr std::string_view kKeyProvider = R"({"name":"none","id":""})";
constexpr std::size_t kIdBytes = 20;

// What dstack's guest measures before the application runs, in its order (its documentation lists
// more, for disks and key services that a simulator does not have).
Status measure_system(MeasuredLog& log, const std::string& app_compose) {
  const crypto::Sha256 compose_hash = crypto::sha256(as_bytes(app_compose));
  const ByteView app_id = ByteView(compose_hash).first(kIdBytes);
  Bytes seed = crypto::random_bytes(kIdBytes);
  append(seed, app_id);
  const crypto::Sha256 instance = crypto::sha256(seed);
  const crypto::Sha256 os_image = crypto::sha256(as_bytes(kOsImage));

  const std::array<std::pair<std::string_view, ByteView>, 8> events{{
      {"system-preparing", {}},
      {"app-id", app_id},
      {"compose-hash", compose_hash},
      {"instance-id", ByteView(instance).first(kIdBytes)},
      {"boot-mr-done", {}},
      {"os-image-hash", os_image},
      {"key-provider", as_bytes(kKeyProvider)},
      {"system-ready", {}},
  }};
  for (const auto& [name, payload] : events) {
    TRY_ASSIGN(evidence::Event event, runtime_event(name, payload));
    log.append(std::move(event));
  }
  return {};
}

Result<MeasuredLog> boot(const std::string& app_compose) {
  MeasuredLog log;
  for (const BootEvent& event : kBoot) {
    const ByteView payload = as_bytes(event.payload);
    log.append({.imr = event.imr,
                .type = event.type,
                .digest = crypto::sha384(payload),
                .name = {},
                .payload = to_bytes(payload)});
  }
  TRY(measure_system(log, app_compose));
  return log;
}

// dstack's first form: 01 || compose hash, zero-filled. The launcher fixes it before the guest
// runs.
evidence::Measurement config_id(const std::string& app_compose) {
  evidence::Measurement id{0x01};
  std::ranges::copy(crypto::sha256(as_bytes(app_compose)), id.begin() + 1);
  return id;
}

std::string vm_config() {
  return json::compact(
      Json{{"os_image_hash", to_hex(crypto::sha256(as_bytes(kOsImage)))}, {"simulated", true}});
}

class SimTee final : public Tee {
 public:
  SimTee(const Settings& settings, SimPki pki, MeasuredLog log)
      : clock_(settings.clock == nullptr ? &system_clock_ : settings.clock),
        app_compose_(settings.app_compose),
        pki_(std::move(pki)),
        enclave_(pki_),
        log_(std::move(log)) {}

  std::string_view tee_type() const noexcept override { return "tdx"; }
  bool simulated() const noexcept override { return true; }

  Result<Evidence> quote(const evidence::ReportData& report_data) override {
    const std::lock_guard lock(mutex_);
    TRY(refresh_collateral(clock_->now()));
    evidence::TdReport td = sim_td_report();
    td.mr_config_id = config_id(app_compose_);
    td.rtmr = log_.rtmrs();
    td.report_data = report_data;
    return Evidence{.quote = enclave_.quote(td),
                    .event_log = log_.events(),
                    .collateral = collateral_,
                    .app_compose = app_compose_,
                    .vm_config = vm_config()};
  }

  Status measure(std::string_view name, ByteView payload) override {
    TRY_ASSIGN(evidence::Event event, runtime_event(name, payload));
    const std::lock_guard lock(mutex_);
    log_.append(std::move(event));
    return {};
  }

 private:
  // Half of the validity is left to whoever keeps it. A clock that went back makes it void as well.
  Status refresh_collateral(Time now) {
    const bool fresh = collateral_ && now >= collateral_made_ &&
                       now - collateral_made_ <= kSimCollateralValidity / 2;
    if (fresh) return {};
    TRY_ASSIGN(collateral_, pki_.collateral(now));
    collateral_made_ = now;
    return {};
  }

  const SystemClock system_clock_;
  const Clock* const clock_;
  const std::string app_compose_;
  const SimPki pki_;
  const SimQuotingEnclave enclave_;
  std::mutex mutex_;  // over registers, log and quotes alike
  MeasuredLog log_;
  std::optional<evidence::TdxCollateral> collateral_;
  Time collateral_made_{};
};

}  // namespace

Result<std::unique_ptr<Tee>> open_sim_tee(const Settings& settings) {
  const Time now = settings.clock == nullptr ? SystemClock().now() : settings.clock->now();
  TRY_ASSIGN(SimIssuer root, open_sim_root(settings.state_dir, now));
  TRY_ASSIGN(SimPki pki, SimPki::make(std::move(root), now));
  TRY_ASSIGN(MeasuredLog log, boot(settings.app_compose));
  return std::make_unique<SimTee>(settings, std::move(pki), std::move(log));
}

}  // namespace confide::attest
