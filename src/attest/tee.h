// Where evidence comes from inside a TEE. The hardware and the simulator enter by this interface,
// and no decision elsewhere asks which one it is.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "evidence/event_log.h"
#include "evidence/tdx_collateral.h"

namespace confide::attest {

// One consistent answer: the log is the one that explains the registers of this quote.
struct Evidence {
  Bytes quote;
  std::vector<evidence::Event> event_log;
  std::optional<evidence::TdxCollateral> collateral;  // stapled if the TEE has it
  std::string app_compose;  // exact bytes whose SHA-256 is measured; empty if unknown
  std::string vm_config;    // JSON text; empty if unknown
};

// Thread-safe: extending a register and appending to the log happen under one lock, and quotes are
// serialised with both.
class Tee {
 public:
  virtual ~Tee() = default;
  virtual std::string_view tee_type() const noexcept = 0;  // tdx, sev_snp
  // For people only: startup line and GET /.
  virtual bool simulated() const noexcept = 0;
  virtual Result<Evidence> quote(const evidence::ReportData& report_data) = 0;
  // Extends RTMR3 with a runtime event and logs it.
  virtual Status measure(std::string_view event, ByteView payload) = 0;
};

enum class Kind { automatic, tdx, snp, sim };
Result<Kind> parse_kind(std::string_view text);  // auto, tdx, snp, sim

struct Settings {
  Kind kind = Kind::automatic;
  std::string state_dir;    // the simulator keeps its root there
  std::string app_compose;  // what to measure as the application, for the simulator
  const Clock* clock = nullptr;
  // Where Linux shows its TSM; tests point them elsewhere.
  std::string configfs_root = "/sys/kernel/config/tsm/report";
  std::string rtmr3_path = "/sys/class/misc/tdx_guest/measurements/rtmr3:sha384";
  std::string ccel_path = "/sys/firmware/acpi/tables/data/CCEL";
};

// `automatic` takes what the kernel offers and never the simulator. Fails with `unavailable`,
// saying what is missing and what to do.
Result<std::unique_ptr<Tee>> open_tee(const Settings& settings);

}  // namespace confide::attest
