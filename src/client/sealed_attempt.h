// One request sealed once, and what came back for it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "client/sealed_channel.h"
#include "crypto/hash.h"

namespace confide::client {

// What was said instead of an answer.
enum class ChannelProblem {
  none,
  key,      // not a key of the service's, or no longer
  clock,    // our date is too far from the service's
  refused,  // anything else that the service's end of the channel does not take
};

class SealedAttempt {
 public:
  // Fails on a request that binary HTTP cannot carry.
  static Result<SealedAttempt> make(const Attestation& attestation,
                                    const seal::InnerRequest& request, seal::Padding padding,
                                    Time now);

  // Sends it and takes the answer in. Once more, on another connection, only if nothing was heard:
  // the service takes no capsule twice.
  Status run(net::Connection& connection, const AnswerSink& sink);
  bool heard() const noexcept { return heard_; }
  // Of the check that run() failed.
  std::string_view failed_check() const noexcept { return failed_check_; }

  // After run() succeeded. What the problem is, in words that may be shown.
  ChannelProblem problem() const noexcept { return problem_; }
  const std::string& problem_text() const noexcept { return problem_text_; }
  // With ChannelProblem::clock: the service's, authentic, and good for sealing once more (O22).
  const std::optional<Time>& service_time() const noexcept { return service_time_; }
  const seal::InnerResponse& head() const noexcept { return answer_.head(); }
  ExchangeFacts facts();

 private:
  explicit SealedAttempt(seal::SealedExchange sealed)
      : capsule_(std::move(sealed.capsule)), answer_(std::move(sealed.answer)) {}

  Status take(std::string_view bytes, const AnswerSink& sink);
  Status deliver(std::string_view content, const AnswerSink& sink);
  Status end(const AnswerSink& sink);
  Status judge_clear();
  void judge_problem(std::string_view body);

  Bytes capsule_;
  seal::AnswerReader answer_;
  std::string keyset_digest_;
  ExchangeFacts facts_;
  crypto::Sha256Stream response_;

  bool heard_ = false;
  int outer_status_ = 0;
  bool outer_problem_ = false;  // a problem document, in clear
  bool sealed_ = false;
  bool has_head_ = false;
  bool inner_problem_ = false;
  std::string document_;  // of a problem
  std::string_view failed_check_ = "channel.answer";
  ChannelProblem problem_ = ChannelProblem::none;
  std::string problem_text_;
  std::optional<Time> service_time_;
};

}  // namespace confide::client
