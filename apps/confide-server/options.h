// What a serving process can be told, on the command line or in a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace confide::server {

struct ServeOptions {
  std::vector<std::string> models;            // FILE or NAME=FILE, in GGUF
  std::string model_name;                     // of a single model; empty: the file's name
  std::vector<std::string> embedding_models;  // as `models`
  std::string listen = "127.0.0.1:8443";      // port 0: any free one
  std::string tee = "auto";
  std::string state = "confide-state";
  std::vector<std::string> domains;  // further names and addresses of the TLS certificate
  int slots = 8;
  int context = 4096;
  int threads = 0;
  int queue = 64;
  int queue_seconds = 60;
  int prompt_chunk = 128;
  bool prompt_cache = true;
  bool context_shift = false;
  bool deterministic = false;
  std::size_t connections = 1024;  // at once
  int receipt_days = 30;
  std::uint64_t receipt_max = 1'000'000;
  int keyset_days = 30;
  std::uint64_t sealing_epoch = 86'400;  // seconds that a sealing key is used; 0: as long as we run
  int drain_seconds = 30;
  std::string tls_certificate;  // PEM files; empty: self-signed
  std::string tls_key;
  std::string api_keys;  // empty: everybody may call
  bool metrics_public = false;
  bool debug_endpoints = false;
  bool metrics_by_key = false;
  bool log_requests = false;
  bool log_addresses = false;
  std::string log_level = "info";
  std::string log_format = "text";
  bool verbose = false;
  std::string otlp_endpoint;  // empty: no traces
  std::string otlp_pin;       // SHA-256 of the collector's TLS key, hex
};

// Declares all but --model. `options` outlives the application.
void declare_options(CLI::App& app, ServeOptions& options);

}  // namespace confide::server
