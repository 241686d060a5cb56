// evidence-conformance DIR: puts every case below a folder through the verifier, under its strict
// policy, and compares with what the case says a trusted verifier answered.
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "kinds.h"
#include "negatives.h"

namespace confide::conformance {
namespace {

constexpr std::string_view kUsage =
    "Usage: evidence-conformance DIR [--negatives] [--json] [--verbose]\n"
    "\n"
    "Puts every case.json below DIR through the verifier with its strict policy and compares.\n"
    "Prints a line for each member that differs and `N of M` last; exits 0 if all agree, 1 if\n"
    "not, 2 on careless use.\n"
    "\n"
    "  --negatives  also every mutation of each case's negatives.json\n"
    "  --json       one JSON document instead of lines\n"
    "  --verbose    a line for each case that agrees too\n"
    "\n"
    "Example: evidence-conformance ../shared/vectors --negatives\n";

struct Options {
  fs::path top;
  bool negatives = false;
  bool json = false;
  bool verbose = false;
};

bool read_options(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--negatives") {
      options.negatives = true;
    } else if (argument == "--json") {
      options.json = true;
    } else if (argument == "--verbose") {
      options.verbose = true;
    } else if (argument.starts_with("-") || !options.top.empty()) {
      return false;
    } else {
      options.top = argument;
    }
  }
  return !options.top.empty();
}

Outcome run_case(const fs::path& folder, const fs::path& top) {
  const auto loaded = load_case(folder);
  if (!loaded) return unusable(fs::relative(folder, top).string(), "case.json", loaded.error());
  const Run run = find_run(loaded->kind);
  if (!run) {
    return unusable(loaded->id, "kind",
                    Error{Errc::unsupported, "no kind of ours: " + loaded->kind});
  }
  const auto answer = run(*loaded);
  if (!answer) return unusable(loaded->id, "files", answer.error());
  return {.id = loaded->id,
          .differences = compare(loaded->description, *answer),
          .answer = answer->expected,
          .note = answer->note,
          .skipped = {}};
}

class Report {
 public:
  explicit Report(const Options& options) : options_(options), terminal_(isatty(2) == 1) {}

  void add(const Outcome& outcome) {
    if (!outcome.skipped.empty()) {
      skipped_ += 1;
    } else {
      total_ += 1;
      agree_ += outcome.differences.empty() ? 1 : 0;
    }
    if (options_.json) cases_.push_back(to_json(outcome));
    if (!options_.json) print(outcome);
    if (terminal_) fmt::print(stderr, "\r\033[K{} done, {} agree ", total_, agree_);
  }

  int finish() {
    if (terminal_) fmt::print(stderr, "\r\033[K");
    if (options_.json) {
      const Json document{
          {"cases", cases_}, {"agree", agree_}, {"total", total_}, {"skipped", skipped_}};
      fmt::print("{}\n", document.dump(1, ' ', false, Json::error_handler_t::replace));
    } else {
      if (skipped_ > 0) fmt::print("{} skipped: their other files are not here\n", skipped_);
      fmt::print("{} of {}\n", agree_, total_);
    }
    return agree_ == total_ && total_ > 0 ? 0 : 1;
  }

 private:
  void print(const Outcome& outcome) const {
    if (terminal_) fmt::print(stderr, "\r\033[K");
    for (const Difference& difference : outcome.differences) {
      fmt::print("{}: {}: expected {}, got {}{}\n", outcome.id, difference.member,
                 difference.expected, difference.got,
                 outcome.note.empty() ? "" : " (" + outcome.note + ")");
    }
    if (options_.verbose && !outcome.skipped.empty()) {
      fmt::print("{}: SKIPPED: {}\n", outcome.id, outcome.skipped);
    } else if (options_.verbose && outcome.differences.empty()) {
      fmt::print("{}: agrees{}\n", outcome.id,
                 outcome.note.empty() ? "" : " (" + outcome.note + ")");
    }
  }

  static Json to_json(const Outcome& outcome) {
    Json differences = Json::array();
    for (const Difference& difference : outcome.differences) {
      differences.push_back(Json{{"member", difference.member},
                                 {"expected", difference.expected},
                                 {"got", difference.got}});
    }
    Json out{{"id", outcome.id},
             {"agrees", outcome.differences.empty()},
             {"differences", std::move(differences)},
             {"answer", outcome.answer},
             {"first_failure", outcome.note}};
    if (!outcome.skipped.empty()) out["skipped"] = outcome.skipped;
    return out;
  }

  const Options& options_;
  bool terminal_ = false;
  int agree_ = 0;
  int total_ = 0;
  int skipped_ = 0;
  Json cases_ = Json::array();
};

int run(const Options& options) {
  Report report(options);
  for (const fs::path& folder : find_cases(options.top)) {
    report.add(run_case(folder, options.top));
    if (!options.negatives) continue;
    for_each_negative(folder, [&](const Outcome& outcome) { report.add(outcome); });
  }
  return report.finish();
}

}  // namespace
}  // namespace confide::conformance

int main(int argc, char** argv) {
  confide::conformance::Options options;
  if (!confide::conformance::read_options(argc, argv, options)) {
    fmt::print(stderr, "{}", confide::conformance::kUsage);
    return 2;
  }
  if (!std::filesystem::is_directory(options.top)) {
    fmt::print(stderr, "evidence-conformance: {} is no folder\n", options.top.string());
    return 2;
  }
  return confide::conformance::run(options);
}
