#include "verify/event_log.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

namespace confide::verify {
namespace {

using evidence::Event;

static_assert(!std::is_default_constructible_v<VerifiedEventLog>);
static_assert(!std::is_constructible_v<VerifiedEventLog, std::vector<Event>>);

Event runtime(std::string name, std::string_view payload_hex) {
  Event out;
  out.imr = 3;
  out.type = evidence::kRuntimeEvent;
  out.name = std::move(name);
  out.payload = from_hex(payload_hex).value();
  out.digest = runtime_event_digest(out);
  return out;
}

Event boot(unsigned imr, std::uint8_t digest) {
  Event out;
  out.imr = imr;
  out.type = 4;
  out.digest.fill(digest);
  return out;
}

// The log of contract 4.8.
std::vector<Event> vector_log() {
  return {
      runtime("app-id", "1111111111111111111111111111111111111111"),
      runtime("compose-hash", "78bbb92546af9cb93fce0f6aad9ace19bde5d3435a17ad5698b48dcca91b3de6"),
      runtime("os-image-hash", "bd369a8c2f9edb2b52dad48ac8e0b32dde5f1337c423a506b48d07403a7d8033"),
      runtime("system-ready", "")};
}

evidence::TdReport explained_by(const std::vector<Event>& log) {
  evidence::TdReport out;
  out.rtmr = replay(log);
  return out;
}

// What a verifier makes of a log whose registers were extended honestly.
Result<VerifiedEventLog> verified(std::vector<Event> log) {
  Verdict verdict;
  const evidence::TdReport td = explained_by(log);
  auto out = verify_event_log(std::move(log), td, verdict);
  EXPECT_EQ(out.has_value(), verdict.passed());
  return out;
}

TEST(EventLogReplay, GivesTheContractsVector) {
  const auto log = vector_log();
  EXPECT_EQ(to_hex(log[0].digest),
            "3f1fbb6cfe25e7f19bd48cfa9dc590cabaa946da04f9215402e7083550177292c1478402b258a90c649ccf"
            "cb5f408175");
  EXPECT_EQ(to_hex(log[1].digest),
            "7c9fb4fb5eb40f4901f38c1159d663fecf6219e800469238ba794065b7d9891ed234310a575197e8ffd2c7"
            "6485c5c818");
  EXPECT_EQ(to_hex(log[2].digest),
            "c936f709860155a455c519b505fe29bde21d1b778534a8f0b41b706b0f789eae2ea899e224fedb2331c183"
            "24aab4db93");
  EXPECT_EQ(to_hex(log[3].digest),
            "1a76b2a80a0be71eae59f80945d876351a7a3fb8e9fd1ff1cede5734aa84ea11fd72b4edfbb6f04e5a85ed"
            "d114c751bd");
  EXPECT_EQ(to_hex(replay(log)[3]),
            "288fade1142c256d3de59d9ce271f7b559e40253c4b56fcebfe800ebf1f907b94b802a6cbcac322843e1fe"
            "a928196909");
  EXPECT_EQ(replay(log)[0], evidence::Measurement{});
}

TEST(EventLogVerify, PassesAndHandsOutPayloads) {
  auto log = vector_log();
  log.insert(log.begin(), {boot(0, 1), boot(1, 2), boot(2, 3)});
  log.push_back(runtime("model", "aabb"));
  Verdict verdict;
  const auto out = verify_event_log(log, explained_by(log), verdict);
  ASSERT_TRUE(out) << out.error().message;
  std::vector<std::string> ids;
  for (const Check& check : verdict.checks()) ids.push_back(check.id);
  EXPECT_EQ(ids,
            (std::vector<std::string>{"eventlog.digests", "eventlog.identity", "eventlog.rtmr0",
                                      "eventlog.rtmr1", "eventlog.rtmr2", "eventlog.rtmr3"}));
  EXPECT_EQ(out->events().size(), log.size());
  EXPECT_EQ(to_hex(out->platform_event("app-id").value()),
            "1111111111111111111111111111111111111111");
  EXPECT_EQ(to_hex(out->application_events("model").value().at(0)), "aabb");
}

TEST(EventLogVerify, RefusesAPayloadOrNameThatTheDigestDoesNotCover) {
  const evidence::TdReport td = explained_by(vector_log());
  for (const unsigned imr : {1U, 3U}) {
    auto log = vector_log();
    log.push_back(runtime("more", "00"));
    log.back().imr = imr;
    const evidence::TdReport with_more = explained_by(log);
    log.back().payload = {1};
    Verdict verdict;
    EXPECT_EQ(verify_event_log(log, with_more, verdict).error().code, Errc::mismatch) << imr;
    EXPECT_EQ(verdict.first_failure()->id, "eventlog.digests") << imr;
  }
  auto renamed = vector_log();
  renamed[0].name = "app_id";
  Verdict verdict;
  EXPECT_EQ(verify_event_log(renamed, td, verdict).error().code, Errc::mismatch);
  EXPECT_EQ(verdict.first_failure()->id, "eventlog.digests");
}

TEST(EventLogVerify, RefusesALogThatDoesNotExplainEachRegister) {
  const std::vector<Event> log{boot(0, 1), boot(1, 2), boot(2, 3), runtime("system-ready", "")};
  for (unsigned i = 0; i < 4; ++i) {
    evidence::TdReport td = explained_by(log);
    td.rtmr.at(i)[47] ^= 1U;
    Verdict verdict;
    EXPECT_EQ(verify_event_log(log, td, verdict).error().code, Errc::mismatch) << i;
    EXPECT_EQ(verdict.first_failure()->id, "eventlog.rtmr" + std::to_string(i));
  }
  std::vector<Event> empty;
  Verdict verdict;
  EXPECT_EQ(verify_event_log(empty, explained_by(log), verdict).error().code, Errc::mismatch);
}

TEST(EventLogVerify, ComputesADigestThatIsNotListed) {
  auto log = vector_log();
  const evidence::TdReport td = explained_by(log);
  log[1].digest = {};
  Verdict verdict;
  const auto out = verify_event_log(log, td, verdict);
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->events()[1].digest, vector_log()[1].digest);
}

// Relabelled, a runtime event would keep its digest, replay well and vanish from every look-up.
TEST(EventLogVerify, RefusesAnotherKindOfEventInRtmr3) {
  auto log = vector_log();
  log.insert(log.begin() + 3, runtime("region", "00"));
  log.insert(log.begin() + 3, runtime("region", "01"));
  EXPECT_EQ(verified(log)->platform_event("region").error().code, Errc::mismatch);
  log[3].type = 1;
  Verdict verdict;
  EXPECT_EQ(verify_event_log(log, explained_by(log), verdict).error().code, Errc::mismatch);
  EXPECT_EQ(verdict.first_failure()->id, "eventlog.digests");
}

// "a:b" with "c" hashes like "a" with "b:c": one of the two readings must be refused.
TEST(EventLogVerify, RefusesAColonInAName) {
  auto log = vector_log();
  log.push_back(runtime("model", to_hex(as_bytes("b:c"))));
  const evidence::TdReport td = explained_by(log);
  EXPECT_TRUE(verified(log));
  log.back().name = "model:b";
  log.back().payload = {'c'};
  EXPECT_EQ(runtime_event_digest(log.back()), log.back().digest);
  Verdict verdict;
  EXPECT_EQ(verify_event_log(log, td, verdict).error().code, Errc::mismatch);
  EXPECT_EQ(verdict.first_failure()->id, "eventlog.digests");
}

TEST(EventLogLookUp, RefusesTwoOfAName) {
  auto log = vector_log();
  log.insert(log.begin() + 1, {runtime("region", "22"), runtime("region", "22")});
  EXPECT_EQ(verified(log)->platform_event("region").error().code, Errc::mismatch);
  EXPECT_EQ(verified(log)->application_events("region").value().size(), 2U);
}

TEST(EventLogLookUp, ThePlatformSpeaksOnlyBeforeSystemReady) {
  auto log = vector_log();
  log.insert(log.begin(), runtime("region", "11"));
  log.push_back(runtime("region", "22"));
  log.push_back(runtime("model", "33"));
  const auto out = verified(log);
  EXPECT_EQ(to_hex(out->platform_event("region").value()), "11");
  EXPECT_EQ(out->application_events("region").value().size(), 2U);
  EXPECT_EQ(out->platform_event("model").error().code, Errc::not_found);
  EXPECT_EQ(to_hex(out->application_events("model").value().at(0)), "33");
}

TEST(EventLogLookUp, WithoutSystemReadyThePlatformSaidNothing) {
  EXPECT_EQ(verified({runtime("app-id", "11")})->platform_event("app-id").error().code,
            Errc::not_found);
}

TEST(EventLogLookUp, AnEventOfAnotherRegisterIsNobodys) {
  auto log = vector_log();
  log.insert(log.begin(), {runtime("key-provider", "00"), runtime("system-ready", "")});
  log[0].imr = 2;
  log[1].imr = 2;
  EXPECT_EQ(verified(log)->platform_event("key-provider").error().code, Errc::not_found);
  EXPECT_EQ(verified(log)->application_events("key-provider").error().code, Errc::not_found);
  EXPECT_TRUE(verified(log)->platform_event("app-id"));
}

// The first check that failed, and its detail.
std::pair<std::string, std::string> failure_of(const std::vector<Event>& log) {
  Verdict verdict;
  const auto out = verify_event_log(log, explained_by(log), verdict);
  if (out) return {"", ""};
  EXPECT_EQ(out.error().code, Errc::mismatch);
  return {verdict.first_failure()->id, verdict.first_failure()->detail};
}

TEST(EventLogIdentity, NothingThatThePlatformSaysOnceMayStandTwice) {
  for (const char* name :
       {"system-preparing", "app-id", "compose-hash", "gpu-policy-hash", "gpu-attestation",
        "instance-id", "boot-mr-done", "mr-kms", "os-image-hash", "key-provider", "storage-fs"}) {
    const std::vector<Event> twice{runtime(name, "11"), runtime(name, "11"),
                                   runtime("system-ready", "")};
    const auto [id, detail] = failure_of(twice);
    EXPECT_EQ(id, "eventlog.identity") << name;
    EXPECT_EQ(detail, "E5: event 1 is a second '" + std::string(name) + "'");
    const std::vector<Event> late{runtime("system-ready", ""), runtime(name, "11")};
    EXPECT_EQ(failure_of(late).second,
              "E5: event 1 ('" + std::string(name) + "') is after system-ready");
  }
}

TEST(EventLogIdentity, InitScriptsMayBeSeveralButNotLate) {
  const Event script = runtime("init-script-hash", "11");
  EXPECT_EQ(failure_of({script, script, runtime("system-ready", "")}).first, "");
  EXPECT_EQ(failure_of({runtime("system-ready", ""), script}).first, "eventlog.identity");
}

TEST(EventLogIdentity, RefusesASecondSystemReady) {
  auto log = vector_log();
  log.push_back(runtime("system-ready", ""));
  EXPECT_EQ(failure_of(log).first, "eventlog.identity");
}

TEST(EventLogIdentity, TheApplicationAndOtherRegistersMayRepeatThemselves) {
  auto log = vector_log();
  log.insert(log.end(), {runtime("model", "11"), runtime("model", "11")});
  Event elsewhere = runtime("app-id", "22");
  elsewhere.imr = 2;
  log.push_back(elsewhere);
  EXPECT_EQ(failure_of(log).first, "");
}

Event second_version(std::string name, std::string_view payload_hex) {
  Event out = runtime(std::move(name), payload_hex);
  out.version = evidence::DigestVersion::v2;
  out.digest = runtime_event_digest(out);
  return out;
}

TEST(EventLogVersions, TheSecondHashesCanonicalJson) {
  const Event event = second_version("app-id", "1111111111111111111111111111111111111111");
  EXPECT_EQ(as_text(runtime_event_preimage(event)),
            R"({"name":"app-id","payload":"1111111111111111111111111111111111111111",)"
            R"("type":134217729})");
  EXPECT_EQ(to_hex(event.digest),
            "f3fdf5a4af4b5554d2fd20456bd667fce7df585c5d94a4f36b5c16ae22eab4123bf6f4e97a30efb6ec980a"
            "950e28d1a8");
  EXPECT_EQ(as_text(runtime_event_preimage(second_version("a\"\\\n\x01\u00e9", "ff"))),
            "{\"name\":\"a\\\"\\\\\\n\\u0001\u00e9\",\"payload\":\"ff\",\"type\":134217729}");
}

TEST(EventLogVersions, BothMayStandInOneLog) {
  auto log = vector_log();
  log[1] = second_version("compose-hash", "00ff");
  EXPECT_EQ(to_hex(verified(log)->platform_event("compose-hash").value()), "00ff");
  log[1].version = evidence::DigestVersion::v1;
  EXPECT_EQ(failure_of(log).first, "eventlog.digests");
}

TEST(EventLogVersions, AColonInANameIsPlainInTheSecond) {
  auto log = vector_log();
  log.push_back(second_version("model:b", "00"));
  EXPECT_EQ(to_hex(verified(log)->application_events("model:b").value().at(0)), "00");
}

TEST(EventLogVersions, AGivenPreimageIsTheComputedOne) {
  auto log = vector_log();
  log[0] = second_version("app-id", "11");
  for (Event& event : log) event.preimage = runtime_event_preimage(event);
  EXPECT_EQ(failure_of(log).first, "");
  for (std::size_t i = 0; i < 2; ++i) {
    auto spoiled = log;
    spoiled[i].preimage->back() ^= 1U;
    const auto [id, detail] = failure_of(spoiled);
    EXPECT_EQ(id, "eventlog.digests");
    EXPECT_EQ(detail.substr(0, 11), "E2: event " + std::to_string(i));
  }
}

TEST(EventLogDifference, NamesTheRegisterAndBothValues) {
  const std::vector<Event> log{boot(1, 1), boot(1, 2)};
  evidence::TdReport td = explained_by(log);
  td.rtmr[1].fill(0x77);
  Verdict verdict;
  EXPECT_FALSE(verify_event_log(log, td, verdict));
  EXPECT_EQ(verdict.first_failure()->id, "eventlog.rtmr1");
  EXPECT_EQ(verdict.first_failure()->detail, "E4: RTMR1: 2 events replay to " +
                                                 to_hex(replay(log)[1]) + ", the quote has " +
                                                 to_hex(td.rtmr[1]));
}

std::string hint_for(const std::vector<Event>& log, const Rtmrs& quoted, unsigned index) {
  evidence::TdReport td;
  td.rtmr = quoted;
  Verdict verdict;
  EXPECT_FALSE(verify_event_log(log, td, verdict));
  const auto check =
      std::ranges::find(verdict.checks(), "eventlog.rtmr" + std::to_string(index), &Check::id);
  EXPECT_EQ(check->status, CheckStatus::fail);
  return check->detail.substr(check->detail.rfind(to_hex(quoted.at(index))) + 96);
}

TEST(EventLogDifference, SaysWhatMayExplainIt) {
  auto log = vector_log();
  const Rtmrs honest = replay(log);
  EXPECT_EQ(hint_for(log, Rtmrs{}, 3), ": the quote's was never extended");
  auto unlisted = log;
  unlisted[0].digest = {};
  EXPECT_EQ(hint_for(unlisted, Rtmrs{}, 3), ": the quote's was never extended");
  auto longer = log;
  longer.push_back(runtime("model", "11"));
  EXPECT_EQ(hint_for(longer, honest, 3), ": the quote's is that of the first 4 events");
  auto changed = log;
  changed.insert(changed.begin(), boot(0, 9));
  changed[2].payload = {1};
  EXPECT_EQ(hint_for(changed, honest, 3),
            ": its event 1 (compose-hash) does not hash to its listed digest");
}

}  // namespace
}  // namespace confide::verify
