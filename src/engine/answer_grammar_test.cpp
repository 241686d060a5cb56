#include "engine/answer_grammar.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/llama_model.h"
#include "engine/test_model.h"

namespace confide::engine {
namespace {

GrammarPlace place(const std::string& gbnf) { return GrammarPlace::start_of(gbnf).value(); }

TEST(AnswerGrammarTest, TextGoesThroughTheGrammar) {
  GrammarPlace at = place("root ::= \"yes\" | \"no\" \"!\"*\n");
  EXPECT_FALSE(at.allows("yo"));
  EXPECT_FALSE(at.may_end());
  EXPECT_TRUE(at.accept("n"));
  EXPECT_FALSE(at.accept("y"));
  EXPECT_TRUE(at.accept("o"));
  EXPECT_TRUE(at.may_end());
  EXPECT_FALSE(at.must_end());
  EXPECT_TRUE(at.accept("!!"));
  GrammarPlace other = place("root ::= \"yes\"\n");
  EXPECT_TRUE(other.accept("yes"));
  EXPECT_TRUE(other.must_end());
}

TEST(AnswerGrammarTest, ClonesGoTheirOwnWay) {
  GrammarPlace one = place("root ::= \"a\" \"b\"\n");
  EXPECT_TRUE(one.accept("a"));
  GrammarPlace two = one.clone();
  EXPECT_TRUE(one.accept("b"));
  EXPECT_FALSE(two.may_end());
  EXPECT_TRUE(two.accept("b"));
}

TEST(AnswerGrammarTest, CharactersMayComeInPieces) {
  GrammarPlace at = place("root ::= \"\xC3\xA9\" [a-z]\n");
  EXPECT_FALSE(at.allows("\xC4"));
  EXPECT_TRUE(at.accept("\xC3"));
  EXPECT_FALSE(at.may_end());
  EXPECT_FALSE(at.allows("\xA8"));
  EXPECT_TRUE(at.accept("\xA9z"));
  EXPECT_TRUE(at.must_end());
  EXPECT_FALSE(place("root ::= [^a]*\n").allows("\xFF"));
}

// Each token would cost seconds, in which nobody else gets one.
TEST(AnswerGrammarTest, TooManyWaysToGoOnFailTheAnswer) {
  GrammarPlace at = place("root ::= \"x\" ([a-z]?){900}\n");
  EXPECT_TRUE(at.accept("x"));
  const auto go_on = [&] {
    for (int i = 0; i < 500; ++i) at.accept("a");
  };
  EXPECT_THROW(go_on(), std::length_error);
}

TEST(AnswerGrammarTest, GrammarsThatMakeNoSenseAreRefused) {
  const auto code = [](const std::string& gbnf) {
    const auto at = GrammarPlace::start_of(gbnf);
    return at ? Errc::internal : at.error().code;
  };
  EXPECT_EQ(code("root ::= nowhere\n"), Errc::malformed);
  EXPECT_EQ(code("root ::= root \"a\"\n"), Errc::malformed);
  EXPECT_EQ(code("other ::= \"a\"\n"), Errc::malformed);
  EXPECT_EQ(code("root ::= \"a\"{2001}\n"), Errc::limit);
  EXPECT_EQ(code("root ::= \"" + std::string(2 << 20, 'a') + "\"\n"), Errc::limit);
}

// Each bracket doubles the ways to read what came before.
TEST(AnswerGrammarTest, TooManyWaysAreRefusedWithoutCountingThem) {
  GrammarPlace at = place("root ::= a | b\na ::= \"[\" root \"]\"\nb ::= \"[\" root \"]\" \"!\"\n");
  EXPECT_FALSE(at.allows(std::string(64, '[')));
  EXPECT_TRUE(at.accept("[[["));
  GrammarPlace deep = place("root ::= \"[\" root \"]\" | \"x\"\n");
  EXPECT_FALSE(deep.accept(std::string(2000, '[')));
  EXPECT_TRUE(deep.accept(std::string(200, '[')));
}

class VocabularyTest : public LoadedModelTest {};

TEST_F(VocabularyTest, ForbidsTheTokensThatAllowsRefuses) {
  const LlamaModel& model = *model_;
  const TokenTexts texts(model);
  GrammarPlace at =
      place("root ::= \"{\" [^a-z\\x80-\\xFF]+ | \"\xC3\xA9t\xC3\xA9\" | [a-d]+ \"x\"\n");
  for (const char* step : {"", "\xC3"}) {
    ASSERT_TRUE(at.accept(step));
    std::vector<float> logits(static_cast<std::size_t>(model.vocabulary_size()));
    at.forbid(texts, logits);
    for (const TokenTexts::Entry& entry : texts.entries()) {
      EXPECT_EQ(std::isfinite(logits[static_cast<std::size_t>(entry.token)]), at.allows(entry.text))
          << entry.text;
    }
  }
}

}  // namespace
}  // namespace confide::engine
