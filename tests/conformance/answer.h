// What the library said of a case, in the words of case.json, and how that compares.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "verify/verdict.h"

namespace confide::conformance {

struct Answer {
  Json expected = Json::object();  // to be held against the member `expected`
  Json parsed;                     // likewise `parsed`; null if nothing could be parsed
  Json files;  // of a collection of tests, which has no `expected`: what came of each file
  // Members of `expected` for which several words are right, such as the name of the stage at which
  // evidence with more than one fault is refused. By path below `expected`.
  std::map<std::string, std::set<std::string>> any_of;
  std::string note;  // the first check that failed, for people
};

struct Difference {
  std::string member;
  std::string expected;
  std::string got;
};

// Each member that the case names and that the answer has otherwise, or not at all. Members that
// are prose for people or say where a file came from are not compared; `either` agrees with both
// verdicts.
std::vector<Difference> compare(const Json& description, const Answer& answer);

// "id: detail" of the first check that failed, or nothing.
std::string first_failure(const verify::Verdict& verdict);

}  // namespace confide::conformance
