#include "engine/logits.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <ranges>

namespace confide::engine {
namespace {

// The loops are written in lanes, which compilers turn into vector code; a plain loop over 50,000
// floats costs ten times as much.
constexpr std::size_t kLanes = 16;

// e^x for x <= 0, to about 2e-7: 2^n by the exponent bits, the rest by a polynomial.
float exp_nonpositive(float x) {
  constexpr float kLog2E = 1.44269504F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  constexpr float kLeast = -87.0F;
  const float z = (x > kLeast ? x : kLeast) * kLog2E;
  const float shifted = z + kRound;
  const float f = z - (shifted - kRound);  // -0.5 to 0.5
  float p = 1.5403530e-4F;
  p = p * f + 1.3333558e-3F;
  p = p * f + 9.6181291e-3F;
  p = p * f + 5.5504109e-2F;
  p = p * f + 2.4022651e-1F;
  p = p * f + 6.9314718e-1F;
  p = p * f + 1.0F;
  const std::uint32_t exponent = std::bit_cast<std::uint32_t>(shifted) << 23U;
  const float value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(p) + exponent);
  return x > kLeast ? value : 0.0F;
}

}  // namespace

float maximum(std::span<const float> logits) {
  std::array<float, kLanes> lanes{};
  lanes.fill(-std::numeric_limits<float>::infinity());
  std::size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (std::size_t j = 0; j < kLanes; ++j) {
      lanes[j] = logits[i + j] > lanes[j] ? logits[i + j] : lanes[j];
    }
  }
  float most = *std::ranges::max_element(lanes);
  for (; i < logits.size(); ++i) most = logits[i] > most ? logits[i] : most;
  return most;
}

Token argmax(std::span<const float> logits) {
  const auto at = std::ranges::find(logits, maximum(logits));
  return at == logits.end() ? 0 : static_cast<Token>(at - logits.begin());
}

double weigh(std::span<float> block, float most, float scale) {
  for (float& logit : block) logit = exp_nonpositive((logit - most) * scale);
  std::array<float, kLanes> lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= block.size(); i += kLanes) {
    for (std::size_t j = 0; j < kLanes; ++j) lanes[j] += block[i + j];
  }
  double sum = 0;
  for (const float lane : lanes) sum += static_cast<double>(lane);
  for (; i < block.size(); ++i) sum += static_cast<double>(block[i]);
  return sum;
}

double log_sum_exp(std::span<const float> logits) {
  const float most = maximum(logits);
  std::array<float, kWeightBlock> block;
  double sum = 0;
  while (!logits.empty()) {
    const auto next = logits.first(std::min(kWeightBlock, logits.size()));
    std::ranges::copy(next, block.begin());
    sum += weigh(std::span(block).first(next.size()), most, 1.0F);
    logits = logits.subspan(next.size());
  }
  return static_cast<double>(most) + std::log(sum);
}

std::vector<Token> likeliest(std::span<const float> logits, std::size_t count) {
  std::vector<Token> out(std::min(count, logits.size()));
  const auto logit = [&](Token token) { return logits[static_cast<std::size_t>(token)]; };
  std::ranges::partial_sort_copy(std::views::iota(Token{0}, static_cast<Token>(logits.size())), out,
                                 std::ranges::greater{}, logit, logit);
  return out;
}

}  // namespace confide::engine
