#include "engine/token_reports.h"

#include <algorithm>
#include <utility>

#include "base/secret.h"
#include "engine/logits.h"

namespace confide::engine {

TokenReports::TokenReports(const LlamaModel& model, int likeliest)
    : model_(model), likeliest_(static_cast<std::size_t>(likeliest)) {}

TokenReports::~TokenReports() {
  taken_ = reports_.size();
  drop_taken();
}

void TokenReports::add(Token picked, std::span<const float> logits, std::size_t end) {
  drop_taken();
  const double log_sum = log_sum_exp(logits);
  TokenReport report{.picked = chance(picked, logits, log_sum), .likeliest = {}, .given = false};
  if (likeliest_ > 0) {  // over the whole vocabulary, however few are wanted
    for (const Token token : likeliest(logits, likeliest_)) {
      report.likeliest.push_back(chance(token, logits, log_sum));
    }
  }
  reports_.push_back(std::move(report));
  ends_.push_back(end);
}

void TokenReports::add_given(Token token, std::size_t end) {
  drop_taken();
  reports_.push_back({.picked = named(token), .likeliest = {}, .given = true});
  ends_.push_back(end);
}

std::span<const TokenReport> TokenReports::take(std::size_t shown) {
  drop_taken();
  taken_ = static_cast<std::size_t>(std::ranges::upper_bound(ends_, shown) - ends_.begin());
  return std::span(reports_).first(taken_);
}

TokenChance TokenReports::named(Token token) const {
  TokenChance out{.token = token, .bytes = {}, .logprob = 0};
  model_.piece(token, out.bytes, LlamaModel::Control::parse);
  return out;
}

TokenChance TokenReports::chance(Token token, std::span<const float> logits, double log_sum) const {
  constexpr double kImpossible = -9999.0;  // JSON has no infinity
  const double logprob = static_cast<double>(logits[static_cast<std::size_t>(token)]) - log_sum;
  TokenChance out = named(token);
  out.logprob = static_cast<float>(logprob > kImpossible ? logprob : kImpossible);
  return out;
}

// They spell the answer.
void TokenReports::drop_taken() {
  for (TokenReport& report : std::span(reports_).first(taken_)) {
    wipe(report.picked.bytes);
    for (TokenChance& other : report.likeliest) wipe(other.bytes);
  }
  const auto count = static_cast<std::ptrdiff_t>(taken_);
  reports_.erase(reports_.begin(), reports_.begin() + count);
  ends_.erase(ends_.begin(), ends_.begin() + count);
  taken_ = 0;
}

}  // namespace confide::engine
