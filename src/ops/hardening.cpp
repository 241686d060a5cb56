#include "ops/hardening.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

#include <fmt/format.h>

#include "ops/log.h"

namespace confide::ops {
namespace {

// Room for the keys of one server and a few hundred open E2EE requests.
constexpr rlim_t kWantedLockedBytes = rlim_t{1} << 20U;

Status demand(int outcome, std::string_view what) {
  if (outcome == 0) return {};
  return fail(Errc::unavailable, fmt::format("the kernel refuses {}: {}", what,
                                             std::generic_category().message(errno)));
}

// Secrets that do not fit can be swapped out. That is worth a warning and no refusal: a TEE's
// memory, swap included, is the operator's own business.
void raise_locked_memory() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return;
  const rlimit raised{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
  if (setrlimit(RLIMIT_MEMLOCK, &raised) != 0 || limit.rlim_max < kWantedLockedBytes) {
    log_warning(fmt::format("secrets may be swapped: RLIMIT_MEMLOCK allows {} bytes, {} are wanted",
                            limit.rlim_max, kWantedLockedBytes));
  }
}

// The usual soft limit of 1,024 is fewer than the connections a server may hold.
void raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) log_warning("the limit on open files stays as it is");
}

// A socket or file that got the number of a closed stream would receive what is printed: answers
// and messages.
Status hold_standard_streams() {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO) fd = ::open("/dev/null", O_RDWR);
  if (fd < 0) return demand(fd, "to open /dev/null");
  ::close(fd);
  return {};
}

}  // namespace

Status harden_process() {
  TRY(hold_standard_streams());
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  TRY(demand(setrlimit(RLIMIT_CORE, &none), "to turn core dumps off"));
  TRY(demand(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "to make the process undumpable"));
  TRY(demand(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "to forgo new privileges"));
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return demand(-1, "to ignore SIGPIPE");
  umask(S_IRWXG | S_IRWXO);
  raise_locked_memory();
  raise_open_files();
  return {};
}

}  // namespace confide::ops
