// SIGTERM and SIGINT as something main() can wait for.
#pragma once

#include <functional>

namespace confide::ops {

// Blocks both signals for this thread and all it starts; call before starting any.
void catch_termination();
// The same for SIGHUP as well, which asks to read files again.
void catch_termination_and_hangup();
// Waits for one of the two and returns its number, running `on_hangup` for each SIGHUP meanwhile.
// A second one afterwards kills the process at once.
int wait_for_termination(const std::function<void()>& on_hangup = {});

}  // namespace confide::ops
