#include "mutation.h"

#include <algorithm>
#include <array>
#include <boost/regex.hpp>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

namespace confide::conformance {
namespace {

Status write_file(const fs::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  if (!out.flush()) return fail(Errc::internal, path.string() + " cannot be written");
  return {};
}

Result<std::string> read_text(const fs::path& path) {
  TRY_ASSIGN(const Bytes bytes, read_file(path));
  return std::string(as_text(bytes));
}

Result<std::string> hex_of(const Json& step) {
  TRY_ASSIGN(const std::string hex, json::get_string(step, "hex"));
  TRY_ASSIGN(const Bytes bytes, from_hex(hex));
  return std::string(as_text(bytes));
}

// A position; a negative one counts from the end.
Result<std::size_t> offset_of(const Json& step, std::string_view name, std::size_t size) {
  TRY_ASSIGN(std::int64_t offset, json::get_int(step, name));
  if (offset < 0) offset += static_cast<std::int64_t>(size);
  if (offset < 0 || offset > static_cast<std::int64_t>(size)) {
    return fail(Errc::unsupported, "an offset lies outside the file");
  }
  return static_cast<std::size_t>(offset);
}

Result<std::string> xor_byte(std::string text, const Json& step) {
  TRY_ASSIGN(const std::size_t at, offset_of(step, "offset", text.size()));
  TRY_ASSIGN(const std::string mask, json::get_string(step, "mask"));
  TRY_ASSIGN(const Bytes bits, from_hex(mask, HexCase::any));
  if (at == text.size() || bits.size() != 1) return fail(Errc::unsupported, "no such byte");
  text[at] = static_cast<char>(static_cast<unsigned char>(text[at]) ^ bits[0]);
  return text;
}

Result<std::string> overwrite(std::string text, const Json& step) {
  TRY_ASSIGN(const std::size_t at, offset_of(step, "offset", text.size()));
  TRY_ASSIGN(const std::string bytes, hex_of(step));
  return text.replace(at, std::min(bytes.size(), text.size() - at), bytes);
}

Result<std::string> truncate(std::string text, const Json& step) {
  TRY_ASSIGN(const std::size_t length, offset_of(step, "length", text.size()));
  text.resize(length);
  return text;
}

Result<std::string> append_bytes(std::string text, const Json& step) {
  TRY_ASSIGN(const std::string bytes, hex_of(step));
  return text + bytes;
}

Result<std::string> prepend(std::string text, const Json& step) {
  TRY_ASSIGN(const std::string before, json::get_string(step, "text"));
  return before + text;
}

Result<std::string> replace_all(std::string, const Json& step) {
  return json::get_string(step, "text");
}

Result<std::string> insert(std::string text, const Json& step) {
  TRY_ASSIGN(const std::size_t at, offset_of(step, "offset", text.size()));
  TRY_ASSIGN(const std::string bytes, hex_of(step));
  return text.insert(at, bytes);
}

Result<std::string> insert_copy(std::string text, const Json& step) {
  TRY_ASSIGN(const std::size_t at, offset_of(step, "offset", text.size()));
  TRY_ASSIGN(const std::size_t from, offset_of(step, "from_offset", text.size()));
  TRY_ASSIGN(const std::size_t length, offset_of(step, "length", text.size()));
  const std::string piece = text.substr(from, length);
  return text.insert(at, piece);
}

Result<std::string> cut(std::string text, const Json& step) {
  TRY_ASSIGN(const std::size_t at, offset_of(step, "offset", text.size()));
  TRY_ASSIGN(const std::size_t length, offset_of(step, "length", text.size()));
  return text.erase(at, length);
}

Result<std::string> replace_text(std::string text, const Json& step) {
  TRY_ASSIGN(const std::string find, json::get_string(step, "find"));
  TRY_ASSIGN(const std::string with, json::get_string(step, "with"));
  int left = step.value("count", -1);
  if (text.find(find) == std::string::npos)
    return fail(Errc::unsupported, "the text to replace is not there");
  for (std::size_t at = 0; left != 0 && (at = text.find(find, at)) != std::string::npos; --left) {
    text.replace(at, find.size(), with);
    at += with.size();
  }
  return text;
}

// The patterns are Python's: `.` stops at a line's end unless `dotall`, ^ and $ are the text's
// ends.
Result<std::string> replace_pattern(std::string text, const Json& step) {
  TRY_ASSIGN(const std::string find, json::get_string(step, "pattern"));
  TRY_ASSIGN(const std::string with, json::get_string(step, "with"));
  auto flags = boost::match_single_line | boost::format_perl;
  if (step.value("dotall", false) != true) flags |= boost::match_not_dot_newline;
  const boost::regex pattern(find, boost::regex::perl);
  if (!boost::regex_search(text, pattern, flags)) {
    return fail(Errc::unsupported, "the pattern to replace is not there");
  }
  std::string out;
  auto at = text.cbegin();
  int left = step.value("count", -1);
  const boost::sregex_iterator end;
  for (boost::sregex_iterator it(text.cbegin(), text.cend(), pattern, flags);
       it != end && left != 0; ++it, --left) {
    out.append(at, (*it)[0].first);
    out += it->format(with, flags);
    at = (*it)[0].second;
  }
  return out.append(at, text.cend());
}

Result<std::string> flip_signature(std::string text, const Json&) {
  const std::string_view kMember = "\"signature\":\"";
  const std::size_t at = text.rfind(kMember);
  if (at == std::string::npos || at + kMember.size() >= text.size()) {
    return fail(Errc::unsupported, "no signature member");
  }
  char& digit = text[at + kMember.size()];
  digit = digit == '0' ? '1' : '0';
  return text;
}

std::vector<std::string> pieces(const std::string& text, std::string_view begin,
                                std::string_view end) {
  std::vector<std::string> out;
  for (std::size_t at = 0; (at = text.find(begin, at)) != std::string::npos;) {
    const std::size_t stop = text.find(end, at);
    if (stop == std::string::npos) break;
    out.push_back(text.substr(at, stop + end.size() - at));
    at = stop + end.size();
  }
  return out;
}

Result<std::string> choose(const std::vector<std::string>& from, const Json& order,
                           std::string_view after) {
  std::string out;
  for (const Json& index : order) {
    if (!index.is_number_unsigned() || index.get<std::size_t>() >= from.size()) {
      return fail(Errc::unsupported, "no such certificate");
    }
    out.append(from[index.get<std::size_t>()]).append(after);
  }
  return out;
}

Result<std::string> keep_certificates(std::string text, const Json& step) {
  TRY_ASSIGN(const Json* keep, json::get_array(step, "keep"));
  return choose(pieces(text, "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"), *keep,
                "\n");
}

Result<std::string> order_certificates(std::string text, const Json& step) {
  TRY_ASSIGN(const Json* order, json::get_array(step, "order"));
  const auto all = pieces(text, "<ds:X509Certificate>", "</ds:X509Certificate>");
  if (all.empty()) return fail(Errc::unsupported, "no X509Certificate");
  TRY_ASSIGN(const std::string chosen, choose(all, *order, ""));
  const std::size_t begin = text.find(all.front());
  const std::size_t end = text.rfind(all.back()) + all.back().size();
  return text.replace(begin, end - begin, chosen);
}

Result<std::string> edit_array(std::string text, const Json& step) {
  TRY_ASSIGN(Json list, json::parse(text));
  const std::string op = step.value("op", "");
  const std::size_t index = step.value("index", std::size_t{0});
  const std::size_t a = step.value("a", std::size_t{0});
  const std::size_t b = step.value("b", std::size_t{0});
  if (!list.is_array() || std::max({index, a, b}) >= list.size()) {
    return fail(Errc::unsupported, "no such entry");
  }
  if (op == "json_set") list[index][step.value("key", "")] = step.value("value", Json());
  if (op == "json_unset") list[index].erase(step.value("key", ""));
  if (op == "json_del") list.erase(index);
  if (op == "json_dup") {
    list.insert(list.begin() + static_cast<Json::difference_type>(index), Json(list[index]));
  }
  if (op == "json_swap") std::swap(list[a], list[b]);
  return json::compact(list);
}

using Edit = Result<std::string> (*)(std::string, const Json&);

constexpr std::array kEdits{
    std::pair<std::string_view, Edit>{"xor", xor_byte},
    std::pair<std::string_view, Edit>{"set", overwrite},
    std::pair<std::string_view, Edit>{"truncate", truncate},
    std::pair<std::string_view, Edit>{"append", append_bytes},
    std::pair<std::string_view, Edit>{"prepend", prepend},
    std::pair<std::string_view, Edit>{"text", replace_all},
    std::pair<std::string_view, Edit>{"insert", insert},
    std::pair<std::string_view, Edit>{"insert_copy", insert_copy},
    std::pair<std::string_view, Edit>{"cut", cut},
    std::pair<std::string_view, Edit>{"replace", replace_text},
    std::pair<std::string_view, Edit>{"regex", replace_pattern},
    std::pair<std::string_view, Edit>{"flip_sig", flip_signature},
    std::pair<std::string_view, Edit>{"pem_keep", keep_certificates},
    std::pair<std::string_view, Edit>{"cert_order", order_certificates},
    std::pair<std::string_view, Edit>{"json_set", edit_array},
    std::pair<std::string_view, Edit>{"json_unset", edit_array},
    std::pair<std::string_view, Edit>{"json_del", edit_array},
    std::pair<std::string_view, Edit>{"json_dup", edit_array},
    std::pair<std::string_view, Edit>{"json_swap", edit_array},
};

Status exchange(const fs::path& folder, const Json& step) {
  TRY_ASSIGN(const std::string a, json::get_string(step, "a"));
  TRY_ASSIGN(const std::string b, json::get_string(step, "b"));
  TRY_ASSIGN(const std::string left, read_text(folder / a));
  TRY_ASSIGN(const std::string right, read_text(folder / b));
  TRY(write_file(folder / a, right));
  return write_file(folder / b, left);
}

Status copy_from(const fs::path& folder, const fs::path& origin, const Json& step) {
  TRY_ASSIGN(const std::string file, json::get_string(step, "file"));
  TRY_ASSIGN(const std::string from, json::get_string(step, "from"));
  TRY_ASSIGN(const std::string bytes, read_text(origin / from));
  return write_file(folder / file, bytes);
}

Status set_member(const fs::path& folder, const std::string& name, const Json& step) {
  TRY_ASSIGN(Json description, read_json(folder / "case.json"));
  description[name] = step.value("value", Json());
  return write_file(folder / "case.json", json::compact(description));
}

Status apply(const fs::path& folder, const fs::path& origin, const Json& step) {
  TRY_ASSIGN(const std::string op, json::get_string(step, "op"));
  if (op == "time") return set_member(folder, "evaluation_time", step);
  if (op == "nonce") return set_member(folder, "nonce", step);
  if (op == "swap") return exchange(folder, step);
  if (op == "copy") return copy_from(folder, origin, step);
  const auto* const edit = std::ranges::find(kEdits, op, &std::pair<std::string_view, Edit>::first);
  if (edit == kEdits.end()) return fail(Errc::unsupported, "unknown operation " + op);
  TRY_ASSIGN(const std::string file, json::get_string(step, "file"));
  TRY_ASSIGN(std::string text, read_text(folder / file));
  TRY_ASSIGN(const std::string changed, edit->second(std::move(text), step));
  return write_file(folder / file, changed);
}

}  // namespace

Status mutate(const fs::path& folder, const fs::path& origin, const Json& operations) {
  for (const Json& step : operations) TRY(apply(folder, origin, step));
  return {};
}

}  // namespace confide::conformance
