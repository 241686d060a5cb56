// The subcommands of `confide`, each given its options as parsed. They return the exit code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collateral/fetch.h"

namespace confide::app {

inline constexpr int kExitVerified = 0;     // verified, done
inline constexpr int kExitRefused = 1;      // verification failed, or the service refused
inline constexpr int kExitUsage = 2;        // usage, or unreadable input
inline constexpr int kExitUnavailable = 3;  // network, or the service cannot answer now

// Whom to trust: a policy, or roots besides the hardware vendors' built-in ones, or neither.
struct TrustOptions {
  std::string policy_file;
  std::vector<std::string> trust_root_files;
  bool none() const { return policy_file.empty() && trust_root_files.empty(); }
};

// Where collateral may come from besides the files that are named.
struct FetchOptions {
  bool fetch = false;
  std::string cache_folder;  // empty: the user's own if `fetch`, else none
  collateral::Sources sources;
  std::int64_t timeout_seconds = 20;  // of one attempt
  bool none() const { return !fetch && cache_folder.empty(); }
};

struct ChatOptions {
  TrustOptions trust;
  FetchOptions fetch;
  std::string url;
  std::string prompt;  // empty: read from stdin
  std::string model;   // empty: the first the service lists
  std::string system;
  std::optional<std::int64_t> max_tokens;
  std::optional<double> temperature;
  std::optional<std::uint32_t> seed;
  std::string api_key_file;
  std::string channel;  // ohttp, e2ee; empty: as the attested keyset offers
  std::string save_dir;
  bool json = false;
};

struct VerifyLiveOptions {
  TrustOptions trust;
  FetchOptions fetch;
  std::string url;
  bool sealed = false;       // judge it for the sealed channel: TLS may end elsewhere
  std::string write_policy;  // file; empty: none
  bool force = false;
  bool json = false;
};

// A saved report, and how to judge it.
struct SavedReport {
  TrustOptions trust;
  std::string file;
  std::string nonce;  // empty: none
  std::string at;     // RFC 3339; empty: now
  std::string collateral_path;
  bool json = false;
};

struct SavedReceipt {
  std::string file;
  std::string request_file;
  std::string response_file;
  std::string client_nonce;  // of the sealed channel; empty: not compared
};

// Evidence of one machine, and how to judge it.
struct EvidenceOptions {
  TrustOptions trust;
  FetchOptions fetch;
  std::string path;  // a file, a folder that holds it, or - for stdin
  std::string at;    // RFC 3339; empty: now
  bool json = false;
};

struct QuoteOptions {
  EvidenceOptions common;
  std::string collateral_path;
};

struct SnpOptions {
  EvidenceOptions common;
  std::vector<std::string> certificate_paths;
};

struct GpuOptions {
  EvidenceOptions common;
  std::string nonce;       // empty: it follows from the quote
  std::string quote_path;  // of the CPU that the GPUs work for
  std::string nonce_rule;
  std::string collateral_path;  // of the quote
  std::string chain_path;
  std::vector<std::string> rim_paths;
  std::vector<std::string> ocsp_paths;
};

struct EventLogOptions {
  EvidenceOptions common;
  std::string quote_path;
  std::string collateral_path;
  std::string app_compose_path;
};

struct ProxyArguments {
  TrustOptions trust;
  FetchOptions fetch;
  std::vector<std::string> services;  // URL, or MODEL=URL
  std::vector<std::string> require_files;
  std::string listen = "127.0.0.1:4000";
  bool allow_remote = false;
  std::vector<std::string> hosts;
  std::string padding = "bucketed";
  std::size_t streams = 64;
  std::size_t history_most = 10'000;
  std::string state;  // empty: the user's own
};

enum class ReceiptsAction { list, show, export_bundle, verify };

struct ReceiptsArguments {
  ReceiptsAction action = ReceiptsAction::list;
  TrustOptions trust;
  std::string state;  // as above
  std::int64_t id = 0;
  std::size_t most = 50;
  bool json = false;
};

int chat(const ChatOptions& options);
int run_proxy(const ProxyArguments& arguments);
int receipts(const ReceiptsArguments& arguments);
int verify_live(const VerifyLiveOptions& options);
int verify_report(const SavedReport& report);
int verify_receipt(const SavedReceipt& receipt, const SavedReport& report);
int verify_quote(const QuoteOptions& options);
int verify_snp(const SnpOptions& options);
int verify_gpu(const GpuOptions& options);
int verify_event_log(const EventLogOptions& options);

}  // namespace confide::app
