// What a model says about the next token: one number for each of its vocabulary. These loops run
// once per token and request over all of them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/engine.h"

namespace confide::engine {

float maximum(std::span<const float> logits);

// The first of the likeliest; token 0 if the model gave no number at all.
Token argmax(std::span<const float> logits);

// So many sums of weights in single precision are still exact enough.
inline constexpr std::size_t kWeightBlock = 1024;

// Turns a block of at most kWeightBlock logits, none above `most`, into e^((logit - most) * scale),
// to about 2e-7, and returns their sum. What is e^-87 or less counts as 0.
double weigh(std::span<float> block, float most, float scale);

// The logarithm of the sum of all e^logit: what is to be taken from a logit to get the logarithm of
// its token's probability.
double log_sum_exp(std::span<const float> logits);

// The `count` likeliest tokens, first the likeliest; fewer if the vocabulary is smaller.
std::vector<Token> likeliest(std::span<const float> logits, std::size_t count);

}  // namespace confide::engine
