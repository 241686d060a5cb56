#include "options.h"

#include <CLI/CLI.hpp>
#include <map>

namespace confide::server {

namespace {

void declare_watching(CLI::App& app, ServeOptions& options) {
  app.add_flag("--metrics-public", options.metrics_public,
               "answer /metrics to everybody, not to this machine alone");
  app.add_flag("--metrics-by-key", options.metrics_by_key, "count by API key's name as well");
  app.add_flag("--log-requests", options.log_requests,
               "log a line for each request: route, status, times, numbers of tokens");
  app.add_flag("--log-addresses", options.log_addresses, "with the address that it came from");
  app.add_option("--log-level", options.log_level, "the least that is logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_option("--log-format", options.log_format, "one line or one JSON document an entry")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_flag("--verbose", options.verbose, "the same as --log-level debug");
  app.add_option("--otlp-endpoint", options.otlp_endpoint,
                 "OpenTelemetry collector for traces, https:// or http://127.0.0.1:4318");
  app.add_option("--otlp-pin", options.otlp_pin,
                 "SHA-256 of the collector's TLS public key, hex; needed with https://");
}

}  // namespace

void declare_options(CLI::App& app, ServeOptions& options) {
  app.set_config("--config", "", "read these options from a TOML file")->check(CLI::ExistingFile);
  app.allow_config_extras(false);
  app.add_option("--model-name", options.model_name,
                 "id that clients ask for, if there is one --model [the file's name]");
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
  app.add_option("--queue-seconds", options.queue_seconds,
                 "what waits for a slot for longer is refused; 0: nothing is")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  app.add_option("--prompt-chunk", options.prompt_chunk,
                 "tokens of prompts read at a time while answers are under way")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_flag("!--no-prompt-cache", options.prompt_cache,
               "keep no prompts between a caller's own requests");
  app.add_flag("--context-shift", options.context_shift,
               "let a full context forget its older half, instead of ending the answer");
  app.add_flag("--deterministic", options.deterministic,
               "the same request and seed give the same answer whatever else runs; slower");
  app.add_option("--connections", options.connections, "connections held at the same time")
      ->check(CLI::Range(1, 100'000))
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
  CLI::Option* tls_key = app.add_option("--tls-key", options.tls_key,
                                        "PEM file with the key of --tls-cert; P-256 or RSA");
  app.add_option("--tls-cert", options.tls_certificate,
                 "PEM file with the TLS certificate and those above it [self-signed]")
      ->needs(tls_key);
  app.add_option("--api-keys", options.api_keys,
                 "file of API keys, made with `keys new` [everybody may call]");
  app.add_flag("--debug-endpoints", options.debug_endpoints,
               "answer /tokenize, /detokenize and /apply-template");
  declare_watching(app, options);
}

}  // namespace confide::server
