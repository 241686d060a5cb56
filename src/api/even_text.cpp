#include "api/even_text.h"

#include <algorithm>
#include <utility>

namespace confide::api {
namespace {

constexpr std::size_t kEventBytes = 256;
constexpr std::string_view kMember = "obfuscation";

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

// The end of the last character that fits into a piece.
std::size_t piece_end(std::string_view text) {
  std::size_t end = EvenText::kPieceBytes;
  while (end > 0 && end < text.size() && continues_character(text[end])) --end;
  return end;
}

}  // namespace

std::vector<std::string> EvenText::push(std::string_view text, bool last) {
  std::vector<std::string> out;
  if (!begun_ && !text.empty() && text.size() <= kPieceBytes) {
    out.emplace_back(text);
  } else {
    held_ += text;
  }
  begun_ = begun_ || !text.empty();
  // One byte more shows where the last character ends.
  std::string_view rest = held_;
  while (rest.size() > kPieceBytes) {
    const std::size_t end = piece_end(rest);
    out.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  held_.erase(0, held_.size() - rest.size());
  if (last && !held_.empty()) out.push_back(std::exchange(held_, {}));
  return out;
}

void pad_event(Json& data) {
  if (!data.is_object()) return;
  data[std::string(kMember)] = "";
  const std::size_t size = json::compact(data).size();
  data[std::string(kMember)] = std::string((kEventBytes - size % kEventBytes) % kEventBytes, 'x');
}

}  // namespace confide::api
