// Logs that were right, with one thing changed, and the check that must catch each.
#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "evidence/ccel.h"
#include "evidence/testing/ccel_bytes.h"
#include "verify/event_log.h"
#include "verify/testing/event_log_lab.h"

namespace confide::verify {
namespace {

using evidence::testing::CcelBytes;
using evidence::testing::measurement_of;
using testing::dstack_log;
using testing::runtime_event;

struct HostileCase {
  std::string name;
  Bytes document;
  std::string caught_by;
};

class HostileLogs {
 public:
  explicit HostileLogs(const Rtmrs& registers) : registers_(registers) {}

  void expect(std::string name, Bytes document, std::string caught_by) {
    cases_.push_back({std::move(name), std::move(document), std::move(caught_by)});
  }

  void judge() const {
    for (const HostileCase& one : cases_) {
      SCOPED_TRACE(one.name);
      Verdict verdict;
      EXPECT_FALSE(verify_event_log(one.document, {.registers = &registers_}, verdict));
      ASSERT_NE(verdict.first_failure(), nullptr);
      EXPECT_EQ(verdict.first_failure()->id, one.caught_by);
    }
  }

  std::size_t count() const { return cases_.size(); }

 private:
  Rtmrs registers_;
  std::vector<HostileCase> cases_;
};

Bytes document_of(const Json& log) { return to_bytes(as_bytes(log.dump())); }

std::string register_of(const Json& event) {
  return fmt::format("eventlog.rtmr{}", event.at("imr").get<int>());
}

Json good_json() { return evidence::event_log_to_json(dstack_log()); }

std::string flip_first_digit(std::string hex) {
  hex.at(0) = hex.at(0) == '0' ? '1' : '0';
  return hex;
}

// What can be done to one entry so that the digests no longer follow from it, or the registers from
// the digests.
void change_entries(HostileLogs& logs) {
  const Json good = good_json();
  for (std::size_t i = 0; i < good.size(); ++i) {
    const Json& entry = good[i];
    const bool runtime = entry.at("event_type") == evidence::kRuntimeEvent;
    const auto with = [&](const char* member, const Json& value) {
      Json log = good;
      log[i][member] = value;
      return document_of(log);
    };
    const std::string digest = entry.at("digest");
    const std::string by_digest = runtime ? "eventlog.digests" : register_of(entry);
    logs.expect(fmt::format("{}: digest", i), with("digest", flip_first_digit(digest)), by_digest);
    Json removed = good;
    removed.erase(i);
    logs.expect(fmt::format("{}: removed", i), document_of(removed), register_of(entry));
    Json twice = good;
    twice.push_back(entry);
    const bool named_once = runtime && entry.at("event") != "confide.model";
    logs.expect(fmt::format("{}: repeated", i), document_of(twice),
                named_once ? "eventlog.identity" : register_of(entry));
    logs.expect(fmt::format("{}: digest cut", i), with("digest", digest.substr(2)),
                "eventlog.parse");
    logs.expect(fmt::format("{}: no register", i), with("imr", 4), "eventlog.parse");
    logs.expect(
        fmt::format("{}: another register", i), with("imr", (entry.at("imr").get<int>() + 1) % 3),
        entry.at("imr") == 3 ? "eventlog.rtmr1"
                             : fmt::format("eventlog.rtmr{}",
                                           entry.at("imr") == 2 ? 0 : entry.at("imr").get<int>()));
    if (!runtime) continue;
    logs.expect(fmt::format("{}: payload", i),
                with("event_payload", entry.at("event_payload").get<std::string>() + "00"),
                "eventlog.digests");
    logs.expect(fmt::format("{}: name", i), with("event", "another"), "eventlog.digests");
    logs.expect(fmt::format("{}: type", i), with("event_type", 4), "eventlog.digests");
    logs.expect(fmt::format("{}: version", i), with("version", 2), "eventlog.digests");
    logs.expect(fmt::format("{}: unknown version", i), with("version", 3), "eventlog.parse");
    logs.expect(fmt::format("{}: preimage", i), with("preimage", "00"), "eventlog.digests");
  }
}

void change_order(HostileLogs& logs) {
  const Json good = good_json();
  for (std::size_t i = 0; i + 1 < good.size(); ++i) {
    if (good[i].at("imr") != good[i + 1].at("imr")) continue;
    Json swapped = good;
    std::swap(swapped[i], swapped[i + 1]);
    // What a platform says must not come after system-ready, wherever it stood.
    const bool late = good[i + 1].at("event") == "system-ready";
    logs.expect(fmt::format("{}: swapped with the next", i), document_of(swapped),
                late ? "eventlog.identity" : register_of(good[i]));
  }
}

void add_entries(HostileLogs& logs) {
  const auto with = [](const evidence::Event& event) {
    auto log = dstack_log();
    log.push_back(event);
    return document_of(evidence::event_log_to_json(log));
  };
  for (unsigned imr = 0; imr < 3; ++imr) {
    logs.expect(fmt::format("one more in RTMR{}", imr), with(testing::boot_event(imr, 9)),
                fmt::format("eventlog.rtmr{}", imr));
  }
  logs.expect("one more of the application", with(runtime_event("more", {})), "eventlog.rtmr3");
  logs.expect("a boot event in RTMR3", with(testing::boot_event(3, 9)), "eventlog.digests");
  logs.expect("a name with a colon", with(runtime_event("a:b", {})), "eventlog.digests");
  for (const char* name : {"os-image-hash", "gpu-attestation", "gpu-policy-hash", "storage-fs",
                           "mr-kms", "boot-mr-done", "system-preparing", "init-script-hash"}) {
    logs.expect(fmt::format("late {}", name), with(runtime_event(name, {})), "eventlog.identity");
  }
}

void change_text(HostileLogs& logs) {
  const std::string good = good_json().dump();
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("{}"), std::string("\"\""),
        std::string("true"), std::string("[1]"), std::string("[[]]"), std::string("[{}]"),
        good + "x", good + good, good.substr(0, good.size() - 1), good.substr(1),
        "{\"event_log\":" + good + "}", std::string(100, '['), Json(Json(good).dump()).dump(),
        "\xef\xbb\xbf" + good, good + std::string(1, '\0')}) {
    logs.expect("text " + text.substr(0, 40), to_bytes(as_bytes(text)), "eventlog.parse");
  }
  std::string twice = good;
  twice.insert(twice.find("\"imr\":0"), "\"imr\":0,");
  logs.expect("a member twice", to_bytes(as_bytes(twice)), "eventlog.parse");
  Json flood = Json::array();
  const Json one = good_json()[0];
  for (int i = 0; i < 8193; ++i) flood.push_back(one);
  logs.expect("8,193 events", document_of(flood), "eventlog.parse");
  logs.expect("no events", to_bytes(as_bytes("[]")), "eventlog.rtmr0");
  for (const char* member : {"imr", "event_type", "digest", "event", "event_payload"}) {
    for (const Json& value : {Json(), Json(-1), Json(1.5), Json("zz"), Json::array()}) {
      if (value == "zz" && member == std::string_view("event")) continue;  // a name like any other
      Json log = good_json();
      log[0][member] = value;
      logs.expect(fmt::format("{} is {}", member, value.dump()), document_of(log),
                  "eventlog.parse");
    }
    Json log = good_json();
    log[0].erase(member);
    logs.expect(fmt::format("no {}", member), document_of(log), "eventlog.parse");
  }
}

