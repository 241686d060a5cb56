// Where an answer meets its receipt, the same for all endpoints.
#pragma once

#include <cstdint>
#include <string>

#include "aci/receipt.h"
#include "api/errors.h"
#include "engine/engine.h"
#include "net/http.h"
#include "ops/metrics.h"

namespace confide::api {

// An answer has ended.
void count_answer(ops::Metrics& metrics, engine::Finish finish);

// What is said in the place of an answer that ended so: not `stop`, not `length`.
ApiError error_of(engine::Finish failure);

// What a receipt says of a model that read and wrote nothing.
aci::Execution execution_of_reading(std::string model_digest, std::string engine,
                                    std::int64_t prompt_tokens);

// `response` as it leaves, with `headers` besides and the name of its receipt. Without a receipt
// (an empty id) it is worth nothing to anybody, and an error goes in its place.
net::HttpResponse with_receipt(net::HttpResponse response, const std::string& receipt_id,
                               const net::Headers& headers, const ErrorForm& form);

}  // namespace confide::api
