#include "client/answer.h"

#include <utility>

namespace confide::client {
namespace {

constexpr std::size_t kMaxErrorText = 500;

std::string text_member(const Json& object, std::string_view name) {
  const Json* member = json::find(object, name);
  return member != nullptr && member->is_string() ? member->get<std::string>() : std::string();
}

}  // namespace

std::string error_message(const Json& body) {
  const Json* error = json::find(body, "error");
  if (error == nullptr) return "";
  return text_member(*error, "message").substr(0, kMaxErrorText);
}

AnswerReader::AnswerReader(OpenChunk open_chunk, const OnText& on_text, Answer& answer)
    : open_chunk_(std::move(open_chunk)),
      on_text_(on_text),
      answer_(answer),
      parser_([this](std::string_view data) {
        if (status_) status_ = take(data);
      }) {}

void AnswerReader::feed(std::string_view bytes) {
  answer_.raw.append(bytes);
  if (!status_) return;
  Status fed = parser_.feed(bytes);
  if (status_) status_ = std::move(fed);
}

Status AnswerReader::finish() const {
  TRY(Status(status_));
  if (!parser_.complete()) {
    return fail(Errc::malformed, "the answer was cut short: the stream has no terminator");
  }
  return {};
}

Status AnswerReader::take(std::string_view data) {
  TRY_ASSIGN(Json chunk, json::parse(data));
  if (json::find(chunk, "error") != nullptr) {
    return fail(Errc::unavailable, "the service broke the answer off: " + error_message(chunk));
  }
  TRY_ASSIGN(const Json* choices, json::get_array(chunk, "choices"));
  if (open_chunk_) TRY(open_chunk_(chunk));
  const Json* usage = json::find(chunk, "usage");
  if (usage != nullptr && usage->is_object()) answer_.usage = *usage;
  for (const Json& choice : *choices) take_choice(choice);
  return {};
}

void AnswerReader::take_choice(const Json& choice) {
  if (const auto index = json::get_int(choice, "index"); index && *index != 0) return;
  const std::string reason = text_member(choice, "finish_reason");
  if (!reason.empty()) answer_.finish_reason = reason;
  const Json* delta = json::find(choice, "delta");
  if (delta == nullptr) return;
  const std::string piece = text_member(*delta, "content");
  if (piece.empty()) return;
  answer_.text += piece;
  on_text_(piece);
}

}  // namespace confide::client
