// POST /v1/embeddings: from texts to vectors of them.
#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "api/embeddings.h"
#include "api/proof.h"
#include "api/service.h"
#include "api/try.h"
#include "crypto/hash.h"

namespace confide::api {
namespace {

ApiError unfit(std::size_t index, std::string_view why) {
  return invalid_request(fmt::format("The text at index {} {}.", index, why), "input");
}

ApiResult<std::vector<engine::Token>> tokens_of(Prompt input, std::size_t index,
                                                const engine::Embedder& embedder) {
  const int context = embedder.info().context_length;
  const auto too_long = [&] {
    return unfit(index, fmt::format("is longer than the model's {} tokens", context));
  };
  std::vector<engine::Token> out;
  if (auto* text = std::get_if<std::string>(&input)) {
    if (text->empty()) return tl::unexpected(unfit(index, "is empty"));
    auto tokens = embedder.tokenize(*text);
    wipe(*text);
    if (!tokens) {
      return tl::unexpected(tokens.error().code == Errc::limit ? too_long()
                                                               : unfit(index, "is no valid text"));
    }
    out = *std::move(tokens);
  } else {
    out = std::get<std::vector<engine::Token>>(std::move(input));
  }
  if (out.empty()) return tl::unexpected(unfit(index, "is empty"));
  if (out.size() > static_cast<std::size_t>(context)) return tl::unexpected(too_long());
  if (std::ranges::any_of(out, [&](engine::Token t) { return t >= embedder.vocabulary_size(); })) {
    return tl::unexpected(unfit(index, "has an unknown token id"));
  }
  return out;
}

engine::Finish finish_of(const Result<std::vector<engine::Vector>>& vectors) {
  if (vectors) return engine::Finish::stop;
  switch (vectors.error().code) {
    case Errc::expired:
      return engine::Finish::expired;
    case Errc::unavailable:
      return engine::Finish::cancelled;
    default:
      return engine::Finish::error;
  }
}

}  // namespace

const ServedEmbedder* Service::find_embedder(std::string_view name) const {
  const auto found = std::ranges::find(parts_.embedders, name, &ServedEmbedder::name);
  return found == parts_.embedders.end() ? nullptr : &*found;
}

ApiResult<const ServedEmbedder*> Service::embedder_for(const Call& call,
                                                       const std::string& name) const {
  API_TRY(check_scope(call, name));
  if (const ServedEmbedder* found = find_embedder(name)) return found;
  if (find_model(name) == nullptr) return tl::unexpected(no_such_model());
  return tl::unexpected(invalid_request("This model makes no embeddings.", "model"));
}

void Service::embed(Call& call) {
  if (auto started = start_embedding(call); !started) refuse_in_clear(call, started.error());
}

// What is left to do once the vectors are there.
struct Service::EmbeddingPlan {
  Call call;  // but for its request
  std::string model;
  bool base64 = false;
  int prompt_tokens = 0;
  std::optional<seal::ResponseSealer> sealer;
  aci::ReceiptFields receipt;
  net::Headers headers;
};

ApiResult<void> Service::start_embedding(Call& call) {
  API_TRY_ASSIGN(AcceptedBody accepted, accept_body(call, seal::Endpoint::embeddings));
  auto plan = std::make_shared<EmbeddingPlan>();
  plan->receipt = start_receipt(call, kEmbeddings, accepted);
  plan->headers = answer_headers(call, accepted);
  if (accepted.constraints.session_ids) {
    refuse_sessions(call, accepted, std::move(plan->receipt));
    return {};
  }
  API_TRY_ASSIGN(EmbeddingRequest request, parse_embedding(accepted.body));
  API_TRY_ASSIGN(const ServedEmbedder* const served, embedder_for(call, request.model));
  engine::Embedder& embedder = served->embedder;
  if (request.dimensions && *request.dimensions != embedder.dimensions()) {
    return tl::unexpected(invalid_request(
        fmt::format("This model's vectors have {} dimensions, no others.", embedder.dimensions()),
        "dimensions"));
  }
  std::vector<std::vector<engine::Token>> texts;
  for (std::size_t i = 0; i < request.input.size(); ++i) {
    API_TRY_ASSIGN(auto tokens, tokens_of(std::move(request.input[i]), i, embedder));
    plan->prompt_tokens += static_cast<int>(tokens.size());
    texts.push_back(std::move(tokens));
  }
  API_TRY(reserve(call, {.prompt = static_cast<std::size_t>(plan->prompt_tokens)}));
  plan->call.exchange = call.exchange;
  plan->call.watch = call.watch;
  plan->call.keyset = call.keyset;
  plan->call.owner = call.owner;
  plan->call.errors = call.errors;
  plan->model = served->name;
  plan->base64 = request.base64;
  plan->sealer = std::move(accepted.sealer);
  plan->receipt.model = request.model;
  plan->receipt.execution =
      execution_of_reading(served->digest, embedder.build(), plan->prompt_tokens);
  call.watch->set_submitted(served->name, observer_->gaps(served->name));
  auto ticket =
      embedder.submit({.texts = std::move(texts), .caller = call.owner},
                      [this, plan](Result<std::vector<engine::Vector>> vectors) {
                        // Shaping and signing are no work for the embedder's thread.
                        parts_.pool.post([this, plan, vectors = std::move(vectors)]() mutable {
                          finish_embedding(*plan, std::move(vectors));
                        });
                      });
  if (ticket) {
    plan->call.exchange->on_gone(
        [held = std::shared_ptr<engine::Ticket>(*std::move(ticket))] { held->cancel(); });
    return {};
  }
  if (ticket.error().code != Errc::limit) return tl::unexpected(internal_error());
  return tl::unexpected(too_many("Too many requests are waiting; try again.", "queue_full"));
}

void Service::finish_embedding(EmbeddingPlan& plan, Result<std::vector<engine::Vector>> vectors) {
  net::HttpResponse response;
  engine::Finish finish = finish_of(vectors);
  if (finish == engine::Finish::stop) {
    Json body = embedding_answer(plan.model, *vectors, plan.base64, plan.prompt_tokens);
    if (plan.sealer && !plan.sealer->seal_body(body)) finish = engine::Finish::error;
    response.headers.set("Content-Type", "application/json");
    response.body = json::compact(body);
  }
  if (finish != engine::Finish::stop) {
    response = error_response(error_of(finish), plan.call.errors);
    plan.receipt.execution->finish_reason = to_string(finish);
  }
  plan.call.watch->on_done(finish, {.prompt_tokens = vectors ? plan.prompt_tokens : 0},
                           /*first_of_prompt=*/true);
  count_answer(parts_.metrics, finish);
  // What never had its turn is as if it had found the queue full, and has no receipt.
  if (finish == engine::Finish::expired) {
    for (const auto& [name, value] : plan.headers.all()) response.headers.set(name, value);
    return plan.call.exchange->respond(std::move(response));
  }
  reply_proven(plan.call, std::move(plan.receipt), Keep::stored, std::move(response), plan.headers);
}

}  // namespace confide::api
