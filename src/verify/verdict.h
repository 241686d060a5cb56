// What an appraisal found: every check by name, and the values the evidence claims.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace confide::verify {

enum class CheckStatus { pass, fail, skip };

struct Check {
  std::string id;  // stable: tdx.quote.signature, aci.report_data, ...
  CheckStatus status = CheckStatus::fail;
  std::string detail;  // what was seen, or which rule failed and why
};

// Collects checks. The verdict is a pass only if at least one check passed and none failed:
// an empty record is a fail. `skip` is for what nobody asked for, never for what is missing.
class Verdict {
 public:
  void pass(std::string id, std::string detail = "");
  void fail(std::string id, std::string detail);
  void skip(std::string id, std::string detail);
  // Passes if `status` holds a value, else fails with its message. Returns whether it passed.
  bool check(std::string id, const Status& status, std::string detail = "");
  // Appends another's checks and claims; simulated if either is.
  void merge(Verdict other);

  bool passed() const noexcept;
  const std::vector<Check>& checks() const noexcept { return checks_; }
  // The first check that failed, or null.
  const Check* first_failure() const noexcept;

  // Values parsed from evidence, for people and programs; a Json object.
  Json claims = Json::object();
  // True if the trust root is not one of the hardware vendors' built into this library.
  bool simulated = false;

  // {"verdict":"pass"|"fail","simulated":bool,"checks":[{id,status,detail}],"claims":{...}}
  Json to_json() const;

 private:
  std::vector<Check> checks_;
};

}  // namespace confide::verify
