#include "evidence/event_log.h"

#include <gtest/gtest.h>

namespace confide::evidence {
namespace {

const std::string kDigest(96, 'a');

Json entry() {
  return Json{{"imr", 3},
              {"event_type", kRuntimeEvent},
              {"digest", kDigest},
              {"event", "app-id"},
              {"event_payload", "1122"}};
}

Json with(std::string_view member, Json value) {
  Json out = entry();
  out[member] = std::move(value);
  return Json::array({out});
}

Errc error_of(const Json& log) {
  const auto out = parse_event_log(log);
  EXPECT_FALSE(out) << log.dump();
  return out ? Errc::internal : out.error().code;
}

TEST(EventLog, ReadsTheArrayAndTheStringThatHoldsOne) {
  const Json array = Json::array({entry()});
  for (const Json& form : {array, Json(array.dump())}) {
    const auto log = parse_event_log(form);
    ASSERT_TRUE(log) << log.error().message;
    ASSERT_EQ(log->size(), 1U);
    EXPECT_EQ(log->front().imr, 3U);
    EXPECT_EQ(log->front().type, kRuntimeEvent);
    EXPECT_EQ(to_hex(log->front().digest), kDigest);
    EXPECT_EQ(log->front().name, "app-id");
    EXPECT_EQ(log->front().payload, (Bytes{0x11, 0x22}));
    EXPECT_EQ(event_log_to_json(*log), array);
  }
}

TEST(EventLog, AnEmptyLogIsALog) { EXPECT_TRUE(parse_event_log(Json::array())->empty()); }

TEST(EventLog, OnlyARuntimeEventMayLackItsDigest) {
  const auto log = parse_event_log(with("digest", ""));
  ASSERT_TRUE(log);
  EXPECT_EQ(log->front().digest, Measurement{});
  Json boot = with("digest", "");
  boot[0]["event_type"] = 1;
  EXPECT_EQ(error_of(boot), Errc::malformed);
}

TEST(EventLog, ReadsDigestVersionAndPreimageOfARuntimeEvent) {
  EXPECT_EQ(parse_event_log(with("version", 1))->front().version, DigestVersion::v1);
  const Json second = with("version", 2);
  EXPECT_EQ(parse_event_log(second)->front().version, DigestVersion::v2);
  EXPECT_EQ(event_log_to_json(*parse_event_log(second)), second);
  const Json explained = with("preimage", "00ff");
  EXPECT_EQ(parse_event_log(explained)->front().preimage, (Bytes{0x00, 0xff}));
  EXPECT_EQ(event_log_to_json(*parse_event_log(explained)), explained);

  for (const int version : {0, 3, -1}) {
    EXPECT_EQ(error_of(with("version", version)), Errc::unsupported);
  }
  EXPECT_EQ(error_of(with("version", "2")), Errc::malformed);
  EXPECT_EQ(error_of(with("preimage", "0")), Errc::malformed);
  EXPECT_EQ(error_of(with("preimage", nullptr)), Errc::malformed);
  // Firmware's events have neither: members of these names are somebody's extension.
  Json boot = with("version", "2");
  boot[0]["event_type"] = 4;
  EXPECT_EQ(parse_event_log(boot)->front().version, DigestVersion::v1);
}

TEST(EventLog, RefusesWhatIsNoLog) {
  for (const Json& form : {Json(), Json(1), Json::object(), Json("{}"), Json("[")}) {
    EXPECT_EQ(error_of(form), Errc::malformed);
  }
  // A string in a string: one unwrapping is all there is.
  EXPECT_EQ(error_of(Json(Json("[]").dump())), Errc::malformed);
}

TEST(EventLog, ReadsEveryRegisterAndType) {
  for (const unsigned imr : {0U, 3U}) {
    EXPECT_EQ(parse_event_log(with("imr", imr)).value().front().imr, imr);
  }
  for (const std::uint32_t type : {0U, UINT32_MAX}) {
    EXPECT_EQ(parse_event_log(with("event_type", type)).value().front().type, type);
  }
}

TEST(EventLog, RefusesBadMembers) {
  EXPECT_EQ(error_of(with("imr", 4)), Errc::malformed);
  EXPECT_EQ(error_of(with("imr", -1)), Errc::malformed);
  EXPECT_EQ(error_of(with("imr", "3")), Errc::malformed);
  EXPECT_EQ(error_of(with("event_type", std::int64_t{1} << 32U)), Errc::malformed);
  EXPECT_EQ(error_of(with("event_type", -1)), Errc::malformed);
  EXPECT_EQ(error_of(with("event_type", 1.5)), Errc::malformed);
  EXPECT_EQ(error_of(with("digest", kDigest + "aa")), Errc::malformed);
  EXPECT_EQ(error_of(with("digest", kDigest.substr(2))), Errc::malformed);
  EXPECT_EQ(error_of(with("event", nullptr)), Errc::malformed);
  EXPECT_EQ(error_of(with("event_payload", "1")), Errc::malformed);
  EXPECT_EQ(error_of(with("event_payload", "zz")), Errc::malformed);
  for (const char* member : {"imr", "event_type", "digest", "event", "event_payload"}) {
    Json log = Json::array({entry()});
    log[0].erase(member);
    EXPECT_EQ(error_of(log), Errc::malformed) << member;
  }
}

TEST(EventLog, RefusesAFlood) {
  Json log = Json::array();
  for (int i = 0; i < 8192; ++i) log.push_back(entry());
  EXPECT_TRUE(parse_event_log(log));
  log.push_back(entry());
  EXPECT_EQ(error_of(log), Errc::limit);
}

}  // namespace
}  // namespace confide::evidence
