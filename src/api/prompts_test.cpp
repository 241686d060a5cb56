#include "api/prompts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace confide::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

Json value(std::string_view text) { return json::parse(text).value(); }
Prompt tokens(std::vector<engine::Token> ids) { return ids; }

TEST(PromptsTest, OneTextOrOneListOfTokensIsOnePrompt) {
  EXPECT_THAT(read_prompts(value("\"a\""), 2), Optional(ElementsAre(Prompt("a"))));
  EXPECT_THAT(read_prompts(value("[5,6,7]"), 2), Optional(ElementsAre(tokens({5, 6, 7}))))
      << "tokens are not counted as prompts";
}

TEST(PromptsTest, SeveralKeepTheirOrder) {
  EXPECT_THAT(read_prompts(value("[\"a\",[5],\"\"]"), 3),
              Optional(ElementsAre(Prompt("a"), tokens({5}), Prompt(""))));
  EXPECT_FALSE(read_prompts(value("[\"a\",\"b\",\"c\"]"), 2));
}

TEST(PromptsTest, NothingElseIsOne) {
  for (const std::string_view bad : {"null", "5", "{}", "[]", "[[]]", "[\"a\",[]]", "[1.5]", "[-1]",
                                     "[2147483648]", "[\"a\",5]", "[5,\"a\"]", "[[[5]]]", "true"}) {
    EXPECT_FALSE(read_prompts(value(bad), 4)) << bad;
  }
}

TEST(PromptsTest, TokensMayBeNone) {
  EXPECT_THAT(read_tokens(value("[]")), Optional(IsEmpty()));
  EXPECT_THAT(read_tokens(value("[0,2147483647]")), Optional(ElementsAre(0, 2147483647)));
  for (const std::string_view bad : {"\"a\"", "5", "[-1]", "[18446744073709551615]", "[[5]]"}) {
    EXPECT_FALSE(read_tokens(value(bad))) << bad;
  }
}

}  // namespace
}  // namespace confide::api
