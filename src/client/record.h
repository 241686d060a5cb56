// Records checks in a verdict and remembers the first failure, whose code the caller gets.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "verify/verdict.h"

namespace confide::client {

class Record {
 public:
  explicit Record(verify::Verdict& verdict) : verdict_(verdict) {}

  void pass(std::string id, std::string detail) { verdict_.pass(std::move(id), std::move(detail)); }
  void skip(std::string id, std::string detail) { verdict_.skip(std::move(id), std::move(detail)); }
  void fail(std::string id, Error error) {
    verdict_.fail(id, error.message);
    error.message = id + ": " + error.message;
    note(std::move(error));
  }
  // `detail` stands beside a pass, the error's message beside a failure.
  bool check(const std::string& id, const Status& status, std::string detail) {
    if (status) {
      verdict_.pass(id, std::move(detail));
      return true;
    }
    fail(id, status.error());
    return false;
  }
  // For a failure that somebody else has already recorded.
  void note(Error error) {
    if (!first_) first_ = std::move(error);
  }
  // The first failure; an empty verdict is none that anyone may build on.
  Status outcome() const {
    if (first_) return tl::unexpected<Error>(*first_);
    if (!verdict_.passed()) return confide::fail(Errc::internal, "nothing was checked");
    return {};
  }

 private:
  verify::Verdict& verdict_;
  std::optional<Error> first_;
};

}  // namespace confide::client