TEST(EventLogHostile, DstackLogs) {
  const Rtmrs registers = replay(dstack_log());
  Verdict good;
  ASSERT_TRUE(verify_event_log(document_of(good_json()), {.registers = &registers}, good));
  HostileLogs logs(registers);
  change_entries(logs);
  change_order(logs);
  add_entries(logs);
  change_text(logs);
  logs.judge();
  EXPECT_EQ(logs.count(), 179U);
}

constexpr std::size_t kEventsAt = evidence::testing::kCcelAlgorithmsAt + 2 * 4 + 1;
// Index, type, count, two algorithms with their digests, size, and eight bytes of data.
constexpr std::size_t kEventBytes = 12 + (2 + 32) + (2 + 48) + 4 + 8;
constexpr std::size_t kSha384At = 12 + (2 + 32) + 2;
constexpr std::size_t kDataSizeAt = kEventBytes - 8 - 4;

Bytes good_area() {
  CcelBytes out({{0x000b, 32}, {evidence::kAlgorithmSha384, 48}});
  for (std::uint8_t i = 0; i < 8; ++i) {
    out.event(1U + i / 2U, 0x80000003, measurement_of(static_cast<std::uint8_t>(i + 1)),
              "8 bytes.");
  }
  return out.padded(0xff);
}

