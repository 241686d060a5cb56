#include "api/proof.h"

#include <utility>

#include "api/request_watch.h"

namespace confide::api {

void count_answer(ops::Metrics& metrics, engine::Finish finish) {
  metrics.count("confide_answers_total", "Answers ended, by reason.",
                {{"finish", std::string(to_string(finish))}});
}

ApiError error_of(engine::Finish failure) {
  if (failure == engine::Finish::expired) {
    return too_many("This request waited too long for its turn; try again.", "queue_timeout");
  }
  return internal_error();
}

aci::Execution execution_of_reading(std::string model_digest, std::string engine,
                                    std::int64_t prompt_tokens) {
  return {.model_digest = std::move(model_digest),
          .engine = std::move(engine),
          .temperature = "0",
          .top_p = "1",
          .max_tokens = 0,
          .seed = 0,
          .prompt_tokens = prompt_tokens,
          .completion_tokens = 0,
          .finish_reason = "stop"};
}

net::HttpResponse with_receipt(net::HttpResponse response, const std::string& receipt_id,
                               const net::Headers& headers, const ErrorForm& form) {
  if (receipt_id.empty()) response = error_response(internal_error(), form);
  for (const auto& [name, value] : headers.all()) response.headers.set(name, value);
  if (!receipt_id.empty()) response.headers.set("X-Receipt-Id", receipt_id);
  return response;
}

}  // namespace confide::api
