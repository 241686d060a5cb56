// confide: attests a confidential inference service first, then talks to it.
#include <algorithm>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "commands.h"
#include "crypto/random.h"
#include "ops/hardening.h"
#include "ops/version.h"
#include "output.h"

namespace confide::app {
namespace {

using namespace std::string_view_literals;

constexpr auto kExitCodes =
    "Exit codes: 0 verified, 1 verification failed or refused, 2 usage or unreadable input,\n"
    "3 network or service unavailable. Findings go to stderr, answers and JSON to stdout.";

void add_trust(CLI::App& command, TrustOptions& trust) {
  auto* policy = command.add_option("--policy", trust.policy_file, "appraisal policy, a TOML file");
  auto* root = command.add_option("--trust-root", trust.trust_root_file,
                                  "root certificate (PEM) of a simulated TEE to accept");
  policy->excludes(root);
  policy->type_name("FILE");
  root->type_name("PEM");
}

void add_json(CLI::App& command, bool& json) {
  command.add_flag("--json", json, "print one JSON document on stdout");
}

void add_chat(CLI::App& program, ChatOptions& options, int& code) {
  CLI::App* command = program.add_subcommand(
      "chat", "Verify a service, ask it a question over a sealed channel, check its receipt");
  command->add_option("--url", options.url, "the service, https://HOST:PORT")
      ->required()
      ->type_name("URL");
  add_trust(*command, options.trust);
  command->add_option("--model", options.model, "model name; default: the first the service lists")
      ->type_name("NAME");
  command->add_option("--system", options.system, "system message")->type_name("TEXT");
  command->add_option("--max-tokens", options.max_tokens, "longest answer, in tokens")
      ->check(CLI::PositiveNumber);
  command->add_option("--temperature", options.temperature, "sampling temperature, 0 to 2")
      ->check(CLI::Range(0.0, 2.0));
  command->add_option("--seed", options.seed, "seed of the sampler");
  command
      ->add_option("--api-key-file", options.api_key_file,
                   "file with the API key; default: the variable CONFIDE_API_KEY")
      ->type_name("FILE");
  command
      ->add_option("--save", options.save_dir,
                   "keep report.json, nonce.txt, request.json, response.txt, receipt.json here")
      ->type_name("DIR");
  add_json(*command, options.json);
  command->add_option("PROMPT", options.prompt, "the question; default: all of stdin");
  command->footer(std::string("Examples:\n"
                              "  confide chat --url https://ai.example.com 'Why is the sky blue?'\n"
                              "  confide chat --url https://127.0.0.1:8443 --trust-root "
                              "state/sim-root.pem --save talk 'Hello'\n"
                              "  confide chat --url https://ai.example.com --policy policy.toml "
                              "--json < question.txt\n\n") +
                  kExitCodes);
  command->callback([&options, &code] { code = chat(options); });
}

struct VerifyArguments {
  VerifyLiveOptions live;
  SavedReport report;
  SavedReport receipt_report;
  SavedReceipt receipt;
};

void add_saved(CLI::App& command, SavedReport& saved) {
  command.add_option("--at", saved.at, "judge as of this time, 2026-11-22T05:00:00Z; default: now")
      ->type_name("TIME");
  command
      .add_option("--collateral", saved.collateral_file,
                  "collateral to use instead of the stapled one, a JSON file")
      ->type_name("FILE");
  add_trust(command, saved.trust);
  add_json(command, saved.json);
}

void add_verify_report(CLI::App& verify, VerifyArguments& arguments, int& code) {
  CLI::App* command = verify.add_subcommand("report", "Verify a saved attestation report, offline");
  SavedReport& saved = arguments.report;
  command->add_option("FILE", saved.file, "the report as it was served")->required();
  command->add_option("--nonce", saved.nonce, "the nonce it was asked for with, 64 hex digits")
      ->required()
      ->type_name("HEX");
  add_saved(*command, saved);
  command->footer(std::string("Example:\n"
                              "  confide verify report talk/report.json --nonce $(cat "
                              "talk/nonce.txt) --trust-root state/sim-root.pem\n\n") +
                  kExitCodes);
  command->callback([&saved, &code] { code = verify_report(saved); });
}

void add_verify_receipt(CLI::App& verify, VerifyArguments& arguments, int& code) {
  CLI::App* command = verify.add_subcommand(
      "receipt", "Verify a saved receipt, offline, with the report that vouches for its key");
  SavedReceipt& receipt = arguments.receipt;
  SavedReport& saved = arguments.receipt_report;
  command->add_option("FILE", receipt.file, "the receipt as it was served")->required();
  command->add_option("--report", saved.file, "the attestation report of the service")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--nonce", saved.nonce,
                   "the nonce of that report; without it only a report made for none can pass, "
                   "and its age is not judged")
      ->type_name("HEX");
  command
      ->add_option("--request", receipt.request_file,
                   "the exact request; under E2EE its compact clear form, as chat --save keeps it")
      ->type_name("FILE");
  command->add_option("--response", receipt.response_file, "the exact bytes of the answer")
      ->type_name("FILE");
  add_saved(*command, saved);
  command->footer(std::string("Example:\n"
                              "  confide verify receipt talk/receipt.json --report "
                              "talk/report.json --nonce $(cat talk/nonce.txt) \\\n"
                              "      --request talk/request.json --response talk/response.txt "
                              "--trust-root state/sim-root.pem\n\n") +
                  kExitCodes);
  command->callback([&receipt, &saved, &code] { code = verify_receipt(receipt, saved); });
}

void add_verify(CLI::App& program, VerifyArguments& arguments, int& code) {
  CLI::App* command =
      program.add_subcommand("verify", "Verify a live service, a saved report or a saved receipt");
  VerifyLiveOptions& live = arguments.live;
  command->add_option("--url", live.url, "the service, https://HOST:PORT")->type_name("URL");
  add_trust(*command, live.trust);
  CLI::Option* write = command->add_option("--write-policy", live.write_policy,
                                           "write a policy that pins what was seen, for review");
  write->type_name("FILE");
  command->add_flag("--force", live.force, "overwrite the policy file")->needs(write);
  add_json(*command, live.json);
  command->require_subcommand(0, 1);
  add_verify_report(*command, arguments, code);
  add_verify_receipt(*command, arguments, code);
  command->footer(std::string("Examples:\n"
                              "  confide verify --url https://ai.example.com\n"
                              "  confide verify --url https://127.0.0.1:8443 --trust-root "
                              "state/sim-root.pem --write-policy policy.toml\n"
                              "  confide verify report --help\n\n") +
                  kExitCodes);
  command->callback([command, &live, &code] {
    if (!command->get_subcommands().empty()) return;
    if (live.url.empty()) throw CLI::RequiredError("--url, or report, or receipt");
    code = verify_live(live);
  });
}

// A shell's unset variable must not pass for an option that was not given: a policy would be
// ignored, a check skipped.
void refuse_empty_values(CLI::App& command) {
  const CLI::Validator filled(
      [](const std::string& value) {
        return value.empty() ? std::string("must not be empty") : std::string();
      },
      "");
  for (CLI::Option* option : command.get_options()) option->check(filled);
  for (CLI::App* inner : command.get_subcommands(nullptr)) refuse_empty_values(*inner);
}

int usage_error(const CLI::App& program, const CLI::ParseError& error, bool json) {
  if (program.exit(error) == 0) return kExitVerified;  // it was --help or --version
  if (json) {
    const Error usage{Errc::malformed, error.what()};
    print_json(findings_json({}, &usage, ""));
  }
  return kExitUsage;
}

int run(int argc, char** argv) {
  CLI::App program(
      "confide: private conversations with language models, verified before a word is sent",
      "confide");
  program.set_version_flag("--version", "confide " + std::string(ops::version()));
  program.require_subcommand(1);
  program.footer(std::string("Examples:\n"
                             "  confide chat --url https://ai.example.com 'Why is the sky blue?'\n"
                             "  confide verify --url https://ai.example.com --json\n\n") +
                 kExitCodes);
  int code = kExitUsage;
  ChatOptions chat_options;
  VerifyArguments arguments;
  add_chat(program, chat_options, code);
  add_verify(program, arguments, code);
  refuse_empty_values(program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const std::span<char*> words(argv, static_cast<std::size_t>(argc));
    return usage_error(program, error, std::ranges::find(words, "--json"sv) != words.end());
  }
  return code;
}

}  // namespace
}  // namespace confide::app

int main(int argc, char** argv) {
  try {
    if (auto hardened = confide::ops::harden_process(); !hardened) {
      confide::app::say("confide: " + hardened.error().message);
      return confide::app::kExitUnavailable;
    }
    confide::crypto::reserve_secure_memory();
    return confide::app::run(argc, argv);
  } catch (const std::exception& error) {
    confide::app::say(std::string("confide: internal error: ") + error.what());
    return confide::app::kExitRefused;
  }
}
