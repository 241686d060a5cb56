// A local endpoint that any client of a model's API uses unchanged: every request leaves it sealed
// to an attested service, every answer is checked against its receipt. docs/proxy.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/http.h"
#include "ops/worker_pool.h"
#include "proxy/forward.h"
#include "proxy/guard.h"

namespace confide::proxy {

struct ProxyOptions {
  std::vector<std::string> hosts;  // as Guard takes them
  std::size_t streams = 64;        // requests that are answered at once; each holds a thread
};

// Thread-safe.
class Proxy {
 public:
  // The other two outlive it.
  Proxy(Routes routes, const ProxyOptions& options, History& history, const Clock& clock);

  // Quick: answers what is about the proxy itself, and hands the rest to its threads.
  void handle(net::HttpRequest request, std::shared_ptr<net::Exchange> exchange);
  // For the errors that the listener answers before there is a request; `path` as far as it knows.
  static net::HttpResponse transport_error(int status, std::string_view message,
                                           std::string_view path);

  // The document behind the local page.
  Json status() const;
  // The same in one line.
  std::string status_line() const;
  // Lets what is under way end. Afterwards nothing is answered.
  void stop() { pool_.stop(); }

 private:
  void serve(net::HttpRequest& request, const std::shared_ptr<net::Exchange>& exchange);

  Routes routes_;
  Guard guard_;
  Tally tally_;
  ForwardParts parts_;
  ops::WorkerPool pool_;
};

}  // namespace confide::proxy
