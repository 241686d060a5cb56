// What is known of a request once it is over: for the metrics, for one line in the log and for a
// trace. Numbers, names of ours and moments; nothing of what was asked, answered or shown.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "api/access.h"
#include "api/trace_parent.h"
#include "engine/engine.h"
#include "net/http.h"
#include "ops/metrics.h"

namespace confide::api {

// As receipts, metrics and traces name it.
std::string_view to_string(engine::Finish finish) noexcept;

struct RequestFacts {
  std::string id;          // "req-" and 24 hex digits, ours
  std::string_view route;  // of a fixed list
  std::string model;       // one that is served, or empty
  std::string key;         // the API key's name, or empty
  std::string peer;        // the address it came from
  std::optional<TraceParent> parent;
  bool sealed = false;                   // it came through the sealed channel
  int status = 0;                        // 0: it was never answered
  bool complete = false;                 // its answer was handed over to the end
  std::optional<engine::Finish> finish;  // of its generation
  engine::Usage usage;                   // of all its prompts and answers

  using Moment = std::optional<SteadyTime>;
  SteadyTime received{};
  Moment submitted;   // to the engine
  Moment started;     // it got a slot
  Moment first_text;  // the prompt was read
  Moment last_text;
  SteadyTime over{};
};

// One request under way. Thread-safe. It is over when its answer is handed over, just before, so
// that whoever has seen the end finds it counted; or when nobody holds it any more.
class RequestWatch {
 public:
  // `report` gets the facts, once, on whatever thread that is: it must be quick.
  using Report = std::function<void(const RequestFacts&)>;

  RequestWatch(RequestFacts facts, Report report);
  ~RequestWatch();
  RequestWatch(const RequestWatch&) = delete;
  RequestWatch& operator=(const RequestWatch&) = delete;

  const std::string& id() const noexcept { return facts_.id; }
  // `route` outlives the watch.
  void set_route(std::string_view route, Dialect dialect);
  // From here on it is the request inside, whose trace and status count.
  void set_sealed(const std::optional<TraceParent>& parent);
  // Ended when the request is over.
  void set_grant(std::shared_ptr<Grant> grant);
  // The key that let it in; null on an open service.
  std::shared_ptr<Grant> grant() const;
  // `gaps`: where the time between pieces of text is counted.
  void set_submitted(std::string model, ops::Histogram gaps);

  // Tokens that the key pays for.
  void use(int tokens);

  // For the exchange and the sinks below. `whole`: there is nothing to come after it.
  void answered(int status, net::Headers& headers, bool whole);
  void over(bool complete);
  void on_start();
  void on_text();
  void on_done(engine::Finish finish, const engine::Usage& usage, bool first_of_prompt);

 private:
  mutable std::mutex mutex_;
  RequestFacts facts_;
  Report report_;
  std::shared_ptr<Grant> grant_;
  std::optional<ops::Histogram> gaps_;
  bool reported_ = false;
  Dialect dialect_ = Dialect::openai;
};

// The same exchange, watched. What first answers through one of a request's exchanges gives it its
// status, and gets X-Request-Id (and Request-Id, where Anthropic's clients look) and what the key's
// limits say among its headers; but what is outside a sealed answer never does, since it must look
// the same whatever is inside.
std::shared_ptr<net::Exchange> watched(std::shared_ptr<RequestWatch> watch,
                                       std::shared_ptr<net::Exchange> exchange);
// The same sink, watched. Of several answers to one prompt, the first reports the prompt's tokens.
std::shared_ptr<engine::Sink> watched(std::shared_ptr<RequestWatch> watch,
                                      std::shared_ptr<engine::Sink> sink, bool first_of_prompt);

}  // namespace confide::api
