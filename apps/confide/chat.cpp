#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/secret.h"
#include "client/session.h"
#include "commands.h"
#include "finder.h"
#include "inputs.h"
#include "output.h"

namespace confide::app {
namespace {

Result<std::string> load_prompt(const ChatOptions& options) {
  if (!options.prompt.empty()) return options.prompt;
  if (::isatty(STDIN_FILENO) != 0) {
    return fail(Errc::malformed, "no prompt: give it as an argument or on stdin");
  }
  TRY_ASSIGN(std::string prompt, read_stdin());
  if (prompt.ends_with('\n')) prompt.pop_back();
  if (prompt.empty()) return fail(Errc::malformed, "no prompt: stdin is empty");
  return prompt;
}

// What the service could only refuse is refused here, before anybody is asked.
Status check_question(const ChatOptions& options, const std::string& prompt) {
  TRY(check_utf8("the prompt", prompt));
  TRY(check_utf8("--system", options.system));
  TRY(check_utf8("--model", options.model));
  if (options.temperature && !std::isfinite(*options.temperature)) {
    return fail(Errc::malformed, "--temperature is not a number");
  }
  return {};
}

Result<client::SessionOptions> session_options(const ChatOptions& options) {
  TRY(net::parse_url(options.url));
  client::SessionOptions session;
  session.url = options.url;
  if (options.channel == "ohttp") session.channel = client::Channel::sealed;
  if (options.channel == "e2ee") session.channel = client::Channel::e2ee;
  session.find_collateral = live_collateral(options.fetch, options.json);
  TRY_ASSIGN(session.policy, load_policy(options.trust));
  TRY_ASSIGN(session.api_key, load_api_key(options.api_key_file));
  return session;
}

Json request_body(const ChatOptions& options, const std::string& model, const std::string& prompt) {
  Json messages = Json::array();
  if (!options.system.empty()) {
    messages.push_back({{"role", "system"}, {"content", options.system}});
  }
  messages.push_back({{"role", "user"}, {"content", prompt}});
  Json body = {{"model", model}, {"messages", std::move(messages)}, {"stream", true}};
  body["stream_options"] = {{"include_usage", true}};
  if (options.max_tokens) body["max_tokens"] = *options.max_tokens;
  if (options.temperature) body["temperature"] = *options.temperature;
  if (options.seed) body["seed"] = *options.seed;
  return body;
}

Result<std::string> choose_model(client::Session& session, const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  TRY_ASSIGN(const auto names, session.models());
  if (names.empty()) return fail(Errc::not_found, "the service offers no model");
  return names.front();
}

Status save(const std::string& dir, const client::Session& session,
            const client::Exchange& exchange) {
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(Errc::unavailable,
                fmt::format("cannot make {}: {}", dir, std::generic_category().message(errno)));
  }
  const std::pair<std::string_view, std::string_view> files[] = {
      {"report.json", session.report_document()},  {"nonce.txt", session.nonce()},
      {"request.json", exchange.request_clear},    {"response.txt", exchange.response_body},
      {"client-nonce.txt", exchange.client_nonce}, {"receipt.json", exchange.receipt}};
  for (const auto& [name, content] : files) {
    const std::string path = fmt::format("{}/{}", dir, name);
    if (content.empty()) {
      ::unlink(path.c_str());  // an earlier exchange's would pass for this one's
    } else {
      TRY(write_private_file(path, content, /*overwrite=*/true));
    }
  }
  return {};
}

std::string_view name_of(client::Channel channel) {
  return channel == client::Channel::sealed ? "ohttp" : "e2ee";
}

Json chat_json(const verify::Verdict& service, std::string_view channel,
               const client::Exchange& exchange, const Error* error) {
  Json document = findings_json(service, error, "");
  document["channel"] = channel;
  document["answer"] = exchange.answer;
  document["finish_reason"] = exchange.finish_reason;
  document["usage"] = exchange.usage;
  document["receipt_id"] = exchange.receipt_id;
  const auto receipt = json::parse(exchange.receipt);
  document["receipt"] = receipt ? *receipt : Json(nullptr);
  document["receipt_checks"] = exchange.receipt_verdict.to_json()["checks"];
  return document;
}

void show_receipt(const client::Exchange& exchange, const Error* error) {
  const verify::Verdict& verdict = exchange.receipt_verdict;
  say("");
  if (!verdict.checks().empty()) {
    say("Receipt " + exchange.receipt_id);
    show(client::render_checks(verdict, stderr_style()));
  }
  if (error != nullptr) {
    // Without an answer there is nothing that could be verified or not.
    say((exchange.response_body.empty() ? "confide: " : "NOT VERIFIED: ") + error->message);
    return;
  }
  const Json& ran = verdict.claims;
  say(
      fmt::format("Receipt verified: sha256:{} answered with {} tokens to {}, seed {}, "
                  "temperature {}, top_p {}",
                  ran.value("model_sha256", ""), ran.value("completion_tokens", std::int64_t{0}),
                  ran.value("prompt_tokens", std::int64_t{0}), ran.value("seed", std::uint32_t{0}),
                  ran.value("temperature", ""), ran.value("top_p", "")));
}

int not_attested(const ChatOptions& options, const Error& error, const verify::Verdict& verdict) {
  const std::string hint = hint_for(options.trust, error, verdict);
  if (options.json) {
    print_json(findings_json(verdict, &error, hint));
  } else {
    show_findings(verdict, &error, hint);
    say("No prompt was sent.");
  }
  return exit_code(error, verdict);
}

// Everything after the service has passed: ask, show, check, save.
Status converse(const ChatOptions& options, client::Session& session, const std::string& prompt,
                client::Exchange& exchange) {
  TRY_ASSIGN(const std::string model, choose_model(session, options.model));
  if (!options.json) {
    say(fmt::format("Asking {}, {} to a key of the attested process.", model,
                    session.channel() == client::Channel::sealed
                        ? "sealed with OHTTP"
                        : "message fields sealed (E2EE version 2)"));
    say("");
  }
  AnswerPrinter printer;
  const auto on_text = [&](std::string_view text) {
    if (!options.json) printer.write(text);
  };
  const Status outcome = session.chat(request_body(options, model, prompt), on_text, exchange);
  if (!options.json) printer.finish();
  return outcome;
}

}  // namespace

int chat(const ChatOptions& options) {
  auto settings = session_options(options);
  if (!settings) return unusable(settings.error(), options.json);
  auto prompt = load_prompt(options);
  if (!prompt) return unusable(prompt.error(), options.json);
  const Status question = check_question(options, *prompt);
  if (!question) return unusable(question.error(), options.json);

  if (!options.json) say("Verifying " + options.url);
  verify::Verdict verdict;
  auto session = client::Session::open(*settings, verdict);
  wipe(settings->api_key);
  if (!session) return not_attested(options, session.error(), verdict);
  if (!options.json) {
    show_findings(verdict, nullptr, "");
  }
  client::Exchange exchange;
  const Status outcome = converse(options, **session, *prompt, exchange);
  wipe(*prompt);
  const Error* error = outcome ? nullptr : &outcome.error();
  if (options.json) {
    print_json(chat_json(verdict, name_of((*session)->channel()), exchange, error));
  } else {
    show_receipt(exchange, error);
  }
  Status saved;
  if (!options.save_dir.empty()) saved = save(options.save_dir, **session, exchange);
  if (!saved) say("confide: " + saved.error().message);
  if (!outcome) return exit_code(outcome.error(), exchange.receipt_verdict);
  return saved ? kExitVerified : kExitUsage;
}

}  // namespace confide::app
