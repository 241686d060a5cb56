// OpenAI's embeddings: how a request is read and an answer written. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/errors.h"
#include "api/generation_request.h"
#include "base/json.h"
#include "engine/embedder.h"

namespace confide::api {

inline constexpr std::string_view kEmbeddings = "/v1/embeddings";

struct EmbeddingRequest {
  std::string model;
  std::vector<Prompt> input;  // at least one
  std::optional<int> dimensions;
  bool base64 = false;  // of little-endian floats, in place of a list of numbers
};

// What is wrong is a 400 that names the member.
ApiResult<EmbeddingRequest> parse_embedding(const Json& body);

Json embedding_answer(const std::string& model, const std::vector<engine::Vector>& vectors,
                      bool base64, int prompt_tokens);

}  // namespace confide::api
