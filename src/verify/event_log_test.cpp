#include "verify/event_log.h"

#include <string>
#include <type_traits>

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
  out.digest = runtime_event_digest(out.name, out.payload);
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
  EXPECT_EQ(ids, (std::vector<std::string>{"eventlog.digests", "eventlog.rtmr0", "eventlog.rtmr1",
                                           "eventlog.rtmr2", "eventlog.rtmr3"}));
  EXPECT_EQ(out->events().size(), log.size());
  EXPECT_EQ(to_hex(out->platform_event("app-id").value()),
            "1111111111111111111111111111111111111111");
  EXPECT_EQ(to_hex(out->application_event("model").value()), "aabb");
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
  log.insert(log.begin() + 3, runtime("compose-hash", "00"));
  EXPECT_EQ(verified(log)->platform_event("compose-hash").error().code, Errc::mismatch);
  log[1].type = 1;
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
  EXPECT_EQ(runtime_event_digest(log.back().name, log.back().payload), log.back().digest);
  Verdict verdict;
  EXPECT_EQ(verify_event_log(log, td, verdict).error().code, Errc::mismatch);
  EXPECT_EQ(verdict.first_failure()->id, "eventlog.digests");
}

TEST(EventLogLookUp, RefusesTwoOfAName) {
  auto log = vector_log();
  log.insert(log.begin() + 1, runtime("app-id", "22"));
  EXPECT_EQ(verified(log)->platform_event("app-id").error().code, Errc::mismatch);
  EXPECT_EQ(verified(log)->application_event("app-id").error().code, Errc::mismatch);
}

TEST(EventLogLookUp, ThePlatformSpeaksOnlyBeforeSystemReady) {
  auto log = vector_log();
  log.push_back(runtime("compose-hash", "00"));
  log.push_back(runtime("key-provider", "00"));
  const auto out = verified(log);
  EXPECT_EQ(to_hex(out->platform_event("compose-hash").value()),
            "78bbb92546af9cb93fce0f6aad9ace19bde5d3435a17ad5698b48dcca91b3de6");
  EXPECT_EQ(out->platform_event("key-provider").error().code, Errc::not_found);
  EXPECT_EQ(to_hex(out->application_event("key-provider").value()), "00");
}

TEST(EventLogLookUp, WithoutSystemReadyThePlatformSaidNothing) {
  EXPECT_EQ(verified({runtime("app-id", "11")})->platform_event("app-id").error().code,
            Errc::not_found);
}

TEST(EventLogLookUp, AnEventOfAnotherRegisterIsNobodys) {
  auto log = vector_log();
  log.insert(log.begin(), runtime("key-provider", "00"));
  log.front().imr = 2;
  EXPECT_EQ(verified(log)->platform_event("key-provider").error().code, Errc::not_found);
  EXPECT_EQ(verified(log)->application_event("key-provider").error().code, Errc::not_found);
}

TEST(EventLogVerify, RefusesASecondSystemReady) {
  auto log = vector_log();
  log.push_back(runtime("system-ready", ""));
  Verdict verdict;
  EXPECT_EQ(verify_event_log(log, explained_by(log), verdict).error().code, Errc::mismatch);
  EXPECT_EQ(verdict.first_failure()->id, "eventlog.digests");
}

}  // namespace
}  // namespace confide::verify
