#include "negatives.h"

#include <fstream>
#include <set>

#include "base/testing/temp_folder.h"
#include "kinds.h"
#include "mutation.h"

namespace confide::conformance {
namespace {

// A copy of a case with links to all that lies beside it and above it, so that its relative names
// still lead where they led.
class Copy {
 public:
  explicit Copy(const fs::path& folder)
      : origin_(fs::canonical(folder)),
        above_(origin_.parent_path()),
        folder_(fs::path(top_.path()) / above_.filename() / origin_.filename()) {
    fs::create_directory(folder_.parent_path());
    link_others(above_.parent_path(), folder_.parent_path());
    link_others(above_, folder_);
  }

  // A fresh copy, as the case is.
  const fs::path& renew() {
    fs::remove_all(folder_);
    fs::copy(origin_, folder_, fs::copy_options::recursive);
    return folder_;
  }
  const fs::path& origin() const { return origin_; }

 private:
  static void link_others(const fs::path& from, const fs::path& ours) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(from, error)) {
      const fs::path link = ours.parent_path() / entry.path().filename();
      if (link != ours) fs::create_symlink(entry.path(), link, error);
    }
  }

  TempFolder top_;
  fs::path origin_;
  fs::path above_;
  fs::path folder_;
};

// The joined form of the collateral is made of the parts and no longer fits them.
Status leave_parts_only(const fs::path& folder) {
  TRY_ASSIGN(Json description, read_json(folder / "case.json"));
  if (json::find(description, "files") != nullptr && description["files"].is_object()) {
    description["files"].erase("collateral_v3");
  }
  std::ofstream(folder / "case.json", std::ios::binary) << json::compact(description);
  fs::remove(folder / "collateral.json");
  return {};
}

Result<std::string> verdict_of(const Json& answer) {
  for (const char* name : {"verdict_strict", "verdict"}) {
    if (const Json* verdict = json::find(answer, name); verdict != nullptr && verdict->is_string())
      return verdict->get<std::string>();
  }
  return fail(Errc::internal, "the answer holds no verdict");
}

struct Judged {
  std::string verdict;
  std::string note;
};

Result<Judged> judge(const fs::path& folder) {
  TRY_ASSIGN(const Case from, load_case(folder));
  const Run run = find_run(from.kind);
  if (!run) return fail(Errc::unsupported, "no kind of ours: " + from.kind);
  TRY_ASSIGN(const Answer answer, run(from));
  TRY_ASSIGN(std::string verdict, verdict_of(answer.expected));
  return Judged{.verdict = std::move(verdict), .note = answer.note};
}

// What the mutation must come to: the word it is to be, or nothing if either will do.
Result<std::string> demanded(const Json& mutation, const std::string& base) {
  TRY_ASSIGN(const std::string expected, json::get_string(mutation, "expected"));
  if (expected == "reject") return std::string("reject");
  if (expected == "same-as-base") return base;
  if (expected == "either") return std::string();
  return fail(Errc::unsupported, "unknown expectation " + expected);
}

Outcome run_negative(Copy& copy, const std::string& id, const Json& mutation,
                     const std::string& base) {
  const auto want = demanded(mutation, base);
  if (!want) return unusable(id, "expected", want.error());
  const Json* operations = json::find(mutation, "ops");
  if (operations == nullptr) return unusable(id, "ops", Error{Errc::malformed, "missing"});
  const fs::path folder = copy.renew();
  Outcome out{.id = id, .differences = {}, .answer = {}, .note = {}, .skipped = {}};
  if (const Status parts = leave_parts_only(folder); !parts) {
    return unusable(id, "case.json", parts.error());
  }
  if (const Status done = mutate(folder, copy.origin(), *operations); !done) {
    if (done.error().code != Errc::not_found) return unusable(id, "ops", done.error());
    out.skipped = done.error().message;
    return out;
  }
  const auto judged = judge(folder);
  if (!judged) return unusable(id, "case", judged.error());
  out.answer = Json{{"verdict", judged->verdict}};
  out.note = judged->note;
  if (!want->empty() && judged->verdict != *want) {
    out.differences.push_back({"verdict", *want, judged->verdict});
  }
  return out;
}

}  // namespace

Outcome unusable(std::string id, std::string member, const Error& error) {
  return {.id = std::move(id),
          .differences = {{std::move(member), "to be usable", error.message}},
          .answer = {},
          .note = {},
          .skipped = {}};
}

void for_each_negative(const fs::path& folder, const std::function<void(const Outcome&)>& done) {
  if (!fs::exists(folder / "negatives.json")) return;
  const std::string name = folder.filename().string();
  const auto negatives = read_json(folder / "negatives.json");
  const Json* mutations = negatives ? json::find(*negatives, "mutations") : nullptr;
  const auto base = judge(folder);
  if (mutations == nullptr || !base) {
    const Error missing{Errc::malformed, "`mutations` is missing"};
    return done(unusable(name, "negatives.json",
                         !negatives ? negatives.error()
                         : base     ? missing
                                    : base.error()));
  }
  Copy copy(folder);
  for (const Json& mutation : *mutations) {
    const std::string id = name + "#" + mutation.value("id", "?");
    done(run_negative(copy, id, mutation, base->verdict));
  }
}

}  // namespace confide::conformance
