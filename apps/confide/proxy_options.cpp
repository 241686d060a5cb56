// The command lines of `confide proxy` and `confide receipts`.
#include <string>

#include "options.h"

namespace confide::app {
namespace {

void add_state(CLI::App& command, std::string& state) {
  command
      .add_option("--state", state,
                  "folder of the receipt history and its key; default: "
                  "$XDG_STATE_HOME/confide, or ~/.local/state/confide")
      ->type_name("DIR");
}

CLI::App* add_action(CLI::App& parent, ReceiptsArguments& arguments, int& code, const char* name,
                     const char* what, ReceiptsAction action) {
  CLI::App* command = parent.add_subcommand(name, what);
  add_state(*command, arguments.state);
  if (action != ReceiptsAction::list) {
    command->add_option("ID", arguments.id, "number in the list")->required();
  }
  if (action != ReceiptsAction::export_bundle) add_json(*command, arguments.json);
  command->callback([&arguments, &code, action] {
    arguments.action = action;
    code = receipts(arguments);
  });
  return command;
}

}  // namespace

void add_proxy(CLI::App& program, ProxyArguments& arguments, int& code) {
  CLI::App* command = program.add_subcommand(
      "proxy",
      "A local endpoint for any client of the OpenAI or Anthropic API: verifies the "
      "service first, seals every request, checks every receipt");
  command
      ->add_option("--url,--service", arguments.services,
                   "the service, https://HOST:PORT, or MODEL=https://HOST:PORT; may be repeated, "
                   "and the model of a request then chooses")
      ->required()
      ->allow_extra_args(false)
      ->type_name("URL");
  add_trust(*command, arguments.trust);
  command
      ->add_option("--require", arguments.require_files,
                   "a further policy that every service must meet as well; may be repeated")
      ->allow_extra_args(false)
      ->type_name("FILE");
  add_fetch(*command, arguments.fetch);
  command->add_option("--listen", arguments.listen, "ADDRESS:PORT; port 0 takes any free one")
      ->capture_default_str();
  command->add_flag("--allow-remote", arguments.allow_remote,
                    "listen on an address that other machines reach, in clear");
  command
      ->add_option("--allow-host", arguments.hosts,
                   "a further name in the Host header by which clients reach the endpoint; may be "
                   "repeated")
      ->allow_extra_args(false)
      ->type_name("NAME");
  command->add_option("--padding", arguments.padding, "how sizes are hidden")
      ->check(CLI::IsMember({"none", "bucketed", "constant"}))
      ->capture_default_str();
  command->add_option("--streams", arguments.streams, "requests answered at the same time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--history", arguments.history_most, "receipts that are kept")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  add_state(*command, arguments.state);
  command->footer(std::string("Examples:\n"
                              "  confide proxy --url https://ai.example.com\n"
                              "  OPENAI_BASE_URL=http://127.0.0.1:4000/v1 your-program\n"
                              "  confide proxy --url small=https://a.example.com --url "
                              "large=https://b.example.com --policy policy.toml\n\n") +
                  kExitCodes);
  command->callback([&arguments, &code] { code = run_proxy(arguments); });
}

void add_receipts(CLI::App& program, ReceiptsArguments& arguments, int& code) {
  CLI::App* command =
      program.add_subcommand("receipts", "The receipts that `confide proxy` has checked");
  command->require_subcommand(1);
  add_action(*command, arguments, code, "list", "The newest first", ReceiptsAction::list)
      ->add_option("--most", arguments.most, "how many")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_action(*command, arguments, code, "show", "One of them", ReceiptsAction::show);
  add_action(*command, arguments, code, "export",
             "One of them as JSON, with the report that vouches for it",
             ReceiptsAction::export_bundle);
  CLI::App* verify = add_action(*command, arguments, code, "verify",
                                "Verify one again, offline, from the hardware vendor's root",
                                ReceiptsAction::verify);
  add_trust(*verify, arguments.trust);
  command->footer(std::string("Examples:\n"
                              "  confide receipts list\n"
                              "  confide receipts verify 7 --policy policy.toml\n"
                              "  confide receipts export 7 > receipt-7.json\n\n") +
                  kExitCodes);
}

}  // namespace confide::app
