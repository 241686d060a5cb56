// Every event log of the attestation test vectors, and every recorded mutation of one.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "evidence/dcap_quote.h"
#include "verify/event_log.h"

namespace confide::verify {
namespace {

namespace fs = std::filesystem;

Bytes read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

Json read_json(const fs::path& path) { return json::parse(as_text(read_file(path))).value(); }

std::vector<fs::path> cases() {
  std::vector<fs::path> out;
  const fs::path folder = fs::path(CONFIDE_VECTORS) / "eventlog";
  if (!fs::exists(folder)) return out;
  for (const auto& entry : fs::directory_iterator(folder)) out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

Rtmrs registers_from(const Json& named) {
  Rtmrs out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::string hex = named.at("rtmr" + std::to_string(i));
    out.at(i) = from_hex_array<48>(hex).value();
  }
  return out;
}

// One recorded log with all that stands beside it.
struct Case {
  explicit Case(const fs::path& folder) : description(read_json(folder / "case.json")) {
    const Json& files = description.at("files");
    log = read_file(folder / files.at("eventlog").get<std::string>());
    if (files.contains("quote")) {
      registers = evidence::parse_dcap_quote(read_file(folder / "quote.bin")).value().td()->rtmr;
    } else if (description.at("expected").contains("tcb_info")) {
      registers = registers_from(description.at("expected").at("tcb_info"));
    }
    if (files.contains("app_compose")) {
      manifest = as_text(read_file(folder / files.at("app_compose").get<std::string>()));
    }
  }

  bool accepts(ByteView document, Verdict& verdict) const {
    EventLogReferences references;
    if (registers) references.registers = &*registers;
    if (manifest) references.app_compose = *manifest;
    const auto out = verify_event_log(document, references, verdict);
    EXPECT_EQ(out.has_value(), verdict.passed());
    return out.has_value();
  }

  Json description;
  Bytes log;
  std::optional<Rtmrs> registers;
  std::optional<std::string> manifest;
};

// Members of `expected` that are not what our claims are compared with.
bool is_input(std::string_view name) { return name == "verdict" || name == "tcb_info"; }

void expect_claim(const std::string& name, const Json& expected, const Json& claims) {
  if (name != "runtime_events") {
    EXPECT_EQ(claims.value(name, Json()), expected) << name;
    return;
  }
  ASSERT_EQ(claims.at(name).size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    for (const auto& [member, value] : expected[i].items()) {
      EXPECT_EQ(claims.at(name)[i].at(member), value) << i << member;
    }
  }
}

void expect_events(const Json& expected, const Json& claims) {
  ASSERT_EQ(claims.at("event_list").size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    for (const auto& [member, value] : expected[i].items()) {
      if (member == "data_text") continue;  // for the reader of the case
      EXPECT_EQ(claims.at("event_list")[i].at(member), value) << i << member;
    }
  }
}

TEST(EventLogVectors, EveryCaseAgrees) {
  if (cases().empty()) GTEST_SKIP() << "SKIPPED: no recorded evidence here";
  int with_quote = 0;
  for (const fs::path& folder : cases()) {
    SCOPED_TRACE(folder.filename());
    const Case recorded(folder);
    const Json& expected = recorded.description.at("expected");
    Verdict verdict;
    EXPECT_EQ(recorded.accepts(recorded.log, verdict), expected.at("verdict") == "accept");
    EXPECT_EQ(verdict.checks().front().status, CheckStatus::pass);
    for (const auto& [name, value] : expected.items()) {
      if (!is_input(name)) expect_claim(name, value, verdict.claims);
    }
    if (recorded.description.contains("parsed")) {
      expect_events(recorded.description.at("parsed").at("events"), verdict.claims);
    }
    if (recorded.registers) ++with_quote;
  }
  EXPECT_EQ(cases().size(), 10U);
  EXPECT_EQ(with_quote, 6);
}

std::size_t place(const Json& op, const char* name) { return op.at(name).get<std::size_t>(); }

void mutate_bytes(Bytes& log, const Json& op) {
  const std::string kind = op.at("op");
  const auto at = [&](const char* name) {
    return log.begin() + static_cast<std::ptrdiff_t>(place(op, name));
  };
  const auto length = static_cast<std::ptrdiff_t>(op.value("length", std::size_t{0}));
  const Bytes bytes = from_hex(op.value("hex", op.value("mask", std::string()))).value();
  if (kind == "xor") {
    *at("offset") = static_cast<std::uint8_t>(*at("offset") ^ bytes.at(0));
  } else if (kind == "set") {
    std::ranges::copy(bytes, at("offset"));
  } else if (kind == "truncate") {
    log.resize(static_cast<std::size_t>(length));
  } else if (kind == "append") {
    append(log, bytes);
  } else if (kind == "cut") {
    log.erase(at("offset"), at("offset") + length);
  } else if (kind == "insert") {
    log.insert(at("offset"), bytes.begin(), bytes.end());
  } else if (kind == "text") {
    log = to_bytes(as_bytes(op.at("text").get_ref<const std::string&>()));
  } else {
    ASSERT_EQ(kind, "insert_copy");
    const Bytes copied(at("from_offset"), at("from_offset") + length);
    log.insert(at("offset"), copied.begin(), copied.end());
  }
}

void mutate_json(Bytes& log, const Json& op) {
  const std::string kind = op.at("op");
  Json array = json::parse(as_text(log)).value();
  if (kind == "json_swap") {
    std::swap(array.at(place(op, "a")), array.at(place(op, "b")));
  } else {
    const std::size_t index = place(op, "index");
    if (kind == "json_set") {
      array.at(index)[op.at("key").get<std::string>()] = op.at("value");
    } else if (kind == "json_unset") {
      array.at(index).erase(op.at("key").get<std::string>());
    } else if (kind == "json_del") {
      array.erase(index);
    } else {
      ASSERT_EQ(kind, "json_dup");
      const Json copy = array.at(index);
      array.insert(array.begin() + static_cast<std::ptrdiff_t>(index), copy);
    }
  }
  log = to_bytes(as_bytes(array.dump()));
}

TEST(EventLogVectors, EveryMutationIsJudgedAsRecorded) {
  if (cases().empty()) GTEST_SKIP() << "SKIPPED: no recorded evidence here";
  int judged = 0;
  for (const fs::path& folder : cases()) {
    if (!fs::exists(folder / "negatives.json")) continue;
    const Case recorded(folder);
    Verdict base;
    const bool accepted = recorded.accepts(recorded.log, base);
    const Json negatives = read_json(folder / "negatives.json");
    for (const Json& mutation : negatives.at("mutations")) {
      SCOPED_TRACE(folder.filename().string() + " " + mutation.at("id").get<std::string>());
      Bytes log = recorded.log;
      for (const Json& op : mutation.at("ops")) {
        const bool in_json = op.at("op").get_ref<const std::string&>().starts_with("json_");
        in_json ? mutate_json(log, op) : mutate_bytes(log, op);
      }
      Verdict verdict;
      const bool now = recorded.accepts(log, verdict);
      const std::string expected = mutation.at("expected");
      if (expected == "reject") EXPECT_FALSE(now);
      if (expected == "same-as-base") EXPECT_EQ(now, accepted);
      ++judged;
    }
  }
  EXPECT_EQ(judged, 140);
}

}  // namespace
}  // namespace confide::verify
