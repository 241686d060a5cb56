#include "engine/schema_pattern.h"

#include <charconv>
#include <string>

namespace confide::engine {
namespace {

constexpr int kMaxNesting = 20;
constexpr int kMaxRepetition = 2000;                              // llama.cpp's own limit
constexpr std::string_view kUnsafe = "\\\"\\\\\\x00-\\x1F\\x7F";  // within JSON strings, in a class

class Translator {
 public:
  explicit Translator(std::string_view rest) : rest_(rest) {}

  Result<std::string> translate() {
    while (!rest_.empty()) TRY(next());
    if (nesting_ != 0) return fail(Errc::malformed, "\"pattern\": unbalanced parentheses");
    return std::move(out_);
  }

 private:
  static Status refuse(std::string_view what) {
    return fail(Errc::malformed, "\"pattern\": " + std::string(what) + " cannot be followed");
  }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  Status next() {
    const char c = take();
    switch (c) {
      case '\\':
        return escape();
      case '[':
        return character_class();
      case '{':
        return repetition();
      case '.':
        out_.append("[^").append(kUnsafe).append("]");
        return {};
      case '(':
        return open_group();
      case ')':
        if (nesting_-- == 0) return refuse("an unbalanced parenthesis");
        break;
      case '^':
      case '$':
        return refuse("an anchor inside");
      case '"':
      case ']':
      case '}':
        return refuse(std::string(1, c) + " without \\");
      default:
        if (c >= '\0' && c < ' ') return refuse("a control character");
    }
    out_ += c;
    return {};
  }

  Status open_group() {
    if (++nesting_ > kMaxNesting) return fail(Errc::limit, "\"pattern\": too many parentheses");
    if (rest_.starts_with("?:")) {
      rest_.remove_prefix(2);
    } else if (rest_.starts_with('?')) {
      return refuse("(?");
    }
    out_ += '(';
    return {};
  }

  // What a class holds for \d, \w, \s; empty if it is none of them.
  static std::string_view class_of(char c) {
    switch (c) {
      case 'd':
        return "0-9";
      case 'w':
        return "0-9A-Za-z_";
      case 's':
        return " ";  // JSON strings hold no other white space as it is
      default:
        return {};
    }
  }

  Status escape() {
    constexpr std::string_view kLiteral = "^$.[](){}|*+?";
    if (rest_.empty()) return refuse("a \\ at the end");
    const char c = take();
    if (!class_of(c).empty()) {
      out_.append("[").append(class_of(c)).append("]");
    } else if (c == '-' || c == '/') {
      out_ += c;
    } else if (kLiteral.find(c) != std::string_view::npos) {
      out_.append("\\").append(1, c);
    } else {
      return refuse(std::string("\\") + c);
    }
    return {};
  }

  Status character_class() {
    out_ += '[';
    const bool negated = rest_.starts_with('^');
    if (negated) out_.append(1, take()).append(kUnsafe);
    bool empty = true;
    while (!rest_.empty() && rest_.front() != ']') {
      TRY(class_member());
      empty = false;
    }
    if (rest_.empty() || empty) return refuse("a class without end or members");
    out_ += take();
    return {};
  }

  Status class_member() {
    const char c = take();
    if (c == '"' || (c >= '\0' && c < ' ')) return refuse("a quote or control character");
    if (c == '[') {
      out_ += "\\[";
      return {};
    }
    if (c != '\\') {
      out_ += c;
      return {};
    }
    if (rest_.empty()) return refuse("a \\ at the end");
    const char escaped = take();
    if (!class_of(escaped).empty()) {
      out_ += class_of(escaped);
    } else if (escaped == '[' || escaped == ']' || escaped == '-') {
      out_.append("\\").append(1, escaped);
    } else if (std::string_view("^$.(){}|*+?/").find(escaped) != std::string_view::npos) {
      // GBNF takes "^" for "none of" only where it comes first.
      if (escaped == '^' && out_.ends_with('[')) return refuse("\\^ at the start of a class");
      out_ += escaped;
    } else {
      return refuse(std::string("\\") + escaped + " in a class");
    }
    return {};
  }

  Status repetition() {
    const std::size_t end = rest_.find('}');
    if (end == std::string_view::npos) return refuse("{ without }");
    const std::string_view inside = rest_.substr(0, end);
    const std::size_t comma = inside.find(',');
    const std::string_view least = inside.substr(0, comma);
    const std::string_view most = comma == std::string_view::npos ? "" : inside.substr(comma + 1);
    TRY(check_count(least));
    if (!most.empty()) TRY(check_count(most));
    out_.append("{").append(inside).append("}");
    rest_.remove_prefix(end + 1);
    return {};
  }

  static Status check_count(std::string_view digits) {
    int count = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    if (error == std::errc::result_out_of_range || count > kMaxRepetition) {
      return fail(Errc::limit, "\"pattern\": at most 2000 repetitions");
    }
    if (error != std::errc() || end != digits.data() + digits.size() || count < 0) {
      return refuse("such a repetition");
    }
    return {};
  }

  std::string_view rest_;
  std::string out_;
  int nesting_ = 0;
};

}  // namespace

Result<std::string> followable_pattern(std::string_view pattern) {
  if (pattern.size() < 2 || pattern.front() != '^' || pattern.back() != '$' ||
      pattern.ends_with("\\$")) {
    return fail(Errc::malformed, "\"pattern\": only from ^ to $");
  }
  TRY_ASSIGN(const std::string inside,
             Translator(pattern.substr(1, pattern.size() - 2)).translate());
  return "^" + inside + "$";
}

}  // namespace confide::engine
