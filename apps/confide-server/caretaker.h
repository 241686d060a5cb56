// What looks after a running service: sealing keys whose epoch ends, files that change, gauges.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "api/access.h"
#include "api/identity.h"
#include "files.h"
#include "net/server.h"
#include "ops/metrics.h"
#include "options.h"

namespace confide::server {

// All of it outlives the caretaker.
struct InCare {
  api::Identity& identity;
  api::Access* access = nullptr;  // null: no --api-keys
  net::Server& server;
  ops::Metrics& metrics;
};

// --state's tls-cert.pem, for clients that want a file.
Status publish_certificate(const ServeOptions& options, const api::Identity& identity);

// Works on a thread of its own until it is destroyed.
class Caretaker {
 public:
  Caretaker(const ServeOptions& options, const InCare& in_care);
  ~Caretaker();
  Caretaker(const Caretaker&) = delete;
  Caretaker& operator=(const Caretaker&) = delete;

  // Reads all files again now, whether or not they seem to have changed.
  void reread();

 private:
  void run();
  void tend_identity();
  void look_at_files(bool all);
  void read_api_keys();
  void read_tls();

  const ServeOptions& options_;
  InCare in_care_;
  FileStamp keys_stamp_, certificate_stamp_, tls_key_stamp_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool reread_ = false;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace confide::server
