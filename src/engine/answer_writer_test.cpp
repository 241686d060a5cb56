// Answers dictated to a real vocabulary: the tests play the model.
#include "engine/answer_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/chat.h"
#include "engine/test_model.h"

namespace confide::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AnswerWriterTest : public LoadedModelTest {
 protected:
  static std::vector<Token> tokens_of(const std::string& text) {
    return model_->tokenize(text, LlamaModel::Control::parse, LlamaModel::Frame::none).value();
  }
  // e^0 for every token but `token`.
  static std::vector<float> dictate(Token token, float logit = 50.0F) {
    std::vector<float> logits(static_cast<std::size_t>(model_->vocabulary_size()));
    logits[static_cast<std::size_t>(token)] = logit;
    return logits;
  }
};

// What came out of each step, the end included.
struct Heard {
  std::vector<std::string> texts;
  std::vector<std::vector<std::string>> reported;  // the bytes of the tokens picked
  std::optional<Finish> finish;

  void add(const AnswerWriter::Shown& shown) {
    texts.emplace_back(shown.text);
    std::vector<std::string> bytes;
    for (const TokenReport& report : shown.reports) bytes.push_back(report.picked.bytes);
    reported.push_back(std::move(bytes));
  }
};

Job job_with(Sampling sampling, std::vector<std::string> stop = {}) {
  return {.prompt = {}, .sampling = std::move(sampling), .stop = std::move(stop)};
}

TEST_F(AnswerWriterTest, ReportsComeWithTheirText) {
  AnswerWriter writer(*model_, job_with({.temperature = 0.0F, .logprobs = 0}), 0);
  Heard heard;
  for (const Token token : tokens_of("Hi \xF0\x9F\xA6\xA5")) {  // a sloth, in several tokens
    auto logits = dictate(token);
    heard.add(writer.write(logits).shown);
  }
  ASSERT_GT(heard.texts.size(), 3U);
  EXPECT_EQ(heard.texts.front(), "Hi");
  EXPECT_THAT(heard.reported.front(), ElementsAre("Hi"));
  EXPECT_EQ(heard.texts.back(), "\xF0\x9F\xA6\xA5");
  std::string last;
  for (const std::string& bytes : heard.reported.back()) last += bytes;
  EXPECT_TRUE(last.ends_with("\xF0\x9F\xA6\xA5"));
  EXPECT_GT(heard.reported.back().size(), 1U);
}

TEST_F(AnswerWriterTest, TokensOfAStopStringAreNotReported) {
  AnswerWriter writer(*model_, job_with({.temperature = 0.0F, .logprobs = 0}, {" stop now"}), 0);
  Heard heard;
  for (const Token token : tokens_of("Go stop now")) {
    auto logits = dictate(token);
    const AnswerWriter::Step step = writer.write(logits);
    heard.add(step.shown);
    heard.finish = step.finish;
  }
  heard.add(writer.finish());
  EXPECT_EQ(heard.finish, Finish::stop);
  EXPECT_THAT(heard.texts, ElementsAre("Go", "", "", ""));
  EXPECT_THAT(heard.reported, ElementsAre(ElementsAre("Go"), IsEmpty(), IsEmpty(), IsEmpty()));
}

TEST_F(AnswerWriterTest, ReportsArriveWhenNoStopStringCame) {
  AnswerWriter writer(*model_, job_with({.temperature = 0.0F, .logprobs = 0}, {" stop now"}), 0);
  Heard heard;
  for (const Token token : tokens_of("Go stop<|im_end|>")) {
    auto logits = dictate(token);
    const AnswerWriter::Step step = writer.write(logits);
    heard.add(step.shown);
    heard.finish = step.finish;
  }
  EXPECT_EQ(heard.finish, Finish::stop);
  heard.add(writer.finish());
  EXPECT_EQ(heard.texts.back(), " stop");
  EXPECT_THAT(heard.reported.back(), ElementsAre(" stop"));
}

TEST_F(AnswerWriterTest, ReportsSayWhatTheModelSaid) {
  const Token yes = tokens_of("yes").at(0);
  const Token no = tokens_of("no").at(0);
  Sampling sampling{.temperature = 0.0F, .bias = {{no, 100.0F}}, .logprobs = 2};
  AnswerWriter writer(*model_, job_with(sampling), 0);
  std::vector<float> logits(static_cast<std::size_t>(model_->vocabulary_size()), -1000.0F);
  logits[static_cast<std::size_t>(yes)] = std::log(3.0F);
  logits[static_cast<std::size_t>(no)] = 0.0F;
  const AnswerWriter::Step step = writer.write(logits);
  EXPECT_EQ(step.token, no);  // the bias decides, but is not reported
  ASSERT_EQ(step.shown.reports.size(), 1U);
  const TokenReport& report = step.shown.reports[0];
  EXPECT_EQ(report.picked.token, no);
  EXPECT_NEAR(report.picked.logprob, std::log(0.25), 1e-5);
  ASSERT_EQ(report.likeliest.size(), 2U);
  EXPECT_EQ(report.likeliest[0].bytes, "yes");
  EXPECT_NEAR(report.likeliest[0].logprob, std::log(0.75), 1e-5);
  EXPECT_EQ(report.likeliest[1].token, no);
}

