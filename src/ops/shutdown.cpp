#include "ops/shutdown.h"

#include <pthread.h>

#include <csignal>

namespace confide::ops {
namespace {

sigset_t termination_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void catch_termination() {
  const sigset_t set = termination_signals();
  // A parent such as nohup may have left them ignored; then they would never become pending.
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void catch_termination_and_hangup() {
  catch_termination();
  std::signal(SIGHUP, SIG_DFL);
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &hangup, nullptr);
}

int wait_for_termination(const std::function<void()>& on_hangup) {
  const sigset_t last = termination_signals();
  sigset_t set = last;
  if (on_hangup) sigaddset(&set, SIGHUP);
  int signal = 0;
  while (sigwait(&set, &signal) != 0 || signal == SIGHUP) {
    if (signal == SIGHUP) on_hangup();
    signal = 0;
  }
  // From here on the default action stands: whoever asks twice wants no draining.
  pthread_sigmask(SIG_UNBLOCK, &last, nullptr);
  return signal;
}

}  // namespace confide::ops
