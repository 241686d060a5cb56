#include "base/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace confide::json {
namespace {

constexpr std::int64_t kMaxSafeInteger = (std::int64_t{1} << 53U) - 1;

constexpr std::size_t kUsualMembers = 4;

// Builds the tree event by event and stops the parser at the first breach of a limit.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(const Limits& limits) : limits_(limits) {}

  bool null() override { return add(nullptr) != nullptr; }
  bool boolean(bool value) override { return add(value) != nullptr; }
  // Plain 0 arrives as unsigned: this one was -0, which serde_json reads as the float -0.0.
  bool number_integer(number_integer_t value) override {
    return (value == 0 ? add(-0.0) : add(value)) != nullptr;
  }
  bool number_unsigned(number_unsigned_t value) override { return add(value) != nullptr; }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    if (!std::isfinite(value)) return no(Errc::malformed, "number out of range");
    return add(value) != nullptr;
  }
  bool string(string_t& value) override { return add(std::move(value)) != nullptr; }
  bool binary(binary_t& /*value*/) override { return no(Errc::malformed, "binary value"); }
  bool start_object(std::size_t /*size*/) override {
    if (!enter(Json::object())) return false;
    // A list of members that grows copies all that is in them: their names are constant.
    open_.back()->get_ref<Json::object_t&>().reserve(kUsualMembers);
    return true;
  }
  bool key(string_t& name) override {
    auto& members = open_.back()->get_ref<Json::object_t&>();
    if (members.size() >= limits_.max_members) return no(Errc::limit, "too many members");
    const auto [member, is_new] = members.emplace(name, nullptr);
    member_ = &member->second;
    return is_new || no(Errc::malformed, "duplicate member name");
  }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t /*size*/) override { return enter(Json::array()); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*cause*/) override {
    return no(Errc::malformed, fmt::format("syntax error at byte {}", position));
  }

  Json take() noexcept { return std::move(root_); }
  Error error() const { return {code_, "JSON: " + why_}; }

 private:
  // Where the value now stands; null if it is one too many.
  template <class T>
  Json* add(T&& value) {
    if (++nodes_ > limits_.max_nodes) {
      no(Errc::limit, "too many values");
      return nullptr;
    }
    if (open_.empty()) {
      root_ = std::forward<T>(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      return &open_.back()->get_ref<Json::array_t&>().emplace_back(std::forward<T>(value));
    }
    *member_ = std::forward<T>(value);
    return member_;
  }
  bool enter(Json&& container) {
    if (open_.size() == limits_.max_depth) return no(Errc::limit, "nested too deep");
    Json* const at = add(std::move(container));
    if (at == nullptr) return false;
    open_.push_back(at);
    return true;
  }
  bool leave() {
    open_.pop_back();
    return true;
  }
  bool no(Errc code, std::string why) {
    code_ = code;
    why_ = std::move(why);
    return false;
  }

  const Limits& limits_;
  Json root_;
  // From the root to the innermost container that is not closed yet. A container grows only while
  // it is the innermost, so these stay valid.
  std::vector<Json*> open_;
  Json* member_ = nullptr;  // of the innermost, if it is an object
  std::size_t nodes_ = 0;
  Errc code_ = Errc::malformed;
  std::string why_ = "syntax error";
};

// RFC 8785 section 3.2.2.2; serde_json escapes the same characters the same way.
void write_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\b':
      out += "\\b";
      break;
    case '\t':
      out += "\\t";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\f':
      out += "\\f";
      break;
    case '\r':
      out += "\\r";
      break;
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
  }
}

void write_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t written = 0;  // what needs no escape is copied in runs
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') continue;
    out += text.substr(written, i - written);
    write_escaped(out, c);
    written = i + 1;
  }
  out += text.substr(written);
  out += '"';
}

// The shortest digits that read back as `value`, laid out as serde_json's formatter lays them out:
// plain from 1e-5 up to 1e16, an unpadded exponent with its sign beyond.
void write_double(std::string& out, double value) {
  if (value == 0.0) {
    out += std::signbit(value) ? "-0.0" : "0.0";
    return;
  }
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific);
  std::string_view text(buffer.data(), static_cast<std::size_t>(end.ptr - buffer.data()));
  if (text.starts_with('-')) {
    out += '-';
    text.remove_prefix(1);
  }
  const std::size_t e = text.find('e');
  std::string digits(text.substr(0, 1));
  if (e > 2) digits += text.substr(2, e - 2);
  int exponent = 0;
  const std::size_t sign = text[e + 1] == '+' ? e + 2 : e + 1;
  std::from_chars(text.data() + sign, text.data() + text.size(), exponent);

  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // digits before the decimal point
  if (point >= count && point <= 16) {
    out += digits;
    out.append(static_cast<std::size_t>(point - count), '0');
    out += ".0";
  } else if (point > 0 && point <= 16) {
    out += digits.substr(0, static_cast<std::size_t>(point));
    out += '.';
    out += digits.substr(static_cast<std::size_t>(point));
  } else if (point > -5 && point <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-point), '0');
    out += digits;
  } else {
    out += digits[0];
    if (count > 1) {
      out += '.';
      out += digits.substr(1);
    }
    fmt::format_to(std::back_inserter(out), "e{:+}", exponent);
  }
}

