#include "options.h"

namespace confide::app {
namespace {

void add_common(CLI::App& command, EvidenceOptions& options, const char* examples) {
  command
      .add_option("--at", options.at, "judge as of this time, 2026-11-22T05:00:00Z; default: now")
      ->type_name("TIME");
  add_trust(command, options.trust);
  add_json(command, options.json);
  add_fetch(command, options.fetch);
  command.footer(std::string(examples) + "\n" + kExitCodes);
}

void add_tdx(CLI::App& verify, QuoteOptions& options, int& code) {
  CLI::App* command = verify.add_subcommand("tdx", "Verify an Intel TDX or SGX quote");
  command
      ->add_option("QUOTE", options.common.path,
                   "the quote: raw, hex or base64, or a folder with quote.bin; - for stdin")
      ->required();
  command
      ->add_option("--collateral", options.collateral_path,
                   "TCB info, QE identity, CRLs: a folder with Intel's answers, or one JSON file")
      ->type_name("FILE|DIR");
  add_common(*command, options.common,
             "Examples:\n"
             "  confide verify tdx quote.bin --fetch\n"
             "  confide verify tdx quote.bin --collateral collateral.json --json\n"
             "  confide verify tdx quote.hex --collateral case/ --at 2025-11-25T06:16:20Z\n");
  command->callback([&options, &code] { code = verify_quote(options); });
}

void add_snp(CLI::App& verify, SnpOptions& options, int& code) {
  CLI::App* command = verify.add_subcommand("snp", "Verify an AMD SEV-SNP attestation report");
  command
      ->add_option("REPORT", options.common.path,
                   "the report: raw, hex or base64, or a folder with report.bin; - for stdin")
      ->required();
  command
      ->add_option("--certs", options.certificate_paths,
                   "VCEK or VLEK, ASK or ASVK, ARK, CRL: a folder, or files; a host's certificate "
                   "table is one; may be repeated")
      ->take_all()
      ->type_name("DIR|FILE...");
  add_common(*command, options.common,
             "Examples:\n"
             "  confide verify snp report.bin --fetch\n"
             "  confide verify snp report.bin --certs certs/\n"
             "  confide verify snp report.bin --certs vcek.der cert_chain.pem --json\n");
  command->callback([&options, &code] { code = verify_snp(options); });
}

void add_gpu(CLI::App& verify, GpuOptions& options, int& code) {
  CLI::App* command = verify.add_subcommand("gpu", "Verify evidence of NVIDIA GPUs and NVSwitches");
  command
      ->add_option("EVIDENCE", options.common.path,
                   "a raw SPDM report, NVIDIA's JSON evidence list or nvidia_payload, or a folder "
                   "of several devices; - for stdin")
      ->required();
  CLI::Option* nonce = command->add_option(
      "--nonce", options.nonce, "the nonce it was asked for with, 64 hex digits; or give --quote");
  nonce->type_name("HEX");
  CLI::Option* quote = command->add_option(
      "--quote", options.quote_path,
      "the quote of the CPU that the devices work for: verified too, and the nonce must follow "
      "from it; that the quote is fresh is not judged");
  quote->type_name("FILE")->excludes(nonce);
  command
      ->add_option("--collateral", options.collateral_path,
                   "collateral of the quote: a folder, or one JSON file")
      ->type_name("FILE|DIR")
      ->needs(quote);
  command
      ->add_option("--nonce-rule", options.nonce_rule,
                   "how the nonce follows from the quote: derived (Confide), or report-data-tail "
                   "(dstack's proxies) [derived]")
      ->check(CLI::IsMember({"derived", "report-data-tail"}))
      ->needs(quote);
  command
      ->add_option("--chain", options.chain_path,
                   "certificate chain of a raw report; default: NAME.pem or chain.pem beside it")
      ->type_name("PEM");
  command
      ->add_option("--rim", options.rim_paths,
                   "reference manifests of driver and VBIOS: a folder, or files; may be repeated")
      ->take_all()
      ->type_name("DIR|FILE...");
  command
      ->add_option("--ocsp", options.ocsp_paths,
                   "OCSP answers: a folder, or files; default: the folder ocsp in that of --rim")
      ->take_all()
      ->type_name("DIR|FILE...");
  add_common(*command, options.common,
             "Examples:\n"
             "  confide verify gpu evidence.json --nonce $NONCE --fetch\n"
             "  confide verify gpu report.bin --chain chain.pem --nonce $NONCE --rim rims/\n"
             "  confide verify gpu case/ --nonce $NONCE --rim case/ --at 2025-10-24T12:00:00Z\n"
             "  confide verify gpu evidence.json --quote quote.bin --fetch\n");
  command->callback([&options, &code] {
    if (options.nonce.empty() && options.quote_path.empty()) {
      throw CLI::RequiredError("--nonce or --quote");
    }
    code = verify_gpu(options);
  });
}

void add_event_log(CLI::App& verify, EventLogOptions& options, int& code) {
  CLI::App* command = verify.add_subcommand(
      "eventlog", "Replay an event log (dstack JSON or CCEL) against the registers of a quote");
  command
      ->add_option("FILE", options.common.path,
                   "the log, or a folder with eventlog.json or eventlog.bin; - for stdin")
      ->required();
  command
      ->add_option("--quote", options.quote_path,
                   "the TDX quote whose registers the log must explain; it is verified itself if "
                   "there is collateral, and taken as given if not")
      ->type_name("FILE");
  command
      ->add_option("--collateral", options.collateral_path,
                   "collateral of the quote: a folder, or one JSON file")
      ->type_name("FILE|DIR");
  command
      ->add_option("--app-compose", options.app_compose_path,
                   "the application manifest whose hash the log must hold")
      ->type_name("FILE");
  add_common(*command, options.common,
             "Examples:\n"
             "  confide verify eventlog eventlog.json --quote quote.bin --fetch\n"
             "  confide verify eventlog ccel.bin --quote quote.bin --json\n");
  command->callback([&options, &code] { code = verify_event_log(options); });
}

}  // namespace

void add_verify_evidence(CLI::App& verify, VerifyArguments& arguments, int& code) {
  add_tdx(verify, arguments.quote, code);
  add_snp(verify, arguments.snp, code);
  add_gpu(verify, arguments.gpu, code);
  add_event_log(verify, arguments.event_log, code);
}

}  // namespace confide::app
