#include "serve.h"

#include <fmt/format.h>

#include "attest/tee.h"
#include "check.h"
#include "models.h"
#include "ops/shutdown.h"
#include "running.h"
#include "startup.h"
#include "store/receipts.h"

namespace confide::server {
namespace {

Status run(const ServeOptions& options, const std::vector<std::string>& arguments) {
  // Before the model, which may take minutes: what can fail at once fails at once.
  if (const auto problems = find_problems(options); !problems.empty()) {
    return fail(Errc::malformed, fmt::format("{}", fmt::join(problems, "; ")));
  }
  const SystemClock clock;
  TRY_ASSIGN(const net::Endpoint listen, parse_listen(options));
  TRY(make_state_folder(options.state));
  TRY_ASSIGN(const auto tee, open_tee(options, arguments, clock));
  TRY_ASSIGN(const auto receipts,
             store::ReceiptStore::open(options.state + "/receipts.db",
                                       {.max_age = std::chrono::days{options.receipt_days},
                                        .max_receipts = options.receipt_max}));
  TRY_ASSIGN(Models models, Models::read(options, *tee));
  // Until here a signal ends the process, which has nothing to finish; the threads begin now.
  ops::catch_termination_and_hangup();
  TRY(models.start(options));
  return run_service(options, {.models = models.served(),
                               .embedders = models.embedders(),
                               .tee = *tee,
                               .receipts = *receipts,
                               .clock = clock,
                               .listen = listen});
}

}  // namespace

int serve(const ServeOptions& options, const std::vector<std::string>& arguments) {
  return as_program(options, [&] { return run(options, arguments); });
}

}  // namespace confide::server
