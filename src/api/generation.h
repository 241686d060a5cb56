// One request's answers in the making: takes the engine's text, has it shaped, seals, hashes and
// sends it, and signs the receipt before the client can see the end.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aci/receipt.h"
#include "api/answer.h"
#include "api/even_text.h"
#include "api/generation_api.h"
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

struct ChoicePlan {
  std::size_t prompt = 0;  // which of the request's prompts it answers; in ascending order
  std::shared_ptr<const engine::AnswerFormat> format;  // null: all text is content
  std::string lead;                                    // its first content, not from the engine
};

struct GenerationPlan {
  const GenerationApi* api = nullptr;  // outlives the generation
  std::unique_ptr<AnswerShape> shape;
  ErrorForm errors;
  bool stream = false;
  bool even = false;  // streamed in pieces and events of even sizes
  std::vector<ChoicePlan> choices;
  std::optional<seal::ResponseSealer> sealer;  // under E2EE
  aci::ReceiptFields receipt;                  // all but response_hash and what the run adds
  net::Headers headers;  // of the response, Content-Type and X-Receipt-Id excepted
};

// The engine calls its sinks on its own thread; shaping and signing happen on the worker pool, one
// step of one answer at a time. Ends when every choice has, and by itself when the client goes
// away. A choice that fails takes the others with it.
class Generation final : public std::enable_shared_from_this<Generation> {
 public:
  Generation(GenerationPlan plan, std::shared_ptr<net::Exchange> exchange, ops::WorkerPool& pool,
             ops::Metrics& metrics, ReceiptFiler file_receipt);

  // Where the engine puts one choice; keeps the generation alive.
  std::shared_ptr<engine::Sink> sink(std::size_t choice);
  // Called once, after the engine accepted all jobs. Nothing is sent before, nor before a choice
  // has started: until then the answer can still be a refusal.
  void begin(std::vector<std::unique_ptr<engine::Ticket>> tickets);

 private:
  struct End {
    engine::Finish finish = engine::Finish::error;
    engine::Usage usage;
  };
  // What the engine said since the last step.
  struct News {
    std::string text;
    std::vector<engine::TokenReport> tokens;
    std::optional<End> end;
  };
  class Choice final : public engine::Sink {
   public:
    explicit Choice(Generation& owner) : owner_(owner) {}
    void on_start() override;
    void on_prompt(std::span<const engine::TokenReport> tokens) override;
    void on_text(std::string_view text, std::span<const engine::TokenReport> tokens) override;
    void on_done(engine::Finish finish, engine::Usage usage) override;

    News news;  // guarded by the owner's mutex; what follows is for one step at a time
    std::unique_ptr<engine::AnswerReader> reader;
    EvenText even;
    ChoiceAnswer answer;
    std::optional<End> end;
    std::vector<bool> named_calls;  // by index: whether its id was given out

   private:
    Generation& owner_;
  };

  void schedule();
  void give_up();
  void cancel_tickets();
  void step();
  bool take_news(std::vector<News>& news);
  void open_stream();
  void advance(std::size_t index, News news);
  // What of a choice's text goes out by itself now.
  std::vector<std::string> pieces(Choice& choice, std::string text, bool last) const;
  static engine::AnswerDelta read(Choice& choice, std::string text, bool last);
  void give_ids(Choice& choice, engine::AnswerDelta& delta) const;
  static void collect(ChoiceAnswer& answer, engine::AnswerDelta delta);
  // Seals and frames events onto `unsent_`.
  void queue(StreamEvents events);
  void flush();
  void fail(engine::Finish how);

  void end();
  void end_stream();
  void end_buffered();
  // In place of an answer of which nothing was sent.
  void refuse();
  void respond(net::HttpResponse response);
  engine::Usage usage() const;
  engine::Finish finish() const;
  bool file();

  GenerationPlan plan_;
  std::shared_ptr<net::Exchange> exchange_;
  ops::WorkerPool& pool_;
  ops::Metrics& metrics_;
  ReceiptFiler file_receipt_;

  // For one step at a time.
  crypto::Sha256Stream hash_;  // of the bytes sent
  std::string unsent_;         // events of this step
  bool open_ = false;          // the stream's response has begun
  bool unsealable_ = false;
  std::optional<engine::Finish> failure_;  // the first of any choice

  std::mutex mutex_;
  std::vector<std::unique_ptr<Choice>> choices_;
  std::vector<std::unique_ptr<engine::Ticket>> tickets_;
  bool begun_ = false;
  bool news_ = false;
  bool started_ = false;
  bool scheduled_ = false;
  bool gone_ = false;
};

}  // namespace confide::api
