#include "options.h"

namespace confide::app {
namespace {

void add_saved(CLI::App& command, SavedReport& saved) {
  command.add_option("--at", saved.at, "judge as of this time, 2026-11-22T05:00:00Z; default: now")
      ->type_name("TIME");
  command
      .add_option("--collateral", saved.collateral_path,
                  "collateral to use instead of the stapled one, a JSON file or a folder")
      ->type_name("FILE|DIR");
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
  command
      ->add_option("--client-nonce", receipt.client_nonce,
                   "what the request carried in the sealed channel, as chat --save keeps it")
      ->type_name("HEX");
  add_saved(*command, saved);
  command->footer(std::string("Example:\n"
                              "  confide verify receipt talk/receipt.json --report "
                              "talk/report.json --nonce $(cat talk/nonce.txt) \\\n"
                              "      --request talk/request.json --response talk/response.txt "
                              "--trust-root state/sim-root.pem\n\n") +
                  kExitCodes);
  command->callback([&receipt, &saved, &code] { code = verify_receipt(receipt, saved); });
}

}  // namespace

void add_verify(CLI::App& program, VerifyArguments& arguments, int& code) {
  CLI::App* command =
      program.add_subcommand("verify",
                             "Verify a live service, a saved report or receipt, or a machine's "
                             "evidence: tdx, snp, gpu, eventlog");
  VerifyLiveOptions& live = arguments.live;
  command->add_option("--url", live.url, "the service, https://HOST:PORT")->type_name("URL");
  add_trust(*command, live.trust);
  add_fetch(*command, live.fetch);
  command->add_flag("--sealed", live.sealed,
                    "for clients that seal whole requests, as chat and proxy do: TLS may then end "
                    "at a load balancer, but a key for the sealed channel must be attested");
  CLI::Option* write = command->add_option("--write-policy", live.write_policy,
                                           "write a policy that pins what was seen, for review");
  write->type_name("FILE");
  command->add_flag("--force", live.force, "overwrite the policy file")->needs(write);
  add_json(*command, live.json);
  command->require_subcommand(0, 1);
  add_verify_report(*command, arguments, code);
  add_verify_receipt(*command, arguments, code);
  add_verify_evidence(*command, arguments, code);
  command->footer(std::string("Examples:\n"
                              "  confide verify --url https://ai.example.com\n"
                              "  confide verify --url https://127.0.0.1:8443 --trust-root "
                              "state/sim-root.pem --write-policy policy.toml\n"
                              "  confide verify report --help\n"
                              "  confide verify tdx quote.bin --fetch\n\n") +
                  kExitCodes);
  command->callback([command, &live, &code] {
    if (!command->get_subcommands().empty()) return;
    if (live.url.empty()) throw CLI::RequiredError("--url, or a subcommand,");
    code = verify_live(live);
  });
}

}  // namespace confide::app
