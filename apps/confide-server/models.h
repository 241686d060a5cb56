// The models of a serving process: read, measured and ready to run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/service.h"
#include "attest/tee.h"
#include "base/result.h"
#include "engine/embedder.h"
#include "engine/engine.h"
#include "options.h"

namespace confide::server {

// What would keep them from being read, as far as their headers and the free memory tell.
std::vector<std::string> find_model_problems(const ServeOptions& options);

class Models {
 public:
  // Reads all files and measures each before any of them runs. Fails with `malformed` if two have
  // one name, and as engine::ModelFile::load() and Tee::measure() do.
  static Result<Models> read(const ServeOptions& options, attest::Tee& tee);
  // Starts their threads. Fails as engine::Engine::load() does.
  Status start(const ServeOptions& options);

  // Good as long as this lives.
  std::vector<api::ServedModel> served() const;
  std::vector<api::ServedEmbedder> embedders() const;

 private:
  struct Read {
    std::string name;
    std::string digest;  // sha256:..., as measured
    engine::ModelFile file;
    bool embeds = false;
  };
  struct Running {
    std::string name;
    std::string digest;
    std::unique_ptr<engine::Engine> engine;  // this one or the next
    std::unique_ptr<engine::Embedder> embedder;
  };
  std::vector<Read> read_;  // until start()
  std::vector<Running> running_;
};

}  // namespace confide::server
