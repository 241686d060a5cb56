#include "collateral/cache.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/testing/temp_folder.h"

namespace confide::collateral {
namespace {

constexpr Time kNow = from_unix(1'790'000'000);

Entry entry(std::string_view body) {
  return {to_bytes(as_bytes(body)), "chain", kNow - std::chrono::hours{1},
          kNow + std::chrono::hours{1}};
}

struct CacheTest : ::testing::Test {
  TempFolder temp;
  std::string folder = temp.file("cache");
  Cache cache = Cache::open(folder).value();

  std::string only_file() const {
    const auto first = std::filesystem::directory_iterator(folder);
    return first == std::filesystem::end(first) ? "" : first->path().string();
  }
  std::string found(std::string_view key, Time at = kNow) const {
    const auto entry = cache.find("kind", key, at);
    return entry ? std::string(as_text(entry->body)) : "nothing";
  }
  static unsigned mode(const std::string& path) {
    struct stat about{};
    return ::stat(path.c_str(), &about) == 0 ? about.st_mode & 0777U : 0;
  }
};

TEST_F(CacheTest, GivesBackWhatWasStored) {
  EXPECT_EQ(found("key"), "nothing");
  ASSERT_TRUE(cache.store("kind", "key", entry("body")));
  const auto kept = Cache::open(folder)->find("kind", "key", kNow);
  ASSERT_TRUE(kept);
  EXPECT_EQ(as_text(kept->body), "body");
  EXPECT_EQ(kept->issuer_chain, "chain");
  EXPECT_EQ(kept->valid_until, kNow + std::chrono::hours{1});
  EXPECT_EQ(found("another key"), "nothing");
  EXPECT_FALSE(cache.find("another_kind", "key", kNow));
  ASSERT_TRUE(cache.store("kind", "key", entry("newer")));
  EXPECT_EQ(found("key"), "newer");
}

TEST_F(CacheTest, FilesArePrivateAndNamesTellNothing) {
  ASSERT_TRUE(cache.store("kind", "https://host/chip/d2421d97", entry("body")));
  EXPECT_EQ(mode(folder), 0700U);
  EXPECT_EQ(mode(only_file()), 0600U);
  EXPECT_EQ(only_file().find("d2421d97"), std::string::npos);
}

TEST_F(CacheTest, AnEntryOutsideItsTimeIsNotThere) {
  ASSERT_TRUE(cache.store("kind", "key", entry("body")));
  EXPECT_EQ(found("key", kNow - std::chrono::hours{1}), "body");
  EXPECT_EQ(found("key", kNow - std::chrono::hours{1} - std::chrono::seconds{1}), "nothing");
  EXPECT_EQ(found("key", kNow + std::chrono::hours{1} - std::chrono::seconds{1}), "body");
  EXPECT_EQ(found("key", kNow + std::chrono::hours{1}), "nothing");
}

TEST_F(CacheTest, ADamagedEntryIsNotThere) {
  ASSERT_TRUE(cache.store("kind", "key", entry("body")));
  const std::string name = std::filesystem::path(only_file()).filename();
  TempFolder elsewhere;
  std::filesystem::copy(only_file(), elsewhere.file("good"));
  const std::string good = elsewhere.read("good");
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    temp.write("cache/" + name, bad);
    const std::string now = found("key");
    EXPECT_TRUE(now == "nothing" || now == "body") << bad;
    temp.write("cache/" + name, good.substr(0, i));
    EXPECT_EQ(found("key"), "nothing");
  }
  temp.write("cache/" + name, good);
  EXPECT_EQ(found("key"), "body");
}

TEST_F(CacheTest, AnEntryUnderAnothersNameIsNotThere) {
  ASSERT_TRUE(cache.store("kind", "key", entry("body")));
  const std::string mine = only_file();
  std::filesystem::rename(mine, temp.file("moved"));
  ASSERT_TRUE(cache.store("kind", "other", entry("other")));
  std::filesystem::rename(temp.file("moved"), only_file());
  EXPECT_EQ(found("other"), "nothing");
}

TEST_F(CacheTest, WritersAndReadersDoNotMeet) {
  ASSERT_TRUE(cache.store("kind", "key", entry("0")));
  std::vector<std::jthread> writers;
  for (int n = 0; n < 4; ++n) {
    writers.emplace_back([this, n] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(cache.store("kind", "key", entry(std::to_string(n))));
        EXPECT_NE(found("key"), "nothing");
      }
    });
  }
  writers.clear();
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST_F(CacheTest, AFolderThatCannotBeIsUnavailable) {
  temp.write("file", "");
  EXPECT_EQ(Cache::open(temp.file("file")).error().code, Errc::unavailable);
  EXPECT_EQ(Cache::open(temp.file("file/below")).error().code, Errc::unavailable);
  std::filesystem::remove_all(folder);
  EXPECT_EQ(cache.store("kind", "key", entry("body")).error().code, Errc::unavailable);
}

TEST(DefaultCacheFolderTest, FollowsTheBaseDirectorySpecification) {
  ::setenv("HOME", "/home/someone", 1);
  ::setenv("XDG_CACHE_HOME", "/var/cache/someone", 1);
  EXPECT_EQ(default_cache_folder(), "/var/cache/someone/confide");
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  EXPECT_EQ(default_cache_folder(), "/home/someone/.cache/confide");
  ::unsetenv("XDG_CACHE_HOME");
  EXPECT_EQ(default_cache_folder(), "/home/someone/.cache/confide");
  ::unsetenv("HOME");
  EXPECT_EQ(default_cache_folder(), "");
}

}  // namespace
}  // namespace confide::collateral
