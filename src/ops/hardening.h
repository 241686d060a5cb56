// What a process that holds secrets asks of the kernel before it makes the first one.
#pragma once

#include "base/result.h"

namespace confide::ops {

// Turns core dumps and ptrace by equals off (RLIMIT_CORE 0, PR_SET_DUMPABLE 0), refuses new
// privileges, ignores SIGPIPE, sets umask 077. Opens /dev/null as each standard stream that the
// caller closed. Fails with `unavailable` if the kernel refuses.
// Raises the limits on locked memory and open files as far as it may, and warns if secrets may not
// fit in the first.
Status harden_process();

}  // namespace confide::ops
