#include "answer.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace confide::conformance {
namespace {

// Prose, and where things come from: nothing that a verifier could say.
bool is_remark(std::string_view name) {
  return name == "reason" || name == "source" || name == "use";
}

std::string show(const Json& value) {
  constexpr std::size_t kMost = 160;
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kMost) text = text.substr(0, kMost) + "...";
  return text;
}

// Findings, advisories, accepted digests: their order says nothing.
bool is_set(const Json& value) {
  return value.is_array() && !value.empty() &&
         std::ranges::all_of(value, [](const Json& item) { return item.is_string(); });
}

class Comparison {
 public:
  explicit Comparison(const Answer& answer) : answer_(answer) {}

  void member(const std::string& path, const Json& expected, const Json* got) {
    if (const auto words = answer_.any_of.find(path); words != answer_.any_of.end()) {
      return one_of(path, expected, words->second);
    }
    if (got == nullptr) return differ(path, show(expected), "nothing");
    if (expected == "either" && (*got == "accept" || *got == "reject")) return;
    if (expected.is_object() && got->is_object()) return object(path, expected, *got);
    if (is_set(expected) && is_set(*got)) return set(path, expected, *got);
    if (expected.is_array() && got->is_array()) return array(path, expected, *got);
    if (expected != *got) differ(path, show(expected), show(*got));
  }

  std::vector<Difference> take() { return std::move(out_); }

 private:
  void one_of(const std::string& path, const Json& expected, const std::set<std::string>& words) {
    const std::string word = expected.is_string() ? expected.get<std::string>() : "";
    if ((expected.is_string() || expected.is_null()) && words.contains(word)) return;
    differ(path, show(expected), fmt::format("{}", fmt::join(words, " or ")));
  }

  void object(const std::string& path, const Json& expected, const Json& got) {
    for (const auto& [name, value] : expected.items()) {
      if (is_remark(name)) continue;
      member(path + "." + name, value, json::find(got, name));
    }
  }

  void array(const std::string& path, const Json& expected, const Json& got) {
    if (expected.size() != got.size()) {
      differ(path, fmt::format("{} entries: {}", expected.size(), show(expected)),
             fmt::format("{}: {}", got.size(), show(got)));
    }
    for (std::size_t i = 0; i < std::min(expected.size(), got.size()); ++i) {
      member(fmt::format("{}[{}]", path, i), expected[i], &got[i]);
    }
  }

  void set(const std::string& path, const Json& expected, const Json& got) {
    auto left = expected.get<std::vector<std::string>>();
    auto right = got.get<std::vector<std::string>>();
    std::ranges::sort(left);
    std::ranges::sort(right);
    if (left != right) differ(path, show(expected), show(got));
  }

  void differ(std::string path, std::string expected, std::string got) {
    out_.push_back({std::move(path), std::move(expected), std::move(got)});
  }

  const Answer& answer_;
  std::vector<Difference> out_;
};

// A collection's files, each to be decided as its tests say.
Json with_nothing_wrong(Json files) {
  for (Json& file : files) file["wrong"] = Json::array();
  return files;
}

}  // namespace

std::vector<Difference> compare(const Json& description, const Answer& answer) {
  Comparison comparison(answer);
  if (!answer.files.is_null()) {
    comparison.member("files", with_nothing_wrong(description.at("files")), &answer.files);
    return comparison.take();
  }
  if (const Json* expected = json::find(description, "expected")) {
    comparison.member("expected", *expected, &answer.expected);
  } else {
    comparison.member("expected", "to be there", nullptr);
  }
  if (const Json* parsed = json::find(description, "parsed")) {
    comparison.member("parsed", *parsed, &answer.parsed);
  }
  return comparison.take();
}

std::string first_failure(const verify::Verdict& verdict) {
  const verify::Check* check = verdict.first_failure();
  return check == nullptr ? "" : check->id + ": " + check->detail;
}

}  // namespace confide::conformance
