#include "verify/verdict.h"

#include <algorithm>
#include <utility>

namespace confide::verify {
namespace {

std::string_view to_string(CheckStatus status) {
  switch (status) {
    case CheckStatus::pass:
      return "pass";
    case CheckStatus::fail:
      return "fail";
    case CheckStatus::skip:
      return "skip";
  }
  return "fail";
}

bool has(const std::vector<Check>& checks, CheckStatus status) {
  return std::ranges::any_of(checks, [status](const Check& c) { return c.status == status; });
}

}  // namespace

void Verdict::pass(std::string id, std::string detail) {
  checks_.push_back({std::move(id), CheckStatus::pass, std::move(detail)});
}

void Verdict::fail(std::string id, std::string detail) {
  checks_.push_back({std::move(id), CheckStatus::fail, std::move(detail)});
}

void Verdict::skip(std::string id, std::string detail) {
  checks_.push_back({std::move(id), CheckStatus::skip, std::move(detail)});
}

bool Verdict::check(std::string id, const Status& status, std::string detail) {
  if (status) {
    pass(std::move(id), std::move(detail));
  } else {
    fail(std::move(id), status.error().message);
  }
  return status.has_value();
}

void Verdict::merge(Verdict other) {
  std::ranges::move(other.checks_, std::back_inserter(checks_));
  for (auto& [name, value] : other.claims.items()) claims[name] = value;
  simulated = simulated || other.simulated;
}

bool Verdict::passed() const noexcept {
  return has(checks_, CheckStatus::pass) && !has(checks_, CheckStatus::fail);
}

const Check* Verdict::first_failure() const noexcept {
  const auto at = std::ranges::find(checks_, CheckStatus::fail, &Check::status);
  return at == checks_.end() ? nullptr : &*at;
}

Json Verdict::to_json() const {
  Json checks = Json::array();
  for (const Check& check : checks_) {
    checks.push_back(
        Json{{"id", check.id}, {"status", to_string(check.status)}, {"detail", check.detail}});
  }
  return Json{{"verdict", passed() ? "pass" : "fail"},
              {"simulated", simulated},
              {"checks", std::move(checks)},
              {"claims", claims}};
}

}  // namespace confide::verify
