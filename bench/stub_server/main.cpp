// confide-stub-server: confide-server, but for the model. It takes the same options, answers
// " word word ..." at the pace that is asked for, and is no part of the product.
#include <CLI/CLI.hpp>

#include "crypto/hash.h"
#include "ops/shutdown.h"
#include "options.h"
#include "running.h"
#include "startup.h"
#include "stub_engine.h"

namespace {

using namespace confide;

struct StubServerOptions {
  server::ServeOptions serve;
  int streams = 0;  // 0: as many as slots
  int answer_tokens = 16;
  int token_bytes = 5;
  double tokens_per_second = 0;
  bool plain = false;
  bool store_receipts = true;
};

// Signed, and gone.
class NoReceipts final : public store::ReceiptStore {
 public:
  Status put(const std::string&, const std::optional<std::string>&, const store::StoredReceipt&,
             Time) override {
    return {};
  }
  Result<store::StoredReceipt> find(const std::string&, Time) override {
    return fail(Errc::not_found, "receipts are not stored");
  }
  Result<std::size_t> prune(Time) override { return std::size_t{0}; }
};

Result<std::unique_ptr<store::ReceiptStore>> open_receipts(const StubServerOptions& options) {
  if (!options.store_receipts) return std::make_unique<NoReceipts>();
  return store::ReceiptStore::open(options.serve.state + "/receipts.db",
                                   {.max_age = std::chrono::days{options.serve.receipt_days},
                                    .max_receipts = options.serve.receipt_max});
}

Status run(const StubServerOptions& options, const std::vector<std::string>& arguments) {
  const SystemClock clock;
  TRY_ASSIGN(const net::Endpoint listen, server::parse_listen(options.serve));
  TRY(server::make_state_folder(options.serve.state));
  TRY_ASSIGN(const auto tee, server::open_tee(options.serve, arguments, clock));
  TRY_ASSIGN(const auto receipts, open_receipts(options));
  const crypto::Sha256 digest = crypto::sha256(as_bytes("no model"));
  TRY(tee->measure("confide.model", digest));
  ops::catch_termination_and_hangup();
  const int streams = options.streams > 0 ? options.streams : options.serve.slots;
  const auto engine = bench::make_stub_engine({.slots = streams,
                                               .queue = options.serve.queue,
                                               .context = options.serve.context,
                                               .answer_tokens = options.answer_tokens,
                                               .token_bytes = options.token_bytes,
                                               .tokens_per_second = options.tokens_per_second});
  return server::run_service(options.serve, {.models = {{.name = options.serve.model_name,
                                                         .aliases = {},
                                                         .digest = crypto::sha256_tag(digest),
                                                         .engine = *engine}},
                                             .tee = *tee,
                                             .receipts = *receipts,
                                             .clock = clock,
                                             .listen = listen,
                                             .plain = options.plain});
}

}  // namespace

int main(int argc, char** argv) {
  StubServerOptions options;
  options.serve.tee = "sim";
  options.serve.model_name = "stub";
  CLI::App app{"confide-server around an engine that computes nothing, for measurements."};
  server::declare_options(app, options.serve);
  app.add_option("--answer-tokens", options.answer_tokens, "the longest answer")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--token-bytes", options.token_bytes, "text of one token")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--streams", options.streams, "answers at the same time, where --slots is too few")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--tokens-per-second", options.tokens_per_second,
                 "pace of each answer; 0 gives it at once")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_flag("--plain", options.plain, "HTTP without TLS");
  app.add_flag("!--no-receipts", options.store_receipts, "sign receipts and store none");
  CLI11_PARSE(app, argc, argv);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return server::as_program(options.serve, [&] { return run(options, arguments); });
}
