// Event logs as files: dstack's JSON and CCEL areas, and the claims that they make.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "evidence/ccel.h"
#include "evidence/testing/ccel_bytes.h"
#include "verify/event_log.h"
#include "verify/testing/event_log_lab.h"

namespace confide::verify {
namespace {

using evidence::testing::CcelBytes;
using evidence::testing::measurement_of;
using testing::dstack_document;
using testing::dstack_log;
using testing::runtime_event;

std::vector<std::string> ids_of(const Verdict& verdict) {
  std::vector<std::string> out;
  for (const Check& check : verdict.checks()) out.push_back(check.id);
  return out;
}

const Check& check_of(const Verdict& verdict, std::string_view id) {
  return *std::ranges::find(verdict.checks(), id, &Check::id);
}

Rtmrs registers_of(const Bytes& area) {
  return replay(evidence::rtmr_events(evidence::parse_ccel(area).value()).value());
}

TEST(EventLogDocument, ADstackLogExplainsItsRegisters) {
  const auto log = dstack_log();
  const Rtmrs registers = replay(log);
  const std::string document = dstack_document(log);
  for (const char* space : {"", " \n\t", "\t"}) {
    Verdict verdict;
    const auto out =
        verify_event_log(as_bytes(space + document), {.registers = &registers}, verdict);
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_TRUE(verdict.passed());
    EXPECT_EQ(ids_of(verdict),
              (std::vector<std::string>{"eventlog.parse", "eventlog.digests", "eventlog.identity",
                                        "eventlog.rtmr0", "eventlog.rtmr1", "eventlog.rtmr2",
                                        "eventlog.rtmr3"}));
    EXPECT_TRUE(out->platform_event("compose-hash"));
  }
}

TEST(EventLogDocument, ClaimsOfADstackLog) {
  auto log = dstack_log();
  const Rtmrs registers = replay(log);
  const evidence::Measurement computed = log.back().digest;
  log.back().digest = {};
  Json json = evidence::event_log_to_json(log);
  json.back()["digest"] = "";
  Verdict verdict;
  ASSERT_TRUE(verify_event_log(as_bytes(json.dump()), {.registers = &registers}, verdict));
  const Json& claims = verdict.claims;
  EXPECT_EQ(claims["events"], log.size());
  EXPECT_EQ(claims["events_per_register"], (Json{{"0", 2}, {"1", 2}, {"2", 2}, {"3", 6}}));
  EXPECT_EQ(claims["replayed_with_stored_digests"]["rtmr1"], to_hex(registers[1]));
  EXPECT_NE(claims["replayed_with_stored_digests"]["rtmr3"], to_hex(registers[3]));
  EXPECT_EQ(claims["replayed_with_recomputed_runtime_digests"]["rtmr3"], to_hex(registers[3]));
  EXPECT_EQ(claims["quote"]["rtmr0"], to_hex(registers[0]));
  EXPECT_EQ(claims["match"], Json::array({true, true, true, true}));
  EXPECT_EQ(claims["differences"], Json::array());
  EXPECT_EQ(claims["runtime_events"].size(), 6U);
  EXPECT_EQ(claims["runtime_events"].back(), (Json{{"event", "confide.model"},
                                                   {"payload", "aabb"},
                                                   {"version", 1},
                                                   {"computed_digest", to_hex(computed)},
                                                   {"digest_in_log", ""},
                                                   {"match", true}}));
}

TEST(EventLogDocument, ADifferenceIsAClaimToo) {
  const auto log = dstack_log();
  Rtmrs registers = replay(log);
  registers[2] = {};
  auto listed = log;
  listed[7].payload = {9};
  Verdict verdict;
  EXPECT_EQ(verify_event_log(as_bytes(dstack_document(listed)), {.registers = &registers}, verdict)
                .error()
                .code,
            Errc::mismatch);
  EXPECT_EQ(verdict.claims["match"], Json::array({true, true, false, false}));
  ASSERT_EQ(verdict.claims["differences"].size(), 2U);
  EXPECT_EQ(verdict.claims["differences"][0], (Json{{"register", "rtmr2"},
                                                    {"events", 2},
                                                    {"replayed", to_hex(replay(log)[2])},
                                                    {"quote", to_hex(evidence::Measurement{})},
                                                    {"hint", "the quote's was never extended"}}));
  EXPECT_EQ(verdict.claims["differences"][1]["register"], "rtmr3");
  EXPECT_EQ(verdict.claims["runtime_events"][0]["match"], true);
  EXPECT_EQ(verdict.claims["runtime_events"][1]["match"], false);
}

TEST(EventLogDocument, WithoutAQuoteALogIsReadButProvesNothing) {
  Verdict verdict;
  const auto out = verify_event_log(as_bytes(dstack_document(dstack_log())), {}, verdict);
  EXPECT_EQ(out.error().code, Errc::unavailable);
  EXPECT_EQ(verdict.claims["events"], dstack_log().size());
  EXPECT_FALSE(verdict.claims.contains("match"));
  EXPECT_EQ(check_of(verdict, "eventlog.parse").status, CheckStatus::pass);
  for (const char* id : {"eventlog.rtmr0", "eventlog.rtmr1", "eventlog.rtmr2", "eventlog.rtmr3"}) {
    EXPECT_EQ(check_of(verdict, id).status, CheckStatus::fail);
    EXPECT_EQ(check_of(verdict, id).detail, "E7: no quote to compare with");
  }
}

TEST(EventLogDocument, TheManifestIsTheMeasuredOne) {
  constexpr std::string_view kManifest = "{\"name\":\"sim\"}";
  auto log = dstack_log();
  log[7] = runtime_event("compose-hash", to_bytes(crypto::sha256(as_bytes(kManifest))));
  const Rtmrs registers = replay(log);
  const std::string document = dstack_document(log);
  Verdict good;
  EXPECT_TRUE(verify_event_log(as_bytes(document),
                               {.registers = &registers, .app_compose = kManifest}, good));
  EXPECT_EQ(good.claims["compose_hash_matches"], true);
  EXPECT_EQ(good.claims["app_compose_sha256"], to_hex(crypto::sha256(as_bytes(kManifest))));

  Verdict other;
  EXPECT_EQ(
      verify_event_log(as_bytes(document), {.registers = &registers, .app_compose = "{}"}, other)
          .error()
          .code,
      Errc::mismatch);
  EXPECT_EQ(other.first_failure()->id, "eventlog.compose");
  EXPECT_EQ(other.claims["compose_hash_matches"], false);

  std::erase_if(log, [](const auto& event) { return event.name == "compose-hash"; });
  const Rtmrs without = replay(log);
  Verdict missing;
  EXPECT_EQ(verify_event_log(as_bytes(dstack_document(log)),
                             {.registers = &without, .app_compose = kManifest}, missing)
                .error()
                .code,
            Errc::not_found);
  EXPECT_EQ(missing.first_failure()->id, "eventlog.compose");
  EXPECT_EQ(missing.claims["compose_hash_matches"], false);
}

TEST(EventLogDocument, WhatIsNoLogFailsEveryCheck) {
  const Rtmrs registers{};
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("{}"), std::string("[{}]"),
        std::string("[] []"), std::string(1, '\0'), std::string("\x01\0\0\0", 4)}) {
    Verdict verdict;
    const auto out = verify_event_log(as_bytes(text), {.registers = &registers}, verdict);
    EXPECT_EQ(out.error().code, Errc::malformed) << text;
    EXPECT_EQ(ids_of(verdict),
              (std::vector<std::string>{"eventlog.parse", "eventlog.rtmr0", "eventlog.rtmr1",
                                        "eventlog.rtmr2", "eventlog.rtmr3"}));
    EXPECT_TRUE(std::ranges::all_of(
        verdict.checks(), [](const Check& check) { return check.status == CheckStatus::fail; }));
  }
}

