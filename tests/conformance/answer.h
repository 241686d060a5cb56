// What the library said of a case, in the words of case.json, and how that compares.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "verify/verdict.h"

namespace confide::conformance {

// The words for what a check found wrong: evidence may have more faults than one, and one fault
// more names than one. Empty if nothing is wrong.
using Faults = std::vector<std::set<std::string>>;

struct Answer {
  Json expected = Json::object();  // to be held against the member `expected`
  Json parsed;                     // likewise `parsed`; null if nothing could be parsed
  Json files;  // of a collection of tests, which has no `expected`: what came of each file
  // Members of `expected` that name faults: one of them where the member is a string, each where it
  // is an array. By path below `expected`.
  std::map<std::string, Faults> faults;
  std::string note;  // the first check that failed, for people
};

// Which word a failed check stands for. `check` is the end of its id; `detail`, a part of what it
// says, is empty for any.
struct Word {
  std::string_view check;
  std::string_view detail;
  std::string_view word;
};

// Whether a check failed for no other reason than that one before it did.
bool is_unjudged(const verify::Check& check);

// The words for each check of `verdict` that failed by itself. One that no word stands for is
// called by its id.
Faults faults_of(const verify::Verdict& verdict, std::span<const Word> words);

// An answer with the claims of `verdict` in both parts, `verdict_strict`, and `policy_findings`
// even if there are none.
Answer answer_from(const verify::Verdict& verdict);

struct Difference {
  std::string member;
  std::string expected;
  std::string got;
};

// Each member that the case names and that the answer has otherwise, or not at all. Members that
// are prose for people or say where a file came from are not compared. A verdict `either` agrees
// with both, whatever else the one who refuses finds.
std::vector<Difference> compare(const Json& description, const Answer& answer);

// "id: detail" of the first check that failed, or nothing.
std::string first_failure(const verify::Verdict& verdict);

}  // namespace confide::conformance
