// confide-server: a model served privately from inside a TEE.
#include <CLI/CLI.hpp>
#include <map>

#include "ops/version.h"
#include "serve.h"

namespace {

constexpr const char* kExamples = R"(
Examples:
  Try it out on any machine, with a simulated TEE (no hardware protects it):
    confide-server --model model.gguf --tee sim --state ./state
  Serve from inside an Intel TDX guest:
    confide-server --model model.gguf --listen 0.0.0.0:8443 --state /var/lib/confide

Clients check the service and talk to it with `confide chat`.
Exit codes: 0 stopped, 2 usage or unreadable input, 3 something needed is unavailable.)";

}  // namespace

int main(int argc, char** argv) {
  confide::server::ServeOptions options;
  CLI::App app{
      "Serves a model privately: TLS and end-to-end encryption end in this process, which "
      "attests itself and signs a receipt for every answer."};
  app.footer(kExamples);
  app.set_version_flag("--version", std::string(confide::ops::version()));
  app.set_config("--config", "", "read these options from a TOML file")->check(CLI::ExistingFile);
  app.allow_config_extras(false);

  app.add_option("--model", options.model, "the model, a GGUF file")->required();
  app.add_option("--model-name", options.model_name, "id that clients ask for [the file's name]");
  app.add_option("--listen", options.listen, "ADDRESS:PORT; port 0 takes any free one")
      ->capture_default_str();
  app.add_option("--tee", options.tee, "where evidence comes from")
      ->check(CLI::IsMember({"auto", "tdx", "snp", "sim"}))
      ->capture_default_str();
  app.add_option("--state", options.state, "folder for receipts and, simulated, the trust root")
      ->capture_default_str();
  app.add_option("--domain", options.domains, "further DNS name or IP address of this service");
  app.add_option("--slots", options.slots, "answers generated at the same time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--context", options.context, "tokens of prompt and answer together")
      ->check(CLI::Range(16, 1 << 20))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "engine threads; 0 takes one per core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--queue", options.queue, "requests that may wait for a slot")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  app.add_option("--receipt-days", options.receipt_days, "how long receipts are kept")
      ->check(CLI::Range(1, 36500))
      ->capture_default_str();
  app.add_option("--receipt-max", options.receipt_max, "how many receipts are kept")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--keyset-days", options.keyset_days, "how long this process's keys are valid")
      ->check(CLI::Range(1, 365))
      ->capture_default_str();
  app.add_option("--sealing-epoch", options.sealing_epoch,
                 "how long a sealing key is used, such as 12h (s, m, h, d); 0: as long as we run")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, std::uint64_t>{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}},
          CLI::AsNumberWithUnit::CASE_SENSITIVE))
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{365 * 86'400}))
      ->type_name("DURATION")
      ->default_str("24h");
  app.add_option("--drain-seconds", options.drain_seconds, "how long a stop waits for answers")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  app.add_flag("--metrics-public", options.metrics_public,
               "answer /v1/metrics to everybody, not to this machine alone");
  app.add_flag("--verbose", options.verbose, "log more (never prompts or answers)");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return confide::server::serve(options, std::vector<std::string>(argv + 1, argv + argc));
}