TEST(EventLogDocument, ACcelAreaExplainsItsRegisters) {
  const Bytes area = CcelBytes({{0x000b, 32}, {evidence::kAlgorithmSha384, 48}})
                         .event(1, 0x8000000b, measurement_of(1), "hob")
                         .event(0, 4, measurement_of(2), "MRTD")
                         .event(4, 6, measurement_of(3), "tagged")
                         .event(2, 3, measurement_of(4), "no action")
                         .padded(0xff);
  const Rtmrs registers = registers_of(area);
  EXPECT_EQ(registers[0], extend({}, measurement_of(1)));
  EXPECT_EQ(registers[1], evidence::Measurement{});
  EXPECT_EQ(registers[3], extend({}, measurement_of(3)));
  Verdict verdict;
  const auto out = verify_event_log(area, {.registers = &registers}, verdict);
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(ids_of(verdict),
            (std::vector<std::string>{"eventlog.parse", "eventlog.bank", "eventlog.rtmr0",
                                      "eventlog.rtmr1", "eventlog.rtmr2", "eventlog.rtmr3"}));
  EXPECT_EQ(out->events().size(), 2U);
  // Firmware names nothing, so nothing of it can be taken for what a platform says.
  EXPECT_EQ(out->application_events("tagged").error().code, Errc::not_found);

  const Json& claims = verdict.claims;
  EXPECT_EQ(claims["algorithms"], Json::array({"0xb", "0xc"}));
  EXPECT_EQ(claims["events"], 4);
  EXPECT_EQ(claims["events_per_register"],
            (Json{{"0", 1}, {"1", 1}, {"2", 1}, {"3", 0}, {"4", 1}}));
  EXPECT_EQ(claims["replayed"]["rtmr3"], to_hex(registers[3]));
  EXPECT_EQ(claims["match"], Json::array({true, true, true, true}));
  EXPECT_EQ(claims["event_list"][2], (Json{{"n", 2},
                                           {"index", 4},
                                           {"type", "0x6"},
                                           {"name", "EV_EVENT_TAG"},
                                           {"digest", to_hex(measurement_of(3))},
                                           {"data_size", 6}}));
}