void change_header(HostileLogs& logs) {
  const Bytes good = good_area();
  // Every byte but the register index and what the format leaves to the firmware: platform class,
  // errata, word size.
  for (std::size_t i = 4; i < kEventsAt; ++i) {
    if (i >= 48 && i < 56 && i != 52 && i != 53) continue;
    Bytes area = good;
    area[i] ^= 0x40U;
    logs.expect(fmt::format("header byte {}", i), area, "eventlog.parse");
  }
}

void change_events(HostileLogs& logs) {
  const Bytes good = good_area();
  for (std::size_t n = 0; n < 8; ++n) {
    const std::size_t start = kEventsAt + n * kEventBytes;
    const std::string by_register = fmt::format("eventlog.rtmr{}", n / 2);
    const auto flip = [&](const char* what, std::size_t at, std::uint8_t mask,
                          const std::string& caught_by) {
      Bytes area = good;
      area.at(start + at) = static_cast<std::uint8_t>(area.at(start + at) ^ mask);
      logs.expect(fmt::format("event {}: {}", n, what), area, caught_by);
    };
    flip("register index", 3, 0x01, "eventlog.parse");
    flip("digest count", 8, 0x01, "eventlog.parse");
    flip("digest count, high", 11, 0x80, "eventlog.parse");
    flip("first algorithm", 12, 0x01, "eventlog.parse");
    flip("SHA-384", kSha384At - 2, 0x01, "eventlog.parse");
    flip("digest, first bit", kSha384At, 0x80, by_register);
    flip("digest, last bit", kSha384At + 47, 0x01, by_register);
    flip("data size, high", kDataSizeAt + 3, 0x80, "eventlog.parse");
    flip("data size", kDataSizeAt, 0x08, "eventlog.parse");
    Bytes area = good;
    const auto at = area.begin() + static_cast<std::ptrdiff_t>(start);
    const Bytes event(at, at + kEventBytes);
    area.erase(at, at + kEventBytes);
    logs.expect(fmt::format("event {}: removed", n), area, by_register);
    area = good;
    area.insert(area.begin() + static_cast<std::ptrdiff_t>(start), event.begin(), event.end());
    logs.expect(fmt::format("event {}: repeated", n), area, by_register);
    area = good;
    area.at(start + 4) = 3;
    std::fill_n(area.begin() + static_cast<std::ptrdiff_t>(start) + 5, 3, std::uint8_t{0});
    logs.expect(fmt::format("event {}: extends nothing", n), area, by_register);
    area = good;
    area.at(start) = 0;
    logs.expect(fmt::format("event {}: MRTD's", n), area, by_register);
    area.resize(start + kEventBytes - 1);
    area.at(start) = 1;
    logs.expect(fmt::format("event {}: cut", n), area, "eventlog.parse");
  }
}

void change_rest(HostileLogs& logs) {
  const Bytes good = good_area();
  const Bytes events(good.begin(), good.end() - 100);
  logs.expect("no byte", {}, "eventlog.parse");
  logs.expect("header alone", Bytes(events.begin(), events.begin() + kEventsAt), "eventlog.rtmr0");
  for (const std::ptrdiff_t n : {1, 4, 8, 28, 31, 32, 48, 60}) {
    logs.expect(fmt::format("{} bytes", n), Bytes(events.begin(), events.begin() + n),
                "eventlog.parse");
  }
  Bytes mixed = good;
  mixed.back() = 0;
  logs.expect("padding of both kinds", mixed, "eventlog.parse");
  Bytes trailing = events;
  append(trailing, as_bytes("AAAA"));
  logs.expect("trailing bytes", trailing, "eventlog.parse");
  Bytes huge = good;
  huge.resize(evidence::kMaxCcelBytes + 1, 0xff);
  logs.expect("too long", huge, "eventlog.parse");
  CcelBytes flood;
  for (int i = 0; i < 4097; ++i) flood.event(1, 4, {}, "");
  logs.expect("4,097 events", flood.bytes(), "eventlog.parse");
  logs.expect("another bank", CcelBytes({{0x0012, 32}}).event(1, 4, {}, "x").bytes(),
              "eventlog.bank");
}

TEST(EventLogHostile, CcelAreas) {
  const auto parsed = evidence::parse_ccel(good_area()).value();
  const Rtmrs registers = replay(evidence::rtmr_events(parsed).value());
  Verdict good;
  ASSERT_TRUE(verify_event_log(good_area(), {.registers = &registers}, good));
  HostileLogs logs(registers);
  change_header(logs);
  change_events(logs);
  change_rest(logs);
  logs.judge();
  EXPECT_EQ(logs.count(), 186U);
}

}  // namespace
}  // namespace confide::verify
