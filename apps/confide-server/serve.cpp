#include "serve.h"

#include <unistd.h>

#include <fmt/format.h>

#include "attest/tee.h"
#include "crypto/hash.h"
#include "engine/engine.h"
#include "engine/model_file.h"
#include "ops/shutdown.h"
#include "running.h"
#include "startup.h"
#include "store/receipts.h"

namespace confide::server {
namespace {

constexpr std::string_view kModelEvent = "confide.model";

// One line on a terminal, redrawn; silent elsewhere.
void show_progress(std::uint64_t done, std::uint64_t total) {
  if (isatty(STDERR_FILENO) == 0 || total == 0) return;
  constexpr std::uint64_t kWidth = 32;
  const std::uint64_t filled = done * kWidth / total;
  fmt::print(stderr, "\rLoading model [{:#<{}}{:.<{}}] {:3}%", "", filled, "", kWidth - filled,
             done * 100 / total);
  if (done == total) fmt::print(stderr, "\n");
}

struct LoadedModel {
  engine::ModelFile file;
  crypto::Sha256 digest{};
};

// Hashes the very bytes that the engine will map, and measures them before the first request.
Result<LoadedModel> load_model(const std::string& path, attest::Tee& tee) {
  crypto::Sha256Stream hash;
  TRY_ASSIGN(auto file, engine::ModelFile::load(
                            path, [&](ByteView bytes) { hash.update(bytes); }, show_progress));
  LoadedModel out{.file = std::move(file), .digest = hash.finish()};
  TRY(tee.measure(kModelEvent, out.digest));
  return out;
}

Status run(const ServeOptions& options, const std::vector<std::string>& arguments) {
  const SystemClock clock;
  TRY_ASSIGN(const net::Endpoint listen, parse_listen(options));
  TRY(make_state_folder(options.state));
  TRY_ASSIGN(const auto tee, open_tee(options, arguments, clock));
  // Before the model, which may take minutes: what can fail at once fails at once.
  TRY_ASSIGN(const auto receipts,
             store::ReceiptStore::open(options.state + "/receipts.db",
                                       {.max_age = std::chrono::days{options.receipt_days},
                                        .max_receipts = options.receipt_max}));
  TRY_ASSIGN(const LoadedModel model, load_model(options.model, *tee));
  // Until here a signal ends the process, which has nothing to finish; the threads begin now.
  ops::catch_termination();
  TRY_ASSIGN(const auto engine,
             engine::Engine::load(model.file, {.slots = options.slots,
                                               .context_per_slot = options.context,
                                               .threads = options.threads,
                                               .queue = options.queue,
                                               .queue_seconds = options.queue_seconds,
                                               .prompt_chunk = options.prompt_chunk,
                                               .keep_prompts = options.prompt_cache,
                                               .context_shift = options.context_shift,
                                               .deterministic = options.deterministic}));
  const std::string name = options.model_name.empty() ? model.file.name() : options.model_name;
  return run_service(options, {.engine = *engine,
                               .tee = *tee,
                               .receipts = *receipts,
                               .clock = clock,
                               .listen = listen,
                               .model_name = name,
                               .model_digest = crypto::sha256_tag(model.digest)});
}

}  // namespace

int serve(const ServeOptions& options, const std::vector<std::string>& arguments) {
  return as_program(options, [&] { return run(options, arguments); });
}

}  // namespace confide::server
