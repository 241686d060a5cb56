#include <optional>

#include "aci/keyset.h"
#include "client/appraisal.h"
#include "commands.h"
#include "crypto/hash.h"
#include "evidence/tdx_collateral.h"
#include "inputs.h"
#include "output.h"

namespace confide::app {
namespace {

// A saved report with all that judging it takes.
struct Loaded {
  client::AppraisalInput input;
  std::optional<evidence::TdxCollateral> collateral;
  verify::Policy policy;
  Time at{};
};

Result<Loaded> load(const SavedReport& saved) {
  Loaded loaded;
  TRY_ASSIGN(loaded.input.report, read_file(saved.file));
  if (!saved.nonce.empty()) {
    if (!aci::is_nonce(saved.nonce)) {
      return fail(Errc::malformed, "--nonce takes 64 lower-case hexadecimal digits");
    }
    loaded.input.nonce = saved.nonce;
  }
  if (!saved.collateral_path.empty()) {
    TRY_ASSIGN(loaded.collateral, collateral::read_tdx_collateral(saved.collateral_path));
  }
  TRY_ASSIGN(loaded.policy, load_policy(saved.trust));
  TRY_ASSIGN(loaded.at, parse_time(saved.at));
  return loaded;
}

Result<client::AttestedService> judge(const Loaded& loaded, verify::Verdict& verdict) {
  client::AppraisalInput input = loaded.input;
  if (loaded.collateral) input.collateral = &*loaded.collateral;
  return client::appraise(input, loaded.policy, loaded.at, verdict);
}

// Of the file's bytes; nothing without a file.
Result<std::optional<std::string>> load_hash(const std::string& file) {
  if (file.empty()) return std::optional<std::string>();
  TRY_ASSIGN(const std::string content, read_file(file));
  return std::optional(crypto::sha256_tag(as_bytes(content)));
}

Result<client::ExchangeFacts> load_facts(const SavedReceipt& receipt) {
  client::ExchangeFacts facts;
  TRY_ASSIGN(facts.request_hash, load_hash(receipt.request_file));
  TRY_ASSIGN(facts.response_hash, load_hash(receipt.response_file));
  if (receipt.client_nonce.empty()) return facts;
  if (!aci::is_nonce(receipt.client_nonce)) {
    return fail(Errc::malformed, "--client-nonce takes 64 lower-case hexadecimal digits");
  }
  facts.client_nonce = receipt.client_nonce;
  return facts;
}

int conclude(const SavedReport& saved, const verify::Verdict& verdict, const Error* error) {
  show_verdict(saved.trust, saved.json, verdict, error);
  return error == nullptr ? kExitVerified : kExitRefused;
}

}  // namespace

int verify_report(const SavedReport& saved) {
  const auto loaded = load(saved);
  if (!loaded) return unusable(loaded.error(), saved.json);
  verify::Verdict verdict;
  const auto service = judge(*loaded, verdict);
  return conclude(saved, verdict, service ? nullptr : &service.error());
}

int verify_receipt(const SavedReceipt& receipt, const SavedReport& saved) {
  const auto loaded = load(saved);
  if (!loaded) return unusable(loaded.error(), saved.json);
  const auto document = read_file(receipt.file);
  if (!document) return unusable(document.error(), saved.json);
  const auto facts = load_facts(receipt);
  if (!facts) return unusable(facts.error(), saved.json);

  verify::Verdict verdict;
  const auto service = judge(*loaded, verdict);
  if (!service) return conclude(saved, verdict, &service.error());
  const auto proof = client::appraise_receipt(*document, *service, *facts, verdict);
  return conclude(saved, verdict, proof ? nullptr : &proof.error());
}

}  // namespace confide::app
