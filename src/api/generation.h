// One answer in the making: takes the engine's text, shapes, seals, hashes and sends it, and signs
// the receipt before the client can see the end.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "aci/receipt.h"
#include "api/openai.h"
#include "crypto/hash.h"
#include "engine/engine.h"
#include "net/http.h"
#include "ops/metrics.h"
#include "ops/worker_pool.h"
#include "seal/e2ee.h"

namespace confide::api {

// Signs and stores the receipt of one exchange. False if it could not be stored; then the answer
// may not be completed, since nobody could ever check it.
using ReceiptFiler = std::function<bool(const aci::ReceiptFields&)>;

struct GenerationPlan {
  AnswerHead head;
  bool stream = false;
  std::optional<seal::ResponseSealer> sealer;  // under E2EE
  aci::ReceiptFields receipt;                  // all but response_hash and what the run adds
  net::Headers headers;  // of the response, Content-Type and X-Receipt-Id excepted
};

// The engine calls it on its own thread; shaping and signing happen on the worker pool, one step of
// one answer at a time. Ends by itself when the client goes away.
class Generation final : public engine::Sink, public std::enable_shared_from_this<Generation> {
 public:
  Generation(GenerationPlan plan, std::shared_ptr<net::Exchange> exchange, ops::WorkerPool& pool,
             ops::Metrics& metrics, ReceiptFiler file_receipt);

  // Called once, after the engine accepted the job. Opens a stream's response.
  void begin(std::unique_ptr<engine::Ticket> ticket);

  void on_start() override {}
  void on_text(std::string_view text, std::span<const engine::TokenReport> tokens) override;
  void on_done(engine::Finish finish, engine::Usage usage) override;

 private:
  struct End {
    engine::Finish finish = engine::Finish::error;
    engine::Usage usage;
  };

  void schedule();
  void step();
  bool stream_text(std::string text);
  void end_stream(const End& end);
  void end_buffered(const End& end);
  // Seals and frames a chunk onto `out`; false if it could not be sealed.
  bool add_chunk(std::string& out, Json chunk) const;
  void send(std::string bytes);
  bool file(const End& end);
  void fail_stream();
  void fail_buffered(const End& end);
  void respond(net::HttpResponse response, const End& end);

  GenerationPlan plan_;
  std::shared_ptr<net::Exchange> exchange_;
  ops::WorkerPool& pool_;
  ops::Metrics& metrics_;
  ReceiptFiler file_receipt_;
  crypto::Sha256Stream hash_;  // of the bytes sent; used by one step at a time
  std::string answer_;         // buffered answers only

  std::mutex mutex_;
  std::unique_ptr<engine::Ticket> ticket_;
  std::string pending_;
  std::optional<End> end_;
  bool scheduled_ = false;
  bool gone_ = false;
  bool over_ = false;
};

}  // namespace confide::api
