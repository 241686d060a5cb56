#include <fmt/format.h>

#include "client/appraisal.h"
#include "commands.h"
#include "inputs.h"
#include "output.h"
#include "proxy/history.h"

namespace confide::app {
namespace {

Result<std::unique_ptr<proxy::History>> open_history(const ReceiptsArguments& arguments) {
  TRY_ASSIGN(const std::string folder, state_folder(arguments.state));
  return proxy::History::open(folder);
}

Json summary(const proxy::HistoryEntry& entry) {
  return {{"id", entry.id},
          {"at", to_rfc3339(entry.at)},
          {"service", entry.service},
          {"method", entry.method},
          {"path", entry.path},
          {"model", entry.model},
          {"verified", entry.verified},
          {"check", entry.check},
          {"detail", entry.detail},
          {"receipt_id", entry.receipt_id},
          {"request_hash", entry.request_hash},
          {"response_hash", entry.response_hash},
          {"client_nonce", entry.client_nonce},
          {"keyset_digest", entry.keyset_digest}};
}

// A row that was changed is a verification that failed, not one that could not begin.
int cannot_read(const Error& error, bool json) {
  const int code = unusable(error, json);
  return error.code == Errc::bad_signature || error.code == Errc::malformed ? kExitRefused : code;
}

Json receipt_of(const proxy::HistoryEntry& entry) {
  const auto document = json::parse(entry.receipt);
  return document ? *document : Json(nullptr);
}

// Everything that judging it again takes, for whoever is shown it.
Json bundle(const proxy::HistoryEntry& entry, const proxy::ReportRecord& report) {
  Json out = summary(entry);
  out["receipt"] = receipt_of(entry);
  out["receipt_document"] = entry.receipt;
  out["report_nonce"] = report.nonce;
  out["report_document"] = report.document;
  out["report_verified_at"] = to_rfc3339(report.verified_at);
  return out;
}

void print_line(const proxy::HistoryEntry& entry) {
  const std::string state = entry.verified ? "verified" : "FAILED " + entry.check;
  const std::string line = fmt::format("{:>6}  {}  {:<28}  {}  {}", entry.id, to_rfc3339(entry.at),
                                       entry.receipt_id, state, entry.model);
  fmt::print("{}\n", client::printable(line));
}

int list(const ReceiptsArguments& arguments, proxy::History& history) {
  const auto entries = history.list(arguments.most);
  if (!entries) return unusable(entries.error(), arguments.json);
  if (arguments.json) {
    Json out = Json::array();
    for (const auto& entry : *entries) out.push_back(summary(entry));
    print_json(out);
  } else {
    for (const auto& entry : *entries) print_line(entry);
  }
  return kExitVerified;
}

int show_entry(const ReceiptsArguments& arguments, proxy::History& history) {
  const auto entry = history.find(arguments.id);
  if (!entry) return cannot_read(entry.error(), arguments.json);
  Json out = summary(*entry);
  out["receipt"] = receipt_of(*entry);
  if (arguments.json) {
    print_json(out);
    return kExitVerified;
  }
  for (const auto& [name, value] : out.items()) {
    if (name == "receipt") continue;
    fmt::print("{:<14} {}\n", name,
               client::printable(value.is_string() ? value.get<std::string>() : value.dump()));
  }
  print_json(out["receipt"]);
  return kExitVerified;
}

int export_entry(const ReceiptsArguments& arguments, proxy::History& history) {
  const auto entry = history.find(arguments.id);
  if (!entry) return cannot_read(entry.error(), /*json=*/false);
  const auto report = history.report_of(arguments.id);
  if (!report) return cannot_read(report.error(), /*json=*/false);
  print_json(bundle(*entry, *report));
  return kExitVerified;
}

// From the vendor's root again, as of the time it was appraised.
int verify_entry(const ReceiptsArguments& arguments, proxy::History& history) {
  const auto policy = load_policy(arguments.trust);
  if (!policy) return unusable(policy.error(), arguments.json);
  const auto entry = history.find(arguments.id);
  if (!entry) return cannot_read(entry.error(), arguments.json);
  const auto report = history.report_of(arguments.id);
  if (!report) return cannot_read(report.error(), arguments.json);

  client::AppraisalInput input;
  input.report = report->document;
  input.nonce = report->nonce;
  verify::Verdict verdict;
  const Status outcome = [&]() -> Status {
    TRY_ASSIGN(const auto service, client::appraise(input, *policy, report->verified_at, verdict));
    const client::ExchangeFacts facts{.request_hash = entry->request_hash,
                                      .response_hash = entry->response_hash,
                                      .client_nonce = entry->client_nonce};
    TRY(client::appraise_receipt(entry->receipt, service, facts, verdict));
    return {};
  }();
  const Error* error = outcome ? nullptr : &outcome.error();
  show_verdict(arguments.trust, arguments.json, verdict, error);
  return error == nullptr ? kExitVerified : kExitRefused;
}

}  // namespace

int receipts(const ReceiptsArguments& arguments) {
  const auto history = open_history(arguments);
  if (!history) return unusable(history.error(), arguments.json);
  switch (arguments.action) {
    case ReceiptsAction::list:
      return list(arguments, **history);
    case ReceiptsAction::show:
      return show_entry(arguments, **history);
    case ReceiptsAction::export_bundle:
      return export_entry(arguments, **history);
    case ReceiptsAction::verify:
      return verify_entry(arguments, **history);
  }
  return kExitUsage;
}

}  // namespace confide::app
