// confide: attests a confidential inference service first, then talks to it.
#include <algorithm>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "commands.h"
#include "net/tls.h"
#include "ops/hardening.h"
#include "ops/version.h"
#include "options.h"
#include "output.h"

namespace confide::app {
namespace {

using namespace std::string_view_literals;

void add_chat(CLI::App& program, ChatOptions& options, int& code) {
  CLI::App* command = program.add_subcommand(
      "chat", "Verify a service, ask it a question over a sealed channel, check its receipt");
  command->add_option("--url", options.url, "the service, https://HOST:PORT")
      ->required()
      ->type_name("URL");
  add_trust(*command, options.trust);
  add_fetch(*command, options.fetch);
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
      ->add_option("--channel", options.channel,
                   "ohttp: whole requests sealed; e2ee: message fields alone; default: ohttp if "
                   "the attested keyset offers it, and then nothing else")
      ->check(CLI::IsMember({"ohttp", "e2ee"}));
  command
      ->add_option("--save", options.save_dir,
                   "keep report.json, nonce.txt, request.json, response.txt, client-nonce.txt, "
                   "receipt.json here")
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
                             "  confide verify --url https://ai.example.com --json\n"
                             "  confide proxy --url https://ai.example.com\n\n") +
                 kExitCodes);
  int code = kExitUsage;
  ChatOptions chat_options;
  VerifyArguments arguments;
  ProxyArguments proxy_arguments;
  ReceiptsArguments receipts_arguments;
  add_chat(program, chat_options, code);
  add_verify(program, arguments, code);
  add_proxy(program, proxy_arguments, code);
  add_receipts(program, receipts_arguments, code);
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
    confide::net::reserve_secure_memory();
    return confide::app::run(argc, argv);
  } catch (const std::exception& error) {
    confide::app::say(std::string("confide: internal error: ") + error.what());
    return confide::app::kExitRefused;
  }
}
