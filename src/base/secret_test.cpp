#include "base/secret.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

// The block whose release is being watched, and what was in it then.
const std::uint8_t* watched = nullptr;
std::size_t watched_size = 0;
int releases = 0;
bool was_wiped = false;

void release(void* p) noexcept {
  if (p != nullptr && p == watched) {
    ++releases;
    was_wiped = std::all_of(watched, watched + watched_size, [](auto byte) { return byte == 0; });
    watched = nullptr;
  }
  std::free(p);
}

}  // namespace

// Memory may be looked at only until it is freed, so the test program frees it itself.
void* operator new[](std::size_t size) {
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
void operator delete[](void* p) noexcept { release(p); }
void operator delete[](void* p, std::size_t) noexcept { release(p); }

namespace confide {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);
static_assert(std::is_nothrow_move_constructible_v<SecretBytes>);

void watch(const SecretBytes& secret) {
  watched = secret.reveal().data();
  watched_size = secret.size();
  releases = 0;
  was_wiped = false;
}

SecretBytes sample() { return SecretBytes::copy_of(Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}); }
// Has memory of its own, which is watched as it is freed.
SecretBytes large() { return SecretBytes::copy_of(Bytes(100, 7)); }

TEST(SecretBytes, StartsAsZeroes) {
  EXPECT_THAT(SecretBytes(40).reveal(), Each(0));
  EXPECT_EQ(SecretBytes().size(), 0U);
  EXPECT_TRUE(SecretBytes::copy_of({}).reveal().empty());
}

TEST(SecretBytes, IsWipedWhenDestroyed) {
  {
    const SecretBytes secret = large();
    watch(secret);
  }
  EXPECT_EQ(releases, 1);
  EXPECT_TRUE(was_wiped);
}

// Their pages are never unmapped, so they may be looked at; the first bytes lead to other free
// ones.
TEST(SecretBytes, SmallOnesAreWipedAndUsedAgain) {
  const std::uint8_t* memory = nullptr;
  {
    const SecretBytes secret = SecretBytes::copy_of(Bytes(64, 7));
    memory = secret.reveal().data();
  }
  EXPECT_THAT(std::vector(memory + sizeof(void*), memory + 64), Each(0));
  const SecretBytes next(64);
  EXPECT_EQ(next.reveal().data(), memory);
  EXPECT_THAT(next.reveal(), Each(0));
}

TEST(SecretBytes, ManyLiveAtOnceAndApart) {
  std::vector<SecretBytes> all;
  for (int i = 0; i < 3000; ++i) {
    all.push_back(SecretBytes::copy_of(Bytes(64, static_cast<std::uint8_t>(i))));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_THAT(all[i].reveal(), Each(static_cast<std::uint8_t>(i)));
  }
}

int locked_kib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word && word != "VmLck:") {
  }
  int kib = 0;
  status >> kib;
  return kib;
}

TEST(SecretBytes, LiesInLockedMemory) {
  alignas(4096) static std::array<char, 4096> page;
  if (mlock(page.data(), page.size()) != 0 || locked_kib() == 0) {
    GTEST_SKIP() << "SKIPPED: this process may not lock memory, or a sanitizer keeps it from that";
  }
  munlock(page.data(), page.size());
  const SecretBytes secret = sample();
  EXPECT_GE(locked_kib(), 64);
}

TEST(SecretBytes, IsWipedWhenAnotherIsMovedIn) {
  SecretBytes secret = large();
  SecretBytes next = SecretBytes::copy_of(Bytes{42});
  watch(secret);
  secret = std::move(next);
  EXPECT_EQ(releases, 1);
  EXPECT_TRUE(was_wiped);
  EXPECT_THAT(secret.reveal(), ElementsAre(42));
}

TEST(SecretBytes, MovingLeavesNothingBehind) {
  SecretBytes from = sample();
  const std::uint8_t* const block = from.reveal().data();
  const SecretBytes to = std::move(from);
  EXPECT_EQ(to.reveal().data(), block);  // the bytes themselves were not copied
  EXPECT_EQ(from.size(), 0U);            // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(from.reveal().data(), nullptr);
}

TEST(SecretBytes, MovingOntoItselfKeepsIt) {
  SecretBytes secret = sample();
  SecretBytes& same = secret;
  secret = std::move(same);
  EXPECT_EQ(secret.size(), 10U);
}

TEST(SecretBytes, CloneIsIndependent) {
  SecretBytes secret = sample();
  const SecretBytes copy = secret.clone();
  secret.reveal()[0] = 99;
  EXPECT_EQ(copy.reveal()[0], 1);
}

TEST(Wipe, OverwritesBytesAndText) {
  Bytes bytes = {1, 2, 3};
  wipe(bytes);
  EXPECT_THAT(bytes, Each(0));
  std::string text = "a prompt that is long enough to live on the heap";
  const char* const at = text.data();
  const std::size_t size = text.size();
  wipe(text);
  EXPECT_TRUE(text.empty());
  // The string keeps its buffer, so it may still be looked at.
  ASSERT_EQ(text.data(), at);
  EXPECT_EQ(std::string(at, size), std::string(size, '\0'));
  wipe(std::span<std::uint8_t>{});
}

TEST(ConstantTimeEqual, ComparesContentAndLength) {
  EXPECT_TRUE(constant_time_equal({}, {}));
  EXPECT_TRUE(constant_time_equal(as_bytes("secret"), as_bytes("secret")));
  EXPECT_FALSE(constant_time_equal(as_bytes("secret"), as_bytes("secreT")));
  EXPECT_FALSE(constant_time_equal(as_bytes("Secret"), as_bytes("secret")));
  EXPECT_FALSE(constant_time_equal(as_bytes("secret"), as_bytes("secrets")));
  EXPECT_FALSE(constant_time_equal(as_bytes("secret"), {}));
}

}  // namespace
}  // namespace confide
