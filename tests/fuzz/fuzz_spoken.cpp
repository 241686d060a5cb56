// Any text as what a model says, in pieces of any size: nothing is invented, nothing shown too
// early, and it makes no difference where the pieces end.
#include <array>
#include <cstdlib>
#include <memory>
#include <string>

#include "choose.h"
#include "engine/answer_reader.h"
#include "engine/chat_formats.h"
#include "engine/stop_text.h"
#include "engine/tool_prompt.h"
#include "engine/trigger_watch.h"
#include "engine/utf8.h"

namespace {

using namespace confide;

void expect(bool holds) {
  if (!holds) std::abort();
}

// Takes a piece off the front, whose size the text itself decides.
std::string_view take_piece(std::string_view& text) {
  const std::size_t wanted = 1 + static_cast<unsigned char>(text.front()) % 7U;
  const std::string_view piece = text.substr(0, wanted);
  text.remove_prefix(piece.size());
  return piece;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto character = engine::first_character(text);
    expect(character.length > 0 && character.length <= text.size());
    if (character.kind != engine::Utf8Character::whole) return false;
    text.remove_prefix(character.length);
  }
  return true;
}

void read_characters(std::string_view text) {
  while (!text.empty()) {
    const auto character = engine::first_character(text);
    expect(character.length > 0 && character.length <= text.size());
    expect(character.kind != engine::Utf8Character::whole || character.value <= 0x10FFFF);
    text.remove_prefix(character.length);
  }
}

void stop_at(std::string_view text) {
  const std::string stop(fuzz::take_line(text));
  // Requests are UTF-8. What a model says wrong is shown as U+FFFD, whose bytes nobody stops at.
  if (!is_utf8(stop) || stop.find("\uFFFD") != std::string::npos) return;
  engine::StopText shown({stop, "<end>"});
  std::string out;
  while (!text.empty() && !shown.stopped()) out += shown.push(take_piece(text));
  out += shown.finish();
  expect(is_utf8(out) && out.find("<end>") == std::string::npos);
  if (!stop.empty()) expect(out.find(stop) == std::string::npos);
}

// Tools told of in words: calls in tags, after thoughts or text.
const common_chat_params& terms() {
  static const common_chat_params made = [] {
    const engine::Conversation asked{
        .messages = {{.role = "user", .content = "Hi"}},
        .tools = {{.name = "look", .description = "Looks.", .parameters = "{}"}}};
    const auto formats = engine::ChatFormats::of(
        {.text = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
                 "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
         .start_token = "",
         .end_token = ""});
    auto plain = formats.value().apply(engine::in_plain_words(asked).value());
    return engine::with_plain_calls(*std::move(plain), asked).value();
  }();
  return made;
}

void watch_for_calls(std::string_view text) {
  engine::TriggerWatch whole(terms());
  engine::TriggerWatch watch(terms());
  const bool called = whole.push(text).has_value();
  bool found = false;
  while (!text.empty() && !found) found = watch.push(take_piece(text)).has_value();
  expect(found == called);
}

void read_answer(std::string_view text) {
  static const auto reading = [] {
    auto made = std::make_shared<engine::Reading>();
    made->terms = terms();
    made->parser.load(made->terms.parser);
    return made;
  }();
  engine::ParsingReader reader(reading);
  engine::StopText whole({});  // readers get whole characters
  std::size_t size = 0;
  std::string said;
  const auto read = [&](std::string_view piece) {
    size += piece.size();
    const engine::AnswerDelta delta = reader.push(piece);
    said += delta.content + delta.reasoning;
  };
  while (!text.empty()) read(whole.push(take_piece(text)));
  read(whole.finish());
  const engine::AnswerDelta last = reader.finish();
  said += last.content + last.reasoning;
  expect(said.size() <= size);
  for (const engine::ToolCallDelta& call : last.tool_calls) expect(!call.name.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array kReaders{read_characters, stop_at, watch_for_calls, read_answer};
  const auto choice = fuzz::choose({data, size}, kReaders.size());
  kReaders.at(choice.which)(as_text(choice.rest));
  return 0;
}
