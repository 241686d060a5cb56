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
  explicit Comparison(const Answer& answer, bool either = false)
      : answer_(answer), either_(either) {}

  void member(const std::string& path, const Json& expected, const Json* got) {
    const auto it = answer_.faults.find(path);
    if (either_ && (it != answer_.faults.end() || path.ends_with("_findings"))) return;
    if (it != answer_.faults.end()) return faults(path, expected, it->second);
    if (got == nullptr) return differ(path, show(expected), "nothing");
    if (expected == "either" && (*got == "accept" || *got == "reject")) return;
    if (expected.is_object() && got->is_object()) return object(path, expected, *got);
    if (is_set(expected) && is_set(*got)) return set(path, expected, *got);
    if (expected.is_array() && got->is_array()) return array(path, expected, *got);
    if (expected != *got) differ(path, show(expected), show(*got));
  }

  std::vector<Difference> take() { return std::move(out_); }

 private:
  void faults(const std::string& path, const Json& expected, const Faults& found) {
    const bool stage = expected.is_string() || expected.is_null();
    if (!stage && !is_set(expected) && expected != Json::array()) {
      return differ(path, show(expected), "other words");
    }
    const auto named = stage ? std::vector<std::string>{expected.is_null() ? "" : expected}
                             : expected.get<std::vector<std::string>>();
    const auto names = [&](const std::string& word) {
      return std::ranges::any_of(found, [&](const auto& fault) { return fault.contains(word); });
    };
    const auto is_named = [&](const std::set<std::string>& fault) {
      return std::ranges::any_of(named, [&](const auto& word) { return fault.contains(word); });
    };
    const bool nothing = named.empty() || (stage && named.front().empty());
    const bool agrees = nothing ? found.empty()
                                : std::ranges::all_of(named, names) &&
                                      (stage || std::ranges::all_of(found, is_named));
    if (agrees) return;
    std::string words;
    for (const auto& fault : found) words += fmt::format(" {}", fmt::join(fault, "/"));
    differ(path, show(expected), found.empty() ? "no fault" : "the faults" + words);
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
  bool either_ = false;
  std::vector<Difference> out_;
};

bool is_either(const Json& description) {
  const Json* expected = json::find(description, "expected");
  const Json* verdict = expected == nullptr ? nullptr : json::find(*expected, "verdict_strict");
  return verdict != nullptr && *verdict == "either";
}

// A collection's files, each to be decided as its tests say.
Json with_nothing_wrong(Json files) {
  for (Json& file : files) file["wrong"] = Json::array();
  return files;
}

}  // namespace

std::vector<Difference> compare(const Json& description, const Answer& answer) {
  Comparison comparison(answer, is_either(description));
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

bool is_unjudged(const verify::Check& check) {
  return check.detail.find("not judged: an earlier check failed") != std::string::npos;
}

Faults faults_of(const verify::Verdict& verdict, std::span<const Word> words) {
  Faults out;
  for (const verify::Check& check : verdict.checks()) {
    if (check.status != verify::CheckStatus::fail || is_unjudged(check)) continue;
    std::set<std::string> names;
    for (const Word& word : words) {
      if (check.id.ends_with(word.check) && check.detail.find(word.detail) != std::string::npos) {
        names.emplace(word.word);
      }
    }
    if (names.empty()) names.insert(check.id);
    out.push_back(std::move(names));
  }
  return out;
}

Answer answer_from(const verify::Verdict& verdict) {
  Answer out;
  out.expected = verdict.claims;
  if (!out.expected.contains("policy_findings")) out.expected["policy_findings"] = Json::array();
  out.expected["verdict_strict"] = verdict.passed() ? "accept" : "reject";
  out.parsed = verdict.claims;
  out.note = first_failure(verdict);
  return out;
}

std::string first_failure(const verify::Verdict& verdict) {
  const verify::Check* check = verdict.first_failure();
  return check == nullptr ? "" : check->id + ": " + check->detail;
}

}  // namespace confide::conformance
