// A TDX guest under Linux: quotes by the configfs TSM report interface (Linux 6.7), RTMR3 by the
// measurement files of the tdx_guest driver (Linux 6.16), the boot log by the ACPI table CCEL.
#pragma once

#include <memory>
#include <string>

#include "attest/linux_files.h"
#include "attest/tee.h"

namespace confide::attest {

// The name of the kernel's report provider: tdx_guest, sev_guest. Fails with `unavailable` if the
// kernel offers none.
Result<std::string> tsm_provider(const Settings& settings, LinuxFiles& files);

// Reads the boot log once. Fails with `unavailable`, saying what is missing, also if RTMR3 already
// holds measurements that the boot log does not explain: no verifier could replay them.
Result<std::unique_ptr<Tee>> open_linux_tdx(const Settings& settings,
                                            std::unique_ptr<LinuxFiles> files);

}  // namespace confide::attest
