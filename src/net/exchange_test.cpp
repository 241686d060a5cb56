#include "net/exchange.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

namespace confide::net {
namespace {

struct ExchangeTest : ::testing::Test {
  int wakes = 0;
  std::shared_ptr<ExchangeCore> core = std::make_shared<ExchangeCore>([this] { ++wakes; });
  std::shared_ptr<Exchange> exchange = make_exchange(core);
  int gone = 0;
};

TEST_F(ExchangeTest, WakesOnceForAllThatWaits) {
  exchange->start({});
  exchange->write("a");
  exchange->write("");
  exchange->write("b");
  EXPECT_EQ(wakes, 1);
  auto out = core->take();
  EXPECT_TRUE(out.head);
  EXPECT_FALSE(out.whole);
  EXPECT_EQ(out.bytes, "ab");
  EXPECT_EQ(out.end, ExchangeCore::End::open);
  exchange->finish();
  EXPECT_EQ(wakes, 2);
  out = core->take();
  EXPECT_FALSE(out.head);
  EXPECT_EQ(out.end, ExchangeCore::End::finished);
}

TEST_F(ExchangeTest, CountsWhatIsNotSentWhoeverHoldsIt) {
  exchange->start({});
  exchange->write("abc");
  EXPECT_EQ(exchange->unsent(), 3U);
  core->take();
  core->set_backlog(2);
  exchange->write("d");
  EXPECT_EQ(exchange->unsent(), 3U);
  core->detach();
  exchange->write("e");
  EXPECT_EQ(exchange->unsent(), 0U);
}

TEST_F(ExchangeTest, NothingHappensAfterTheEnd) {
  exchange->on_gone([this] { ++gone; });
  exchange->respond({.status = 201, .headers = {}, .body = "x"});
  EXPECT_EQ(core->take().head->status, 201);
  exchange->respond({});
  exchange->start({});
  exchange->write("a");
  exchange->finish();
  exchange->abort();
  exchange->on_gone([this] { ++gone; });
  core->detach();
  exchange.reset();
  const auto out = core->take();
  EXPECT_FALSE(out.head);
  EXPECT_EQ(out.bytes, "");
  EXPECT_EQ(out.end, ExchangeCore::End::open);
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(gone, 0);
}

TEST_F(ExchangeTest, CallsOutOfOrderDoNothing) {
  exchange->write("a");
  exchange->finish();
  EXPECT_EQ(wakes, 0);
  exchange->start({});
  exchange->start({.status = 500, .headers = {}, .body = ""});
  exchange->respond({.status = 500, .headers = {}, .body = ""});
  const auto out = core->take();
  EXPECT_EQ(out.head->status, 200);
  EXPECT_EQ(out.end, ExchangeCore::End::open);
}

TEST_F(ExchangeTest, DroppedUnansweredOrCut) {
  exchange.reset();
  EXPECT_EQ(core->take().end, ExchangeCore::End::unanswered);

  const auto streaming = std::make_shared<ExchangeCore>([] {});
  exchange = make_exchange(streaming);
  exchange->start({});
  exchange.reset();
  EXPECT_EQ(streaming->take().end, ExchangeCore::End::aborted);
}

TEST_F(ExchangeTest, GoneIsToldOnceAndToLatecomersAtOnce) {
  exchange->on_gone([this] { ++gone; });
  exchange->start({});
  core->detach();
  core->detach();
  EXPECT_EQ(gone, 1);
  exchange->on_gone([this] { ++gone; });
  EXPECT_EQ(gone, 2);
  const int before = wakes;
  exchange->write("a");
  exchange->finish();
  EXPECT_EQ(wakes, before);
}

// The callback may use the exchange, and may be what keeps it alive.
TEST_F(ExchangeTest, CallbackMayOwnAndUseTheExchange) {
  exchange->on_gone([this, keep = exchange] {
    keep->write("x");
    ++gone;
  });
  exchange.reset();
  core->detach();
  EXPECT_EQ(gone, 1);
  EXPECT_EQ(core.use_count(), 1);
}

TEST_F(ExchangeTest, NoWakeAfterDetachWhateverTheThreads) {
  std::atomic<bool> detached{false};
  const auto shared = std::make_shared<ExchangeCore>([&detached] { EXPECT_FALSE(detached); });
  const auto handle = make_exchange(shared);
  handle->start({});
  std::thread writer([&handle] {
    for (int i = 0; i < 1000; ++i) handle->write("x");
    handle->finish();
  });
  for (int i = 0; i < 100; ++i) shared->take();
  shared->detach();
  detached = true;
  writer.join();
}

}  // namespace
}  // namespace confide::net