void write_compact(std::string& out, const Json& value) {
  switch (value.type()) {
    case Json::value_t::object: {
      out += '{';
      bool first = true;
      for (const auto& [name, member] : value.get_ref<const Json::object_t&>()) {
        if (!first) out += ',';
        first = false;
        write_string(out, name);
        out += ':';
        write_compact(out, member);
      }
      out += '}';
      return;
    }
    case Json::value_t::array: {
      out += '[';
      bool first = true;
      for (const Json& element : value) {
        if (!first) out += ',';
        first = false;
        write_compact(out, element);
      }
      out += ']';
      return;
    }
    case Json::value_t::string:
      write_string(out, value.get_ref<const std::string&>());
      return;
    case Json::value_t::number_float:
      write_double(out, value.get<double>());
      return;
    case Json::value_t::number_integer:
      fmt::format_to(std::back_inserter(out), "{}", value.get<std::int64_t>());
      return;
    case Json::value_t::number_unsigned:
      fmt::format_to(std::back_inserter(out), "{}", value.get<std::uint64_t>());
      return;
    case Json::value_t::boolean:
      out += value.get<bool>() ? "true" : "false";
      return;
    case Json::value_t::null:
    case Json::value_t::binary:
    case Json::value_t::discarded:
      out += "null";
      return;
  }
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

Status write_canonical(std::string& out, const Json& value) {
  switch (value.type()) {
    case Json::value_t::object: {
      std::vector<std::pair<std::string_view, const Json*>> members;
      members.reserve(value.size());
      for (const auto& [name, member] : value.get_ref<const Json::object_t&>()) {
        if (!is_ascii(name)) {
          return fail(Errc::unsupported, "canonical JSON: non-ASCII member name");
        }
        members.emplace_back(name, &member);
      }
      std::ranges::sort(members, {}, [](const auto& member) { return member.first; });
      out += '{';
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (i != 0) out += ',';
        write_string(out, members[i].first);
        out += ':';
        TRY(write_canonical(out, *members[i].second));
      }
      out += '}';
      return {};
    }
    case Json::value_t::array:
      out += '[';
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (i != 0) out += ',';
        TRY(write_canonical(out, value[i]));
      }
      out += ']';
      return {};
    case Json::value_t::number_unsigned:
      if (value.get<std::uint64_t>() > static_cast<std::uint64_t>(kMaxSafeInteger)) {
        return fail(Errc::unsupported, "canonical JSON: integer above 2^53-1");
      }
      break;
    case Json::value_t::number_integer:
      if (const auto n = value.get<std::int64_t>(); n > kMaxSafeInteger || n < -kMaxSafeInteger) {
        return fail(Errc::unsupported, "canonical JSON: integer above 2^53-1");
      }
      break;
    case Json::value_t::number_float:
      return fail(Errc::unsupported, "canonical JSON: not an integer");
    case Json::value_t::string:
    case Json::value_t::boolean:
    case Json::value_t::null:
      break;
    case Json::value_t::binary:
    case Json::value_t::discarded:
      return fail(Errc::unsupported, "canonical JSON: not a JSON value");
  }
  write_compact(out, value);
  return {};
}

std::string named(std::string_view name, std::string_view problem) {
  return fmt::format("member '{}' {}", name, problem);
}

}  // namespace

Result<Json> parse(std::string_view text, const Limits& limits) {
  if (text.size() > limits.max_bytes) return fail(Errc::limit, "JSON: too long");
  // The parser would skip a byte order mark and take a NUL for the end of the text.
  if (text.starts_with("\xEF\xBB\xBF") || text.find('\0') != std::string_view::npos) {
    return fail(Errc::malformed, "JSON: byte order mark or NUL");
  }
  Builder builder(limits);
  if (!Json::sax_parse(text, &builder)) return tl::unexpected<Error>(builder.error());
  return builder.take();
}

Result<std::string> canonical(const Json& value) {
  std::string out;
  TRY(write_canonical(out, value));
  return out;
}

std::string compact(const Json& value) {
  std::string out;
  write_compact(out, value);
  return out;
}

const Json* find(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(name);
  return it == object.end() ? nullptr : &*it;
}

Result<std::string> get_string(const Json& object, std::string_view name) {
  const Json* member = find(object, name);
  if (member == nullptr || !member->is_string()) {
    return fail(Errc::malformed, named(name, "is not a string"));
  }
  return member->get<std::string>();
}

Result<std::int64_t> get_int(const Json& object, std::string_view name) {
  const Json* member = find(object, name);
  const bool fits =
      member != nullptr && member->is_number_integer() &&
      (!member->is_number_unsigned() || member->get<std::uint64_t>() <= std::uint64_t{INT64_MAX});
  if (!fits) return fail(Errc::malformed, named(name, "is not an integer"));
  return member->get<std::int64_t>();
}

Result<const Json*> get_object(const Json& object, std::string_view name) {
  const Json* member = find(object, name);
  if (member == nullptr || !member->is_object()) {
    return fail(Errc::malformed, named(name, "is not an object"));
  }
  return member;
}

Result<const Json*> get_array(const Json& object, std::string_view name) {
  const Json* member = find(object, name);
  if (member == nullptr || !member->is_array()) {
    return fail(Errc::malformed, named(name, "is not an array"));
  }
  return member;
}

}  // namespace confide::json
