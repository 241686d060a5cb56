#include "attest/measured_log.h"

#include <string>

#include <gtest/gtest.h>

namespace confide::attest {
namespace {

evidence::Event event(std::string_view name, std::string_view payload_hex) {
  return runtime_event(name, from_hex(payload_hex).value()).value();
}

// Contract 4.8.
TEST(MeasuredLogTest, ReproducesThePublishedReplay) {
  MeasuredLog log;
  log.append(event("app-id", "1111111111111111111111111111111111111111"));
  log.append(
      event("compose-hash", "78bbb92546af9cb93fce0f6aad9ace19bde5d3435a17ad5698b48dcca91b3de6"));
  log.append(
      event("os-image-hash", "bd369a8c2f9edb2b52dad48ac8e0b32dde5f1337c423a506b48d07403a7d8033"));
  log.append(event("system-ready", ""));
  EXPECT_EQ(to_hex(log.events()[0].digest),
            "3f1fbb6cfe25e7f19bd48cfa9dc590cabaa946da04f9215402e7083550177292c1478402b258a90c649ccf"
            "cb5f408175");
  EXPECT_EQ(to_hex(log.events()[3].digest),
            "1a76b2a80a0be71eae59f80945d876351a7a3fb8e9fd1ff1cede5734aa84ea11fd72b4edfbb6f04e5a85ed"
            "d114c751bd");
  EXPECT_EQ(to_hex(log.rtmrs()[3]),
            "288fade1142c256d3de59d9ce271f7b559e40253c4b56fcebfe800ebf1f907b94b802a6cbcac322843e1fe"
            "a928196909");
  EXPECT_EQ(log.rtmrs()[0], evidence::Measurement{});
}

TEST(MeasuredLogTest, ARuntimeEventSaysWhatWasMeasured) {
  const evidence::Event made = event("model", "00ff");
  EXPECT_EQ(made.imr, 3U);
  EXPECT_EQ(made.type, 0x08000001U);
  EXPECT_EQ(made.name, "model");
  EXPECT_EQ(made.payload, (Bytes{0x00, 0xff}));
}

TEST(MeasuredLogTest, RefusesNamesThatMakeTheDigestAmbiguous) {
  EXPECT_EQ(runtime_event("", {}).error().code, Errc::malformed);
  EXPECT_EQ(runtime_event("a:b", {}).error().code, Errc::malformed);
}

TEST(MeasuredLogTest, RefusesWhatIsTooLong) {
  EXPECT_EQ(runtime_event(std::string(129, 'n'), {}).error().code, Errc::limit);
  EXPECT_EQ(runtime_event("n", Bytes((64 << 10) + 1)).error().code, Errc::limit);
  EXPECT_TRUE(runtime_event(std::string(128, 'n'), Bytes(64 << 10)));
}

}  // namespace
}  // namespace confide::attest
