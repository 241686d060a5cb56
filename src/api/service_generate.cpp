// What generates text: from a body to jobs in the engine.
#include <algorithm>

#include <fmt/format.h>

#include "api/e2ee_headers.h"
#include "api/generation.h"
#include "api/jobs.h"
#include "api/proof.h"
#include "api/service.h"
#include "api/try.h"
#include "crypto/random.h"

namespace confide::api {
namespace {

constexpr json::Limits kBodyLimits{.max_bytes = std::size_t{32} << 20U};

std::string random_id(std::string_view prefix) {
  return fmt::format("{}{}", prefix, to_hex(crypto::random_bytes(12)));
}

std::uint32_t random_seed() {
  ByteArray<4> bytes{};
  crypto::random_fill(bytes);
  return ByteReader(bytes).u32le("seed").value_or(0);
}

// What would leave this process in clear although the client asked for encryption, since the fields
// that E2EE seals do not cover it (rule E12); empty if there is nothing.
std::string unsealable(const GenerationRequest& request, const GenerationApi& api) {
  if (request.logprobs >= 0) return "logprobs";
  if (!request.suffix.empty()) return "suffix";
  const auto* conversation = std::get_if<engine::Conversation>(&request.input);
  if (conversation == nullptr) return "";
  if (!conversation->tools.empty()) return "tools";
  if (!conversation->answer_schema.empty() && conversation->answer_schema != kAnyObject) {
    return std::string(api.traits().schema_member);
  }
  for (std::size_t i = 0; i < conversation->messages.size(); ++i) {
    const engine::Message& message = conversation->messages[i];
    const std::string_view member = !message.tool_calls.empty()  ? "tool_calls"
                                    : !message.reasoning.empty() ? "reasoning_content"
                                                                 : "";
    if (!member.empty()) return fmt::format("messages.{}.{}", i, member);
  }
  return "";
}

ApiResult<void> check_sealable(const GenerationRequest& request, const GenerationApi& api) {
  const std::string member = unsealable(request, api);
  if (member.empty()) return {};
  return tl::unexpected(
      ApiError{.type = "e2ee_unsupported_endpoint",
               .message = fmt::format("E2EE version 2 has no field for what '{}' carries; use the "
                                      "sealed channel (OHTTP), which seals whole requests and "
                                      "answers.",
                                      member),
               .code = "",
               .param = member});
}

}  // namespace

void Service::generate(Call& call, const GenerationApi& api) {
  if (auto started = start_generation(call, api); !started) refuse_in_clear(call, started.error());
}

void Service::refuse_in_clear(Call& call, ApiError error) {
  error.headers.emplace_back("X-E2EE-Applied", "false");
  refuse(call, error);
}

ApiResult<void> Service::reserve(const Call& call, const TokenNeed& need) {
  const auto grant = call.watch->grant();
  return grant ? grant->reserve(need, std::chrono::steady_clock::now()) : ApiResult<void>();
}

// Opens and parses the body. Every E2EE and constraint error is found here, before any inference.
ApiResult<Service::AcceptedBody> Service::accept_body(Call& call,
                                                      std::optional<seal::Endpoint> fields) {
  if (call.request.headers.has("X-Upstream-Verification")) {
    return tl::unexpected(
        invalid_request("X-Upstream-Verification is retired; use 'provider.aci_verified'."));
  }
  if (parts_.clock.now() >= identity_.not_after()) {
    return tl::unexpected(overloaded("The keyset has expired; the service must be restarted."));
  }
  AcceptedBody out;
  std::string text;
  const seal::E2eeHeaders headers = e2ee_headers(call.request.headers);
  if (headers.any() && call.sealed) {
    return tl::unexpected(invalid_request(
        "This request came through the sealed channel, so it takes no X-E2EE-*, X-Client-Pub-Key, "
        "X-Model-Pub-Key or X-Signing-Algo header."));
  }
  if (headers.any() && !fields) {
    return tl::unexpected(no_sealed_fields());
  }
  if (headers.any()) {
    auto opened = channel_.open(headers, *fields, call.request.body, parts_.clock.now());
    if (!opened) {
      return tl::unexpected(ApiError{
          .type = opened.error().type, .message = opened.error().message, .code = "", .param = ""});
    }
    out.body = std::move(opened->body);
    text = std::move(opened->compact);
    out.sealer = std::move(opened->sealer);
  } else {
    auto parsed = json::parse(call.request.body, kBodyLimits);
    if (!parsed)
      return tl::unexpected(invalid_request("The body: " + parsed.error().message + "."));
    out.body = *std::move(parsed);
    text.swap(call.request.body);
  }
  if (!out.body.is_object()) {
    return tl::unexpected(invalid_request("The body must be a JSON object."));
  }
  out.received_hash = crypto::sha256_tag(as_bytes(text));
  out.forwarded_hash = out.received_hash;
  API_TRY_ASSIGN(out.constraints, parse_constraints(out.body));
  if (out.constraints.present) {
    strip_constraints(out.body);
    out.forwarded_hash = crypto::sha256_tag(as_bytes(json::compact(out.body)));
  }
  wipe(text);
  return out;
}

// Accepted and then refused, so it has a receipt: contract 1.6, pinned sessions.
void Service::refuse_sessions(Call& call, const AcceptedBody& accepted, aci::ReceiptFields fields) {
  // No model of ours answers, so the name is whatever was sent: it may not fill the memory.
  if (const auto model = json::get_string(accepted.body, "model");
      model && model->size() <= kMaxModelBytes) {
    fields.model = *model;
  }
  const ApiError error{.status = 412,
                       .type = "session_not_accepted",
                       .message = "This service answers directly and has no sessions to pin.",
                       .code = "",
                       .param = ""};
  fields.forwarded_hash.reset();
  reply_proven(call, std::move(fields), Keep::briefly, error_response(error, call.errors), {});
}

void Service::reply_proven(Call& call, aci::ReceiptFields fields, Keep keep,
                           net::HttpResponse response, const net::Headers& headers) {
  fields.response_hash = crypto::sha256_tag(as_bytes(response.body));
  const bool filed = file_receipt(fields, call.owner, keep);
  reply(call,
        with_receipt(std::move(response), filed ? fields.receipt_id : "", headers, call.errors));
}

// The prompt was read by the attested model's own tokens, so it has a receipt like any other.
ApiResult<void> Service::answer_count(Call& call, const GenerationApi& api, const Model& model,
                                      const ParsedRequest& parsed, GenerationPlan planned) {
  const engine::Engine& engine = model.served.engine;
  const auto& conversation = std::get<engine::Conversation>(parsed.generation.input);
  API_TRY_ASSIGN(const auto prompt, prepare_chat(conversation, api, engine));
  const std::size_t tokens = prompt.tokens.size();
  API_TRY(reserve(call, {.prompt = tokens}));
  call.watch->use(static_cast<int>(tokens));
  aci::ReceiptFields receipt = std::move(planned.receipt);
  receipt.model = parsed.generation.model;
  receipt.execution =
      execution_of_reading(model.served.digest, engine.build(), static_cast<std::int64_t>(tokens));
  net::HttpResponse response;
  response.headers.set("Content-Type", "application/json");
  response.body = json::compact(parsed.count_answer(tokens));
  reply_proven(call, std::move(receipt), Keep::briefly, std::move(response), planned.headers);
  return {};
}

aci::ReceiptFields Service::start_receipt(const Call& call, std::string_view path,
                                          const AcceptedBody& accepted) const {
  aci::ReceiptFields out;
  out.receipt_id = random_id("rcpt-");
  out.workload_keyset_digest = call.keyset->digest;
  out.endpoint = path;
  out.served_at = parts_.clock.now();
  out.request_hash = accepted.received_hash;
  if (!call.client_nonce.empty()) out.client_nonce = call.client_nonce;
  out.forwarded_hash = accepted.forwarded_hash;
  return out;
}

net::Headers Service::answer_headers(const Call& call, const AcceptedBody& accepted) {
  net::Headers out;
  add_common_headers(out, *call.keyset);
  out.set("X-E2EE-Applied", accepted.sealer ? "true" : "false");
  if (accepted.sealer) {
    out.set("X-E2EE-Version", "2");
    out.set("X-E2EE-Algo", std::string(seal::to_string(accepted.sealer->suite())));
  }
  return out;
}

// All of the plan that does not depend on what the body asks for.
GenerationPlan Service::plan(Call& call, const GenerationApi& api, AcceptedBody& accepted) {
  GenerationPlan out;
  out.api = &api;
  out.errors = call.errors;
  out.receipt = start_receipt(call, api.traits().path, accepted);
  out.headers = answer_headers(call, accepted);
  out.sealer = std::move(accepted.sealer);
  return out;
}

// All prompts or none.
ApiResult<void> Service::submit(engine::Engine& engine, std::vector<PreparedPrompt> prompts, int n,
                                const std::shared_ptr<Generation>& generation,
                                const std::shared_ptr<RequestWatch>& watch, bool sealed) {
  std::vector<std::unique_ptr<engine::Ticket>> tickets;
  std::size_t choice = 0;
  for (PreparedPrompt& prompt : prompts) {
    std::vector<std::shared_ptr<engine::Sink>> sinks;
    for (int i = 0; i < n; ++i) {
      sinks.push_back(watched(watch, generation->sink(choice++), /*first_of_prompt=*/i == 0));
    }
    auto ticket = engine.submit(std::move(prompt.job), std::move(sinks));
    if (!ticket) {
      if (ticket.error().code != Errc::limit) return tl::unexpected(internal_error());
      // The nonce of a sealed request is used up, whatever became of the request.
      return tl::unexpected(
          too_many(sealed ? "Too many requests are waiting; try again with a new nonce."
                          : "Too many requests are waiting; try again.",
                   "queue_full"));
    }
    tickets.push_back(*std::move(ticket));
  }
  generation->begin(std::move(tickets));
  return {};
}

ApiResult<void> Service::start_generation(Call& call, const GenerationApi& api) {
  API_TRY(api.check_headers(call.request.headers));
  API_TRY_ASSIGN(AcceptedBody accepted, accept_body(call, api.traits().sealed_fields));
  GenerationPlan planned = plan(call, api, accepted);
  if (accepted.constraints.session_ids) {
    refuse_sessions(call, accepted, std::move(planned.receipt));
    return {};
  }
  API_TRY_ASSIGN(ParsedRequest parsed, api.parse(accepted.body));
  GenerationRequest& request = parsed.generation;
  if (planned.sealer) API_TRY(check_sealable(request, api));
  // One for all prompts, so that the receipt's is enough to get the same answers again.
  if (!request.seed) request.seed = random_seed();
  API_TRY_ASSIGN(const Model* const model, model_for(call, request.model));
  if (parsed.count_answer) return answer_count(call, api, *model, parsed, std::move(planned));
  engine::Engine& engine = model->served.engine;
  API_TRY_ASSIGN(auto prompts, prepare_jobs(request, api, engine, call.owner));
  // Whoever forwards sealed fields holds the credential and the salt, and must not learn by trying
  // what the fields say.
  if (planned.sealer) {
    for (PreparedPrompt& prompt : prompts) prompt.job.cache_key.clear();
  }

  AnswerHead head = {.id = random_id(api.traits().id_prefix),
                     .model = model->served.name,
                     .fingerprint = model->fingerprint,
                     .created = to_unix(planned.receipt.served_at),
                     .prompt_tokens = 0,
                     .request_id = call.errors.request_id};
  TokenNeed need;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const engine::Job& job = prompts[i].job;
    head.prompt_tokens += static_cast<int>(job.prompt.size());
    need.prompt += job.prompt.size();
    need.answers += static_cast<std::size_t>(request.n);
    need.longest = std::max(need.longest, static_cast<std::size_t>(job.max_tokens));
    for (int n = 0; n < request.n; ++n) {
      planned.choices.push_back({.prompt = i, .format = job.format, .lead = prompts[i].lead});
    }
  }
  API_TRY(reserve(call, need));
  const engine::Job& first = prompts.front().job;
  planned.receipt.chat_id = head.id;
  planned.receipt.model = request.model;
  planned.receipt.execution = aci::Execution{.model_digest = model->served.digest,
                                             .engine = engine.build(),
                                             .temperature = fmt::format("{}", request.temperature),
                                             .top_p = fmt::format("{}", request.top_p),
                                             .max_tokens = first.max_tokens,
                                             .seed = first.sampling.seed,
                                             .prompt_tokens = 0,
                                             .completion_tokens = 0,
                                             .finish_reason = ""};
  planned.shape = parsed.make_shape(std::move(head));
  planned.stream = request.stream;
  planned.even = request.even.value_or(planned.sealer.has_value());
  const bool sealed = planned.sealer.has_value();
  parts_.metrics.count("confide_generations_total", "Requests accepted for inference.",
                       {{"route", std::string(api.traits().path)},
                        {"mode", request.stream ? "stream" : "buffered"},
                        {"e2ee", sealed ? "true" : "false"}});
  const auto generation =
      std::make_shared<Generation>(std::move(planned), call.exchange, parts_.pool, parts_.metrics,
                                   [this, owner = call.owner](const aci::ReceiptFields& fields) {
                                     return file_receipt(fields, owner, Keep::stored);
                                   });
  call.watch->set_submitted(model->served.name, observer_->gaps(model->served.name));
  return submit(engine, std::move(prompts), request.n, generation, call.watch, sealed);
}

}  // namespace confide::api
