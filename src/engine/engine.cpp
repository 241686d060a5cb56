#include "engine/engine.h"

#include <fmt/format.h>
#include <llama.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <ranges>
#include <thread>
#include <utility>

#include "base/secret.h"
#include "engine/answer_format.h"
#include "engine/chat.h"
#include "engine/flag_ticket.h"
#include "engine/llama_model.h"
#include "engine/machine.h"
#include "engine/memory_need.h"
#include "engine/prompt_tokenizer.h"
#include "engine/scheduler.h"
#include "engine/slot.h"

namespace confide::engine {
namespace {

// Bytes that a prompt is made of.
std::size_t size_of(const Conversation& conversation) {
  std::size_t size = 0;
  for (const Message& m : conversation.messages) {
    size += m.content.size() + m.reasoning.size() + m.tool_call_id.size() + m.name.size();
    for (const ToolCall& call : m.tool_calls) {
      size += call.id.size() + call.name.size() + call.arguments.size();
    }
  }
  for (const Tool& tool : conversation.tools) {
    size += tool.name.size() + tool.description.size() + tool.parameters.size();
  }
  return size;
}

class LlamaEngine final : public Engine {
 public:
  explicit LlamaEngine(LlamaModel model) : model_(std::move(model)), prompts_(model_) {}

  Status start(const Options& options) {
    TRY_ASSIGN(Chat chat, Chat::of(model_));
    chat_.emplace(std::move(chat));
    TRY_ASSIGN(scheduler_, Scheduler::start(model_, options));
    info_ = {.description = model_.description(),
             .context_length = scheduler_->context_length(),
             .shifts = options.context_shift,
             .parameters = model_.parameters()};
    return {};
  }

  const ModelInfo& info() const noexcept override { return info_; }
  const std::string& build() const noexcept override { return build_; }
  int vocabulary_size() const noexcept override { return model_.vocabulary_size(); }
  Load load_now() const override { return scheduler_->load(); }
  void stop() override { scheduler_->stop(); }

  Result<std::vector<Token>> tokenize(std::string_view text, bool special) const override {
    TRY(check_length(text.size()));
    return model_.tokenize(text, special ? LlamaModel::Control::parse : LlamaModel::Control::plain,
                           LlamaModel::Frame::add);
  }

  Result<std::vector<Token>> prepare_infill(std::string_view prefix,
                                            std::string_view suffix) const override {
    TRY(check_length(prefix.size() + suffix.size()));
    return prompts_.infill(prefix, suffix);
  }

  Result<std::string> detokenize(std::span<const Token> tokens) const override {
    std::string out;
    std::string piece;
    for (const Token token : tokens) {
      if (token < 0 || token >= model_.vocabulary_size()) {
        return fail(Errc::malformed, "no such token");
      }
      model_.piece(token, piece, LlamaModel::Control::parse);
      out += piece;
    }
    return out;
  }

  Result<ChatPrompt> prepare(const Conversation& conversation) const override {
    TRY(check_length(size_of(conversation)));
    TRY_ASSIGN(Chat::Prompt chat, chat_->prepare(conversation));
    auto tokens = prompts_.tokenize(chat.parts);
    for (PromptPart& part : chat.parts) wipe(part.text);
    TRY_ASSIGN(std::vector<Token> prompt, std::move(tokens));
    return ChatPrompt{.tokens = std::move(prompt), .format = std::move(chat.format)};
  }

  Result<std::unique_ptr<Ticket>> submit(Job job,
                                         std::vector<std::shared_ptr<Sink>> sinks) override {
    // First of all what is shared: it wipes the prompt on every way out.
    auto shared = std::make_shared<SharedJob>(std::move(job));
    TRY(check(shared->job));
    std::vector<std::shared_ptr<Request>> requests;
    std::uint32_t seed = shared->job.sampling.seed;
    const auto now = std::chrono::steady_clock::now();
    for (auto& sink : sinks) {
      requests.push_back(std::make_shared<Request>(
          Request{.shared = shared, .sink = std::move(sink), .seed = seed++, .since = now}));
    }
    TRY(scheduler_->submit(requests));
    // The engine looks before each batch, and during one that nobody else shares.
    return std::make_unique<FlagTicket>(
        std::shared_ptr<std::atomic<bool>>(shared, &shared->cancelled));
  }

 private:
  // Tokenizers take their time, and some take stack, for texts that could never fit.
  Status check_length(std::size_t bytes) const {
    const auto context = static_cast<std::size_t>(info_.context_length);
    if (bytes <= context * model_.longest_piece()) return {};
    return fail(Errc::limit, fmt::format("more text than fits {} tokens", context));
  }

  Status check(const Job& job) const {
    if (job.prompt.empty()) return fail(Errc::malformed, "empty prompt");
    if (job.prompt_reports && job.sampling.logprobs < 0) {
      return fail(Errc::malformed, "reports on the prompt, but none are asked for");
    }
    if (job.max_tokens < (job.prompt_reports ? 0 : 1)) {
      return fail(Errc::malformed, "max_tokens must be positive");
    }
    if (job.format != nullptr &&
        dynamic_cast<const LlamaAnswerFormat*>(job.format.get()) == nullptr) {
      return fail(Errc::malformed, "an answer format of another engine");
    }
    const auto unknown = [&](Token t) { return t < 0 || t >= model_.vocabulary_size(); };
    if (std::ranges::any_of(job.prompt, unknown) ||
        std::ranges::any_of(job.sampling.bias | std::views::keys, unknown)) {
      return fail(Errc::malformed, "no such token");
    }
    if (job.prompt.size() >= static_cast<std::size_t>(info_.context_length)) {
      return fail(Errc::malformed, fmt::format("a prompt of {} tokens leaves no room in a context "
                                               "of {}",
                                               job.prompt.size(), info_.context_length));
    }
    return {};
  }

  LlamaModel model_;
  std::optional<Chat> chat_;  // never empty after start()
  PromptTokenizer prompts_;
  ModelInfo info_;
  std::string build_ = engine_build();
  std::unique_ptr<Scheduler> scheduler_;  // last: its thread uses what stands above
};

Status check(const Options& options) {
  const auto most = static_cast<int>(llama_max_parallel_sequences());
  if (options.slots < 1 || options.slots > most) {
    return fail(Errc::malformed, fmt::format("slots: from 1 to {}", most));
  }
  if (options.context_per_slot < 1) return fail(Errc::malformed, "context: at least 1 token");
  if (options.threads < 0) return fail(Errc::malformed, "threads: not below 0");
  if (options.queue < 0) return fail(Errc::malformed, "queue: not below 0");
  if (options.queue_seconds < 0) return fail(Errc::malformed, "queue seconds: not below 0");
  if (options.prompt_chunk < 1) return fail(Errc::malformed, "prompt chunk: at least 1 token");
  return {};
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::load(const ModelFile& file, const Options& asked) {
  TRY(check(asked));
  Options options = asked;
  options.threads = compute_threads(asked.threads);
  TRY(check_memory(file, {.sequences = options.slots,
                          .context = options.context_per_slot,
                          .threads = options.threads}));
  TRY_ASSIGN(LlamaModel model, LlamaModel::load(file));
  auto engine = std::make_unique<LlamaEngine>(std::move(model));
  TRY(engine->start(options));
  return engine;
}

}  // namespace confide::engine