TEST_F(AnswerWriterTest, NoReportsUnlessAskedFor) {
  AnswerWriter writer(*model_, job_with({.temperature = 0.0F}), 0);
  auto logits = dictate(tokens_of("Hi").at(0));
  EXPECT_THAT(writer.write(logits).shown.reports, IsEmpty());
}

TEST_F(AnswerWriterTest, ControlTokensAreNotShown) {
  AnswerWriter writer(*model_, job_with({.temperature = 0.0F, .logprobs = 1}), 0);
  auto logits = dictate(tokens_of("<|im_start|>").at(0));
  const AnswerWriter::Step step = writer.write(logits);
  EXPECT_EQ(step.shown.text, "");
  EXPECT_THAT(step.shown.reports, IsEmpty());
  EXPECT_FALSE(step.finish);
}

// What the model says, where the format lets it.
struct Dictation {
  std::string text;
  std::optional<Finish> finish;
};

class FormatTest : public AnswerWriterTest {
 protected:
  static std::shared_ptr<const LlamaAnswerFormat> format_for(ToolUse use) {
    static const Chat chat = Chat::of(*model_).value();
    const Tool tool{.name = "look",
                    .description = "Looks.",
                    .parameters = R"({"type":"object","properties":{"at":{"type":"integer"}},)"
                                  R"("required":["at"]})"};
    return chat
        .prepare({.messages = {{.role = "user", .content = "Hi"}},
                  .tools = {tool},
                  .tool_use = use,
                  .parallel_tool_calls = false})
        .value()
        .format;
  }

  static Dictation dictated(ToolUse use, const std::string& text) {
    Job job = job_with({.temperature = 0.0F});
    job.format = format_for(use);
    AnswerWriter writer(*model_, job, 0);
    Dictation out;
    for (const Token token : tokens_of(text)) {
      auto logits = dictate(token);
      const AnswerWriter::Step step = writer.write(logits);
      out.text += step.shown.text;
      out.finish = step.finish;
      if (step.finish || step.token != token) break;
    }
    out.text += writer.finish().text;
    return out;
  }
};

constexpr const char* kCall = R"(<tool_call>{"name": "look", "arguments": {"at": 7}}</tool_call>)";

TEST_F(FormatTest, CallEndsTheAnswer) {
  for (const ToolUse use : {ToolUse::allowed, ToolUse::required}) {
    const Dictation heard = dictated(use, kCall + std::string(" and more"));
    EXPECT_EQ(heard.text, kCall);
    EXPECT_EQ(heard.finish, Finish::stop);
  }
}

TEST_F(FormatTest, TextIsFreeUntilACallBegins) {
  const std::string text = "Well, {\"at\": seven}. ";
  EXPECT_EQ(dictated(ToolUse::allowed, text).text, text);
  const Dictation heard =
      dictated(ToolUse::allowed, text + R"(<tool_call>{"name": "look", "arguments": {"at": x)");
  EXPECT_TRUE(heard.text.starts_with(text + R"(<tool_call>{"name": "look", "arguments": {"at":)"))
      << heard.text;
  EXPECT_FALSE(heard.text.ends_with('x')) << heard.text;
}

TEST_F(FormatTest, ThoughtsAreCounted) {
  std::ifstream in(CONFIDE_LLAMA_TEMPLATES "/Qwen-Qwen3-0.6B.jinja");
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  const Chat chat = Chat::with_template(*model_, text).value();
  Job job = job_with({.temperature = 0.0F}, {"never comes"});
  job.format = chat.prepare({.messages = {{.role = "user", .content = "Hi"}}}).value().format;
  const auto count = [&](const std::string& answer) {
    AnswerWriter writer(*model_, job, 0);
    for (const Token token : tokens_of(answer)) {
      auto logits = dictate(token);
      writer.write(logits);
    }
    return writer.reasoning_tokens();
  };
  const auto size = [](const std::string& part) {
    return static_cast<int>(tokens_of(part).size());
  };
  const std::string thought = "<think>\nIt is wet, and I wonder why";
  EXPECT_EQ(count(thought), size(thought));
  const int whole = count(thought + "\n</think>\n\nYes, it is. So it is.");
  EXPECT_GE(whole, size(thought));
  EXPECT_LE(whole, size(thought + "\n</think>"));
  EXPECT_EQ(count("Yes, it is."), 0);
  job.format = nullptr;
  EXPECT_EQ(count(thought), 0);
}

TEST_F(FormatTest, RequiredCallCannotBeAvoided) {
  EXPECT_TRUE(dictated(ToolUse::required, "No.").text.starts_with('<'));
  EXPECT_FALSE(dictated(ToolUse::required, "<|im_end|>").finish);
  EXPECT_EQ(dictated(ToolUse::allowed, "<|im_end|>").finish, Finish::stop);
}

}  // namespace
}  // namespace confide::engine
