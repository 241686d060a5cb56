#include "engine/embedder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <future>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "engine/memory_need.h"
#include "engine/test_model.h"

namespace confide::engine {
namespace {

constexpr int kContext = 128;

// The model was made to answer, not for this: the mean of its vectors tells alike from unlike all
// the same.
class EmbedderTest : public RealModelTest {
 protected:
  static void SetUpTestSuite() {
    if (has_model()) embedder_ = load({.context = kContext, .threads = 1, .queue = 64});
  }
  static void TearDownTestSuite() { embedder_.reset(); }

  static std::unique_ptr<Embedder> load(const EmbedderOptions& options) {
    return Embedder::load(model_file(), options).value();
  }
  static Result<std::vector<Vector>> vectors(const std::vector<std::string>& texts) {
    std::vector<std::vector<Token>> tokens;
    for (const std::string& text : texts) tokens.push_back(embedder_->tokenize(text).value());
    std::promise<Result<std::vector<Vector>>> promise;
    auto future = promise.get_future();
    const auto ticket = embedder_->submit(
        {.texts = std::move(tokens)},
        [&](Result<std::vector<Vector>> out) { promise.set_value(std::move(out)); });
    if (!ticket) return tl::unexpected(ticket.error());
    return future.get();
  }
  static double product(const Vector& a, const Vector& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  }

  inline static std::unique_ptr<Embedder> embedder_;
};

TEST_F(EmbedderTest, VectorsHaveLengthOne) {
  const auto out = vectors({"The sea is blue.", "x"});
  ASSERT_TRUE(out);
  ASSERT_EQ(out->size(), 2U);
  EXPECT_EQ(embedder_->dimensions(), 576);
  for (const Vector& vector : *out) {
    EXPECT_EQ(vector.size(), 576U);
    EXPECT_NEAR(product(vector, vector), 1.0, 1e-5);
  }
}

TEST_F(EmbedderTest, LikeTextsHaveLikeVectors) {
  const auto out = vectors({"The cat sleeps on the sofa.", "The cat is sleeping on the couch.",
                            "Interest rates rose by two percent."});
  ASSERT_TRUE(out);
  EXPECT_GT(product((*out)[0], (*out)[1]), product((*out)[0], (*out)[2]));
}

TEST_F(EmbedderTest, ComputedTogetherIsAsComputedAlone) {
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) texts.push_back("Text " + std::to_string(i * i) + " about cats.");
  const auto together = vectors(texts);
  ASSERT_TRUE(together);
  for (const std::size_t i : {0U, 17U, 39U}) {
    EXPECT_NEAR(product(vectors({texts[i]}).value()[0], (*together)[i]), 1.0, 1e-3) << i;
  }
}

TEST_F(EmbedderTest, RefusesWhatItCannotCompute) {
  const auto refused = [](std::vector<std::vector<Token>> texts, Errc code) {
    const auto ticket =
        embedder_->submit({.texts = std::move(texts)},
                          [](const Result<std::vector<Vector>>&) { FAIL() << "it was refused"; });
    ASSERT_FALSE(ticket);
    EXPECT_EQ(ticket.error().code, code);
  };
  refused({}, Errc::malformed);
  refused({{5}, {}}, Errc::malformed);
  refused({{-1}}, Errc::malformed);
  refused({{49152}}, Errc::malformed);
  refused({std::vector<Token>(kContext + 1, 42)}, Errc::malformed);
  refused(std::vector<std::vector<Token>>(65, {42}), Errc::limit);
  const auto whole = embedder_->tokenize(std::string(std::size_t{1} << 20U, 'a'));
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().code, Errc::limit);
}

TEST_F(EmbedderTest, MemoryIsAskedForBeforeItIsTaken) {
  const auto file = model_file();
  const auto little = memory_need(file, {.sequences = 1, .context = 256, .threads = 1});
  const auto much = memory_need(file, {.sequences = 8, .context = 4096, .threads = 1});
  ASSERT_TRUE(little);
  ASSERT_TRUE(much);
  // 30 layers, 3 heads of 64, keys and values of two bytes: 22.5 KiB a token.
  EXPECT_NEAR(static_cast<double>(*much - *little), 23040.0 * (8 * 4096 - 256), 64e6);
  const auto capped = memory_need(file, {.sequences = 8, .context = 1 << 20, .threads = 1});
  EXPECT_EQ(capped.value(),
            memory_need(file, {.sequences = 8, .context = 8192, .threads = 1}).value());
  const auto engine = Engine::load(file, {.slots = 256, .context_per_slot = 8192});
  if (engine) GTEST_SKIP() << "SKIPPED: this machine has 48 GiB to spare";
  EXPECT_EQ(engine.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace confide::engine
