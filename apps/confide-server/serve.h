// Puts the parts of a serving process together, in the order that makes its word worth something:
// harden, measure, make keys, serve.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace confide::server {

struct ServeOptions {
  std::string model;                      // GGUF file
  std::string model_name;                 // empty: the file's name
  std::string listen = "127.0.0.1:8443";  // port 0: any free one
  std::string tee = "auto";
  std::string state = "confide-state";
  std::vector<std::string> domains;  // further names and addresses of the TLS certificate
  int slots = 8;
  int context = 4096;
  int threads = 0;
  int queue = 64;
  int receipt_days = 30;
  std::uint64_t receipt_max = 1'000'000;
  int keyset_days = 30;
  std::uint64_t sealing_epoch = 86'400;  // seconds that a sealing key is used; 0: as long as we run
  int drain_seconds = 30;
  bool metrics_public = false;
  bool verbose = false;
};

// Runs until SIGTERM or SIGINT. Returns the process's exit code: 0 after a clean stop, 2 for what
// the caller must mend, 3 for what is unavailable. `arguments` is what is measured as the command
// line.
int serve(const ServeOptions& options, const std::vector<std::string>& arguments);

}  // namespace confide::server
