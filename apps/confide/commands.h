// The subcommands of `confide`, each given its options as parsed. They return the exit code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace confide::app {

inline constexpr int kExitVerified = 0;     // verified, done
inline constexpr int kExitRefused = 1;      // verification failed, or the service refused
inline constexpr int kExitUsage = 2;        // usage, or unreadable input
inline constexpr int kExitUnavailable = 3;  // network, or the service cannot answer now

// Whom to trust; at most one is given. With neither: the hardware vendors' built-in roots.
struct TrustOptions {
  std::string policy_file;
  std::string trust_root_file;
  bool none() const { return policy_file.empty() && trust_root_file.empty(); }
};

struct ChatOptions {
  TrustOptions trust;
  std::string url;
  std::string prompt;  // empty: read from stdin
  std::string model;   // empty: the first the service lists
  std::string system;
  std::optional<std::int64_t> max_tokens;
  std::optional<double> temperature;
  std::optional<std::uint32_t> seed;
  std::string api_key_file;
  std::string save_dir;
  bool json = false;
};

struct VerifyLiveOptions {
  TrustOptions trust;
  std::string url;
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
  std::string collateral_file;
  bool json = false;
};

struct SavedReceipt {
  std::string file;
  std::string request_file;
  std::string response_file;
};

int chat(const ChatOptions& options);
int verify_live(const VerifyLiveOptions& options);
int verify_report(const SavedReport& report);
int verify_receipt(const SavedReceipt& receipt, const SavedReport& report);

}  // namespace confide::app
