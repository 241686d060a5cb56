// POST /v1/chat/completions and /v1/completions: from a body to a job in the engine.
#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "api/generation.h"
#include "api/service.h"
#include "api/try.h"
#include "crypto/random.h"

namespace confide::api {
namespace {

constexpr json::Limits kBodyLimits{.max_bytes = std::size_t{32} << 20U};
constexpr std::size_t kMaxModelBytes = 256;

std::string random_id(std::string_view prefix) {
  return fmt::format("{}{}", prefix, to_hex(crypto::random_bytes(12)));
}

std::uint32_t random_seed() {
  ByteArray<4> bytes{};
  crypto::random_fill(bytes);
  return ByteReader(bytes).u32le("seed").value_or(0);
}

seal::E2eeHeaders e2ee_headers(const net::Headers& headers) {
  return {.version = headers.get("X-E2EE-Version"),
          .client_public_key = headers.get("X-Client-Pub-Key"),
          .model_public_key = headers.get("X-Model-Pub-Key"),
          .nonce = headers.get("X-E2EE-Nonce"),
          .timestamp = headers.get("X-E2EE-Timestamp"),
          .signing_algo = headers.get("X-Signing-Algo")};
}

std::string_view prompt_member(Endpoint endpoint) {
  return endpoint == Endpoint::chat_completions ? "messages" : "prompt";
}

ApiError too_long(Endpoint endpoint, std::string message) {
  ApiError error = invalid_request(std::move(message), std::string(prompt_member(endpoint)));
  error.code = "context_length_exceeded";
  return error;
}

// The engine tells what can never fit from what it does not understand.
ApiError no_tokens(const Error& error, Endpoint endpoint, int context) {
  if (error.code == Errc::limit) {
    return too_long(endpoint, fmt::format("This model's maximum context length is {} tokens, but "
                                          "the prompt is far longer. Shorten it.",
                                          context));
  }
  return invalid_request(endpoint == Endpoint::chat_completions
                             ? "The model's chat template does not take these messages."
                             : "The prompt is no valid text.",
                         std::string(prompt_member(endpoint)));
}

std::string_view path_of(Endpoint endpoint) {
  return endpoint == Endpoint::chat_completions ? "/v1/chat/completions" : "/v1/completions";
}

}  // namespace

void Service::generate(Call& call, Endpoint endpoint) {
  if (auto started = start_generation(call, endpoint); !started) {
    net::HttpResponse response = error_response(started.error());
    response.headers.set("X-E2EE-Applied", "false");
    reply(call, std::move(response));
  }
}

// Opens and parses the body. Every E2EE and constraint error is found here, before any inference.
ApiResult<Service::AcceptedBody> Service::accept_body(Call& call, Endpoint endpoint) {
  AcceptedBody out;
  std::string text;
  const seal::E2eeHeaders headers = e2ee_headers(call.request.headers);
  if (headers.any() && call.sealed) {
    return tl::unexpected(invalid_request(
        "This request came through the sealed channel, so it takes no X-E2EE-*, X-Client-Pub-Key, "
        "X-Model-Pub-Key or X-Signing-Algo header."));
  }
  if (headers.any()) {
    auto opened = channel_.open(headers, endpoint, call.request.body, parts_.clock.now());
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

ApiResult<engine::Job> Service::make_job(const GenerationRequest& request) const {
  engine::Job job;
  const int context = parts_.engine.info().context_length;
  if (request.endpoint == Endpoint::chat_completions) {
    auto prompt = parts_.engine.prepare({.messages = request.messages});
    if (!prompt) return tl::unexpected(no_tokens(prompt.error(), request.endpoint, context));
    job.prompt = std::move(prompt->tokens);
  } else if (const auto* text = std::get_if<std::string>(&request.prompt)) {
    auto tokens = parts_.engine.tokenize(*text, /*special=*/false);
    if (!tokens) return tl::unexpected(no_tokens(tokens.error(), request.endpoint, context));
    job.prompt = *std::move(tokens);
  } else {
    job.prompt = std::get<std::vector<engine::Token>>(request.prompt);
    const auto known = [&](engine::Token id) { return id < parts_.engine.vocabulary_size(); };
    if (!std::ranges::all_of(job.prompt, known)) {
      return tl::unexpected(invalid_request("The prompt has an unknown token id.", "prompt"));
    }
  }
  if (job.prompt.empty()) return tl::unexpected(invalid_request("The prompt is empty.", "prompt"));
  const auto used = job.prompt.size();
  if (used >= static_cast<std::size_t>(context)) {
    return tl::unexpected(too_long(
        request.endpoint, fmt::format("This model's maximum context length is {} tokens, but the "
                                      "prompt has {}. Shorten it.",
                                      context, used)));
  }
  const int left = context - static_cast<int>(used);
  job.max_tokens = std::min(request.max_tokens.value_or(left), left);
  job.stop = request.stop;
  job.sampling = {.temperature = static_cast<float>(request.temperature),
                  .top_p = static_cast<float>(request.top_p),
                  .presence_penalty = static_cast<float>(request.presence_penalty),
                  .frequency_penalty = static_cast<float>(request.frequency_penalty),
                  .seed = request.seed ? *request.seed : random_seed()};
  return job;
}

// Accepted and then refused, so it has a receipt: contract 1.6, pinned sessions.
void Service::refuse_sessions(Call& call, aci::ReceiptFields fields) {
  net::HttpResponse response =
      error_response({.status = 412,
                      .type = "session_not_accepted",
                      .message = "This service answers directly and has no sessions to pin.",
                      .code = "",
                      .param = ""});
  fields.forwarded_hash.reset();
  fields.response_hash = crypto::sha256_tag(as_bytes(response.body));
  if (file_receipt(fields, call.owner)) {
    response.headers.set("X-Receipt-Id", fields.receipt_id);
  } else {
    response = error_response(internal_error());
  }
  reply(call, std::move(response));
}

ApiResult<void> Service::start_generation(Call& call, Endpoint endpoint) {
  const net::Headers& headers = call.request.headers;
  if (headers.has("X-Upstream-Verification")) {
    return tl::unexpected(
        invalid_request("X-Upstream-Verification is retired; use 'provider.aci_verified'."));
  }
  if (parts_.clock.now() >= identity_.not_after()) {
    return tl::unexpected(overloaded("The keyset has expired; the service must be restarted."));
  }
  API_TRY_ASSIGN(AcceptedBody accepted, accept_body(call, endpoint));

  aci::ReceiptFields receipt;
  receipt.receipt_id = random_id("rcpt-");
  receipt.workload_keyset_digest = call.keyset->digest;
  receipt.endpoint = path_of(endpoint);
  receipt.served_at = parts_.clock.now();
  receipt.request_hash = std::move(accepted.received_hash);
  if (!call.client_nonce.empty()) receipt.client_nonce = call.client_nonce;
  receipt.forwarded_hash = std::move(accepted.forwarded_hash);
  if (accepted.constraints.session_ids) {
    // No model of ours answers, so the name is whatever was sent: it may not fill the disk.
    if (const auto model = json::get_string(accepted.body, "model");
        model && model->size() <= kMaxModelBytes) {
      receipt.model = *model;
    }
    refuse_sessions(call, std::move(receipt));
    return {};
  }

  API_TRY_ASSIGN(const GenerationRequest request, parse_generation(accepted.body, endpoint));
  if (request.model != config_.model_name) {
    return tl::unexpected(ApiError{
        .status = 404,
        .type = "not_found_error",
        .message =
            fmt::format("There is no such model here; this service has '{}'.", config_.model_name),
        .code = "model_not_found",
        .param = "model"});
  }
  API_TRY_ASSIGN(engine::Job job, make_job(request));

  GenerationPlan plan;
  plan.head = {.endpoint = endpoint,
               .id = random_id(endpoint == Endpoint::chat_completions ? "chatcmpl-" : "cmpl-"),
               .model = config_.model_name,
               .fingerprint = fingerprint_,
               .created = to_unix(receipt.served_at),
               .include_usage = request.include_usage};
  plan.stream = request.stream;
  receipt.chat_id = plan.head.id;
  receipt.model = request.model;
  receipt.execution = aci::Execution{.model_digest = config_.model_digest,
                                     .engine = parts_.engine.build(),
                                     .temperature = fmt::format("{}", request.temperature),
                                     .top_p = fmt::format("{}", request.top_p),
                                     .max_tokens = job.max_tokens,
                                     .seed = job.sampling.seed,
                                     .prompt_tokens = 0,
                                     .completion_tokens = 0,
                                     .finish_reason = ""};
  plan.receipt = std::move(receipt);
  add_common_headers(plan.headers, *call.keyset);
  plan.headers.set("X-E2EE-Applied", accepted.sealer ? "true" : "false");
  if (accepted.sealer) {
    plan.headers.set("X-E2EE-Version", "2");
    plan.headers.set("X-E2EE-Algo", std::string(seal::to_string(accepted.sealer->suite())));
  }
  parts_.metrics.count("confide_generations_total", "Requests accepted for inference.",
                       {{"route", std::string(path_of(endpoint))},
                        {"mode", request.stream ? "stream" : "buffered"},
                        {"e2ee", accepted.sealer ? "true" : "false"}});
  const bool sealed = accepted.sealer.has_value();
  plan.sealer = std::move(accepted.sealer);

  const auto generation =
      std::make_shared<Generation>(std::move(plan), call.exchange, parts_.pool, parts_.metrics,
                                   [this, owner = call.owner](const aci::ReceiptFields& fields) {
                                     return file_receipt(fields, owner);
                                   });
  auto ticket = parts_.engine.submit(std::move(job), {generation});
  if (!ticket) {
    if (ticket.error().code != Errc::limit) return tl::unexpected(internal_error());
    // The nonce of a sealed request is used up, whatever became of the request.
    return tl::unexpected(
        overloaded(sealed ? "Too many requests are waiting; try again with a new nonce."
                          : "Too many requests are waiting; try again."));
  }
  generation->begin(*std::move(ticket));
  return {};
}

}  // namespace confide::api
