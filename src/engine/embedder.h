// Vectors of texts: one thread owns the model and computes the texts of all who wait, as many at
// once as fit.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/model_file.h"

namespace confide::engine {

struct EmbedderOptions {
  int context = 2048;  // tokens of one text, and of all that are computed at once
  int threads = 0;     // 0: one per core
  int queue = 1024;    // texts that may wait
  int queue_seconds =
      60;  // a job that waits for longer before its first text expires; 0: none does
};

struct EmbeddingJob {
  std::vector<std::vector<Token>> texts;
  // Who asks, for turns go by caller; empty: one of those who do not say.
  std::string caller = {};
};

using Vector = std::vector<float>;  // of length 1

// Thread-safe.
class Embedder {
 public:
  // One vector for each text, in their order, or why there are none: `unavailable` if the embedder
  // stopped or the job was cancelled, `expired` if it waited for too long, `internal` if the
  // computation failed. Called once, on the embedder's thread; must not block or throw.
  using Done = std::function<void(Result<std::vector<Vector>>)>;

  // Fails as Engine::load() does.
  static Result<std::unique_ptr<Embedder>> load(const ModelFile& file,
                                                const EmbedderOptions& options);
  virtual ~Embedder() = default;  // stops

  virtual const ModelInfo& info() const noexcept = 0;
  virtual const std::string& build() const noexcept = 0;
  virtual int dimensions() const noexcept = 0;
  virtual int vocabulary_size() const noexcept = 0;
  // With the frame of tokens the model wants around a text. Fails with `limit` on more than can
  // ever fit.
  virtual Result<std::vector<Token>> tokenize(std::string_view text) const = 0;
  // Fails with `limit` if the queue is full, `malformed` if a text is empty, longer than the
  // context or has a token that is none of the model's. The texts are wiped when they are done. The
  // ticket cancels what was not computed by the next batch.
  virtual Result<std::unique_ptr<Ticket>> submit(EmbeddingJob job, Done done) = 0;
  // Whoever waits is told; later submits fail with `unavailable`. Idempotent.
  virtual void stop() = 0;
};

}  // namespace confide::engine
