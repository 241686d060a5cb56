// How a verifier goes on after a step that failed. Private to verify/.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "verify/verdict.h"

namespace confide::verify {

// Records each step in the verdict and keeps the first failure with its code.
class Findings {
 public:
  explicit Findings(Verdict& verdict) : verdict_(verdict) {}

  void check(std::string id, const Status& status, std::string detail = "") {
    if (!status && !first_) {
      first_ = Error{status.error().code, id + ": " + status.error().message};
    }
    verdict_.check(std::move(id), status, std::move(detail));
  }

  // The same for a step whose value later ones need; `describe` says of it what people want to see.
  template <class T, class Describe>
  Result<T> record(std::string id, Result<T> result, Describe describe) {
    Status status;
    if (!result) status = tl::unexpected<Error>(result.error());
    check(std::move(id), status, result ? describe(*result) : std::string());
    return result;
  }

  Verdict& verdict() noexcept { return verdict_; }
  const std::optional<Error>& first_failure() const noexcept { return first_; }

 private:
  Verdict& verdict_;
  std::optional<Error> first_;
};

// What an earlier step found. If it found nothing, this step fails too: it never goes unjudged.
template <class T>
Result<const T*> need(const Result<T>& earlier) {
  if (!earlier) return fail(earlier.error().code, "not judged: an earlier check failed");
  return &*earlier;
}
inline Status need(const Status& earlier) {
  if (!earlier) return fail(earlier.error().code, "not judged: an earlier check failed");
  return {};
}

// A step's outcome without its value.
template <class T>
Status status_of(const Result<T>& result) {
  if (!result) return tl::unexpected<Error>(result.error());
  return {};
}

}  // namespace confide::verify
