// The command line: what several subcommands share, and `verify` with all that is under it.
#pragma once

#include <CLI/CLI.hpp>

#include "commands.h"

namespace confide::app {

inline constexpr auto kExitCodes =
    "Exit codes: 0 verified, 1 verification failed or refused, 2 usage or unreadable input,\n"
    "3 network or service unavailable. Findings go to stderr, answers and JSON to stdout.";

void add_trust(CLI::App& command, TrustOptions& trust);
void add_fetch(CLI::App& command, FetchOptions& fetch);
void add_json(CLI::App& command, bool& json);

// What `verify` and its subcommands write into; it must outlive the parsing.
struct VerifyArguments {
  VerifyLiveOptions live;
  SavedReport report;
  SavedReceipt receipt;
  SavedReport receipt_report;
  QuoteOptions quote;
  SnpOptions snp;
  GpuOptions gpu;
  EventLogOptions event_log;
};

// The chosen command runs while the program parses, and leaves its exit code in `code`.
void add_verify(CLI::App& program, VerifyArguments& arguments, int& code);
void add_proxy(CLI::App& program, ProxyArguments& arguments, int& code);
void add_receipts(CLI::App& program, ReceiptsArguments& arguments, int& code);
void add_verify_evidence(CLI::App& verify, VerifyArguments& arguments, int& code);

}  // namespace confide::app
