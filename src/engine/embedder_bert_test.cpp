// Models that were made to make vectors: each token of a text sees the whole of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/embedder.h"
#include "engine/engine.h"
#include "engine/tiny_model_for_test.h"

namespace confide::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<Embedder> load(std::optional<Pooling> pooling) {
  return Embedder::load(tiny_encoder(pooling), {.context = 512, .threads = 1, .queue = 64}).value();
}

std::vector<Vector> vectors(Embedder& embedder, const std::vector<std::string>& texts) {
  std::vector<std::vector<Token>> tokens;
  for (const std::string& text : texts) tokens.push_back(embedder.tokenize(text).value());
  std::promise<Result<std::vector<Vector>>> promise;
  const auto ticket =
      embedder.submit({.texts = std::move(tokens)},
                      [&](Result<std::vector<Vector>> out) { promise.set_value(std::move(out)); });
  EXPECT_TRUE(ticket);
  return promise.get_future().get().value();
}

double product(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

class BertTest : public ::testing::TestWithParam<Pooling> {
 protected:
  const std::unique_ptr<Embedder> embedder_ = load(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Poolings, BertTest,
                         ::testing::Values(LLAMA_POOLING_TYPE_MEAN, LLAMA_POOLING_TYPE_CLS));

TEST_P(BertTest, VectorsHaveLengthOneAndAreTheSameEachTime) {
  EXPECT_EQ(embedder_->dimensions(), 64);
  EXPECT_EQ(embedder_->info().context_length, 64);  // it was trained for no more
  const auto first = vectors(*embedder_, {"the cat sleeps", "7"});
  ASSERT_EQ(first.size(), 2U);
  for (const Vector& vector : first) {
    EXPECT_EQ(vector.size(), 64U);
    EXPECT_NEAR(product(vector, vector), 1.0, 1e-5);
  }
  EXPECT_EQ(vectors(*embedder_, {"the cat sleeps", "7"}), first);
  EXPECT_LT(product(first[0], first[1]), 0.999);
}

TEST_P(BertTest, WordsBecomePiecesBetweenTheModelsMarks) {
  const auto tokens = embedder_->tokenize("The cats!").value();
  // [CLS] the cat s ! [SEP]
  EXPECT_THAT(tokens, ElementsAre(2, 85, 86, 5 + 2 * 18, 5 + 2 * 38 + 1, 3));
}

TEST_P(BertTest, TextSpellsNoMarks) {
  const auto tokens = embedder_->tokenize("cat [SEP] dog").value();
  EXPECT_EQ(std::ranges::count(tokens, 3), 1);
}

TEST_P(BertTest, EveryTokenSeesTheWholeText) {
  const auto out = vectors(*embedder_, {"cat dog", "cat fish", "dog cat"});
  EXPECT_LT(product(out[0], out[1]), 0.999);
  EXPECT_LT(product(out[0], out[2]), 0.9999);
}

TEST_P(BertTest, WhatIsComputedBesideChangesNothing) {
  const Vector alone = vectors(*embedder_, {"the dog barks."})[0];
  std::vector<std::string> texts;
  for (int i = 0; i < 50; ++i) texts.push_back("fish " + std::to_string(i * 977) + " sleeps");
  texts[31] = "the dog barks.";
  const Vector among = vectors(*embedder_, texts)[31];
  for (std::size_t i = 0; i < alone.size(); ++i) EXPECT_NEAR(alone[i], among[i], 1e-5) << i;
}

TEST_P(BertTest, TextThatIsTooLongIsRefused) {
  std::string text;
  for (int i = 0; i < 62; ++i) text += "cat ";
  EXPECT_EQ(vectors(*embedder_, {text}).size(), 1U);
  const auto status =
      embedder_->submit({.texts = {embedder_->tokenize(text + "cat").value()}},
                        [](const Result<std::vector<Vector>>&) { FAIL() << "it was refused"; });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::malformed);
  EXPECT_THAT(status.error().message, HasSubstr("65 tokens does not fit a context of 64"));
  const auto whole = embedder_->tokenize(std::string(10000, 'a'));
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().code, Errc::limit);
}

TEST_P(BertTest, GeneratesNothing) {
  const auto engine = Engine::load(tiny_encoder(GetParam()),
                                   {.slots = 1, .context_per_slot = 64, .threads = 1, .queue = 1});
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Errc::malformed);
  EXPECT_THAT(engine.error().message, HasSubstr("not a text generation model"));
}

TEST(Bert, MeanIsTakenIfTheModelDoesNotSay) {
  const auto silent = load(std::nullopt);
  const auto mean = load(LLAMA_POOLING_TYPE_MEAN);
  const std::vector<std::string> texts = {"the sea, the sea"};
  EXPECT_EQ(vectors(*silent, texts), vectors(*mean, texts));
  EXPECT_LT(product(vectors(*mean, texts)[0], vectors(*load(LLAMA_POOLING_TYPE_CLS), texts)[0]),
            0.999);
}

TEST(Bert, RankerIsRefused) {
  const auto embedder =
      Embedder::load(tiny_encoder(LLAMA_POOLING_TYPE_RANK), {.context = 64, .threads = 1});
  ASSERT_FALSE(embedder);
  EXPECT_EQ(embedder.error().code, Errc::malformed);
}

}  // namespace
}  // namespace confide::engine