// Only dstack computes the digests of its events; firmware's are those it lists, whatever their
// type.
TEST(EventLogDocument, ACcelAreaReplaysWhatItLists) {
  const Bytes area =
      CcelBytes().event(4, evidence::kRuntimeEvent, measurement_of(1), "not dstack's").bytes();
  const Rtmrs registers = registers_of(area);
  EXPECT_EQ(registers[3], extend({}, measurement_of(1)));
  Verdict verdict;
  const auto out = verify_event_log(area, {.registers = &registers}, verdict);
  EXPECT_TRUE(out) << out.error().message;
}

TEST(EventLogDocument, ACcelAreaOfAnotherBankIsShownButMatchesNoQuote) {
  const Bytes area = CcelBytes({{0x0012, 32}}).event(1, 4, {}, "x").bytes();
  const Rtmrs registers{};
  Verdict verdict;
  EXPECT_EQ(verify_event_log(area, {.registers = &registers}, verdict).error().code,
            Errc::unsupported);
  EXPECT_EQ(verdict.first_failure()->id, "eventlog.bank");
  EXPECT_EQ(verdict.first_failure()->detail.substr(0, 4), "E9: ");
  EXPECT_EQ(check_of(verdict, "eventlog.rtmr0").status, CheckStatus::fail);
  EXPECT_EQ(verdict.claims["algorithms"], Json::array({"0x12"}));
  EXPECT_EQ(verdict.claims["event_list"][0]["digest"], to_hex(Bytes(32, 0xee)));
  EXPECT_FALSE(verdict.claims.contains("replayed"));
}

TEST(EventLogDocument, ACcelDifferenceNamesTheEventThatIsNotItsData) {
  const auto hashed = [](std::string_view data) { return crypto::sha384(as_bytes(data)); };
  const Bytes honest = CcelBytes()
                           .event(1, 0x80000003, measurement_of(1), "an image")
                           .event(1, 4, hashed("one"), "one")
                           .event(1, 4, hashed("sep"), "sep")
                           .bytes();
  const Rtmrs registers = registers_of(honest);
  const Bytes forged = CcelBytes()
                           .event(1, 0x80000003, measurement_of(1), "an image")
                           .event(1, 4, hashed("one"), "one")
                           .event(1, 4, hashed("???"), "sep")
                           .bytes();
  Verdict verdict;
  EXPECT_FALSE(verify_event_log(forged, {.registers = &registers}, verdict));
  EXPECT_EQ(verdict.claims["differences"][0]["hint"],
            "its event 2 (EV_SEPARATOR) does not hash to its listed digest");
}

}  // namespace
}  // namespace confide::verify
