#include "engine/trigger_watch.h"

#include <chat.h>
#include <gtest/gtest.h>

#include <string>

namespace confide::engine {
namespace {

common_chat_params words(const std::string& word) {
  common_chat_params terms;
  terms.grammar_triggers.push_back({COMMON_GRAMMAR_TRIGGER_TYPE_WORD, word});
  return terms;
}

common_chat_params thinking(const std::string& word, const std::string& prompt_end) {
  common_chat_params terms = words(word);
  terms.thinking_start_tag = "<think>";
  terms.thinking_end_tags = {"</think>"};
  terms.generation_prompt = prompt_end;
  return terms;
}

common_chat_params pattern(const std::string& regex) {
  common_chat_params terms;
  terms.grammar_triggers.push_back({COMMON_GRAMMAR_TRIGGER_TYPE_PATTERN, regex});
  return terms;
}

TEST(TriggerWatchTest, WordsMayComeInPieces) {
  TriggerWatch watch(words("<call>"));
  EXPECT_FALSE(watch.push("Let me <ca"));
  EXPECT_FALSE(watch.push("ke> "));
  EXPECT_FALSE(watch.push("<"));
  EXPECT_FALSE(watch.push("call"));
  EXPECT_EQ(watch.push("> {"), "<call> {");
}

TEST(TriggerWatchTest, WordsAreFoundAfterAnyAmountOfText) {
  TriggerWatch watch(words("<call>"));
  for (int i = 0; i < 20000; ++i) EXPECT_FALSE(watch.push("some <text> "));
  EXPECT_EQ(watch.push("<call>"), "<call>");
}

TEST(TriggerWatchTest, WhatIsNoTriggerIsPassedBy) {
  TriggerWatch watch(words("<call>"));
  EXPECT_EQ(watch.push("a <call>x"), "<call>x");
  watch.reject();
  EXPECT_FALSE(watch.push("y"));
  EXPECT_EQ(watch.push("<call>"), "<call>");
}

TEST(TriggerWatchTest, ThoughtsCallNothing) {
  TriggerWatch watch(thinking("<call>", "assistant:"));
  EXPECT_FALSE(watch.push("<think>I could <call>"));
  EXPECT_FALSE(watch.push("</thi"));
  EXPECT_EQ(watch.push("nk>\n<call>1"), "<call>1");
  TriggerWatch begun(thinking("<call>", "assistant:<think>\n"));
  EXPECT_FALSE(begun.push("<call>"));
  EXPECT_EQ(begun.push("</think><call>"), "<call>");
  TriggerWatch over(thinking("<call>", "assistant:<think>\n\n</think>"));
  EXPECT_EQ(over.push("<call>"), "<call>");
}

TEST(TriggerWatchTest, PatternsBeginWithTheirGroup) {
  TriggerWatch anywhere(pattern("<start>(\\s+to)"));
  EXPECT_FALSE(anywhere.push(std::string(5000, 'x') + "<start>"));
  EXPECT_EQ(anywhere.push(" to me"), " to me");
  TriggerWatch whole(pattern("^\\s+to$"));
  EXPECT_EQ(whole.push(" to"), " to");
  TriggerWatch late(pattern("^\\s+to$"));
  EXPECT_FALSE(late.push("x"));
  EXPECT_FALSE(late.push(" to"));
}

}  // namespace
}  // namespace confide::engine
