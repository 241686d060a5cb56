// SIGTERM and SIGINT as something main() can wait for.
#pragma once

namespace confide::ops {

// Blocks both signals for this thread and all it starts; call before starting any.
void catch_termination();
// Waits for one of them and returns its number. A second one afterwards kills the process at once.
int wait_for_termination();

}  // namespace confide::ops
