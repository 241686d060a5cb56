#include "models.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "crypto/hash.h"
#include "engine/model_file.h"
#include "ops/free_memory.h"

namespace confide::server {
namespace {

constexpr std::string_view kModelEvent = "confide.model";
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;

struct Named {
  std::string name;  // empty: the file's
  std::string path;
  bool embeds = false;
};

// NAME=FILE, unless the sign stands in the file's own path.
Named named(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string_view before = std::string_view(text).substr(0, equals);
  if (equals == std::string::npos || before.empty() || before.find('/') != before.npos) {
    return {.name = "", .path = text, .embeds = false};
  }
  return {.name = std::string(before), .path = text.substr(equals + 1), .embeds = false};
}

// Before the first byte is read: each file is held in memory as a whole.
Status check_room(const std::vector<Named>& models) {
  std::uint64_t need = 0;
  for (const Named& model : models) {
    std::error_code error;
    const std::uint64_t size = std::filesystem::file_size(model.path, error);
    if (!error) need += size;  // whoever reads it says what is wrong
  }
  const std::uint64_t free = ops::free_memory();
  if (need <= free) return {};
  return fail(Errc::unavailable,
              fmt::format("the models take {} MiB of memory, and {} MiB are free", need / kMiB + 1,
                          free / kMiB));
}

// One line on a terminal, redrawn; silent elsewhere.
void show_progress(std::uint64_t done, std::uint64_t total) {
  if (isatty(STDERR_FILENO) == 0 || total == 0) return;
  constexpr std::uint64_t kWidth = 32;
  const std::uint64_t filled = done * kWidth / total;
  fmt::print(stderr, "\rLoading model [{:#<{}}{:.<{}}] {:3}%", "", filled, "", kWidth - filled,
             done * 100 / total);
  if (done == total) fmt::print(stderr, "\n");
}

}  // namespace

std::vector<std::string> find_model_problems(const ServeOptions& options) {
  std::vector<std::string> problems;
  std::vector<Named> wanted;
  for (const auto* list : {&options.models, &options.embedding_models}) {
    for (const std::string& text : *list) wanted.push_back(named(text));
  }
  for (const Named& model : wanted) {
    const auto size = engine::ModelFile::check(model.path);
    if (!size) problems.push_back(size.error().message);
  }
  if (const auto room = check_room(wanted); !room) problems.push_back(room.error().message);
  return problems;
}

// Hashes the very bytes that the engine will map.
Result<Models> Models::read(const ServeOptions& options, attest::Tee& tee) {
  std::vector<Named> wanted;
  for (const std::string& text : options.models) wanted.push_back(named(text));
  if (!options.model_name.empty()) {
    if (wanted.size() != 1) {
      return fail(Errc::malformed, "--model-name is for one --model; use --model NAME=FILE");
    }
    wanted.front().name = options.model_name;
  }
  for (const std::string& text : options.embedding_models) {
    wanted.push_back(named(text));
    wanted.back().embeds = true;
  }
  TRY(check_room(wanted));
  Models out;
  for (Named& model : wanted) {
    crypto::Sha256Stream hash;
    TRY_ASSIGN(auto file,
               engine::ModelFile::load(
                   model.path, [&](ByteView bytes) { hash.update(bytes); }, show_progress));
    const crypto::Sha256 digest = hash.finish();
    TRY(tee.measure(kModelEvent, digest));
    std::string name = model.name.empty() ? file.name() : std::move(model.name);
    if (std::ranges::any_of(out.read_, [&](const Read& read) { return read.name == name; })) {
      return fail(Errc::malformed,
                  fmt::format("two models are called {}: use --model NAME=FILE", name));
    }
    out.read_.push_back({.name = std::move(name),
                         .digest = crypto::sha256_tag(digest),
                         .file = std::move(file),
                         .embeds = model.embeds});
  }
  return out;
}

Status Models::start(const ServeOptions& options) {
  const engine::Options wanted{.slots = options.slots,
                               .context_per_slot = options.context,
                               .threads = options.threads,
                               .queue = options.queue,
                               .queue_seconds = options.queue_seconds,
                               .prompt_chunk = options.prompt_chunk,
                               .keep_prompts = options.prompt_cache,
                               .context_shift = options.context_shift,
                               .deterministic = options.deterministic};
  for (Read& model : std::exchange(read_, {})) {
    Running running{.name = std::move(model.name),
                    .digest = std::move(model.digest),
                    .engine = nullptr,
                    .embedder = nullptr};
    if (model.embeds) {
      TRY_ASSIGN(running.embedder,
                 engine::Embedder::load(model.file, {.context = options.context,
                                                     .threads = options.threads,
                                                     .queue_seconds = options.queue_seconds}));
    } else {
      TRY_ASSIGN(running.engine, engine::Engine::load(model.file, wanted));
    }
    running_.push_back(std::move(running));
  }
  return {};
}

std::vector<api::ServedModel> Models::served() const {
  std::vector<api::ServedModel> out;
  for (const Running& model : running_) {
    if (model.engine == nullptr) continue;
    out.push_back(
        {.name = model.name, .aliases = {}, .digest = model.digest, .engine = *model.engine});
  }
  return out;
}

std::vector<api::ServedEmbedder> Models::embedders() const {
  std::vector<api::ServedEmbedder> out;
  for (const Running& model : running_) {
    if (model.embedder == nullptr) continue;
    out.push_back({.name = model.name, .digest = model.digest, .embedder = *model.embedder});
  }
  return out;
}

}  // namespace confide::server
