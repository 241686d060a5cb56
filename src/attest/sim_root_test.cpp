#include "attest/sim_root.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/temp_folder.h"

namespace confide::attest {
namespace {

using std::chrono::days;
using std::chrono::hours;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr Time kNow = from_unix(1'800'000'000);

struct SimRootTest : ::testing::Test {
  SimIssuer open() const { return open_sim_root(folder.path(), kNow).value(); }
  Error refused(Time now = kNow) const {
    const auto root = open_sim_root(folder.path(), now);
    return root ? Error{Errc::internal, "opened"} : root.error();
  }
  unsigned mode(const char* name) const {
    struct stat status{};
    EXPECT_EQ(::stat(folder.file(name).c_str(), &status), 0);
    return status.st_mode & 0777U;
  }

  TempFolder folder;
};

TEST_F(SimRootTest, IsMadeOnceAndKept) {
  const SimIssuer first = open();
  const SimIssuer second = open();
  EXPECT_EQ(first.certificate, second.certificate);
  EXPECT_EQ(first.key.public_key(), second.key.public_key());
  EXPECT_EQ(folder.read("sim-root.pem"), first.certificate.to_pem());
}

TEST_F(SimRootTest, SaysThatItIsSimulated) {
  const SimIssuer root = open();
  EXPECT_EQ(root.certificate.common_name(), "Confide SIMULATED SGX Root CA");
  EXPECT_THAT(root.certificate.subject(), HasSubstr("O=Confide SIMULATED"));
  EXPECT_TRUE(crypto::verify_chain(std::array{root.certificate}, root.certificate, kNow));
}

TEST_F(SimRootTest, KeepsItsKeyPrivateAndItsCertificatePublic) {
  open();
  EXPECT_EQ(mode("sim-root.key"), 0600U);
  EXPECT_EQ(mode("sim-root.pem"), 0644U);
  ASSERT_EQ(::chmod(folder.file("sim-root.key").c_str(), 0644), 0);
  open();
  EXPECT_EQ(mode("sim-root.key"), 0600U);
}

TEST_F(SimRootTest, MakesTheFolder) {
  const auto root = open_sim_root(folder.file("state"), kNow);
  ASSERT_TRUE(root);
  EXPECT_EQ(mode("state"), 0700U);
}

TEST_F(SimRootTest, ProcessesThatStartAtOnceGetTheSameRoot) {
  constexpr int kProcesses = 6;
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const crypto::Sha256 id = open().certificate.spki_sha256();
      const bool sent = write(ends[1], id.data(), id.size()) == static_cast<ssize_t>(id.size());
      _exit(sent ? 0 : 1);
    }
  }
  std::set<Bytes> seen;
  for (int i = 0; i < kProcesses; ++i) {
    int status = -1;
    ASSERT_GT(wait(&status), 0);
    ASSERT_EQ(status, 0);
    Bytes id(32);
    ASSERT_EQ(read(ends[0], id.data(), id.size()), 32);
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 1U);
  EXPECT_EQ(*seen.begin(), to_bytes(open().certificate.spki_sha256()));
}

TEST_F(SimRootTest, FinishesAStartThatWasCutOffBehindTheKey) {
  const SimIssuer before = open();
  std::filesystem::remove(folder.file("sim-root.pem"));
  const SimIssuer after = open();
  EXPECT_EQ(after.key.public_key(), before.key.public_key());
  EXPECT_EQ(after.certificate.p256_public().value(), before.key.public_key());
  EXPECT_EQ(folder.read("sim-root.pem"), after.certificate.to_pem());
}

TEST_F(SimRootTest, FinishesAStartThatWasCutOffInAFile) {
  folder.write("sim-root.key.tmp", "half a k");
  const SimIssuer root = open();
  EXPECT_FALSE(folder.has("sim-root.key.tmp"));
  EXPECT_EQ(open().certificate, root.certificate);
}

TEST_F(SimRootTest, RefusesACertificateWithoutItsKey) {
  open();
  std::filesystem::remove(folder.file("sim-root.key"));
  const std::string pem = folder.read("sim-root.pem");
  const Error error = refused();
  EXPECT_EQ(error.code, Errc::unavailable);
  EXPECT_THAT(error.message, AllOf(HasSubstr(folder.path()), HasSubstr("move")));
  EXPECT_EQ(folder.read("sim-root.pem"), pem);
  EXPECT_FALSE(folder.has("sim-root.key"));
}

TEST_F(SimRootTest, RefusesDamagedFilesAndLeavesThemAlone) {
  open();
  for (const char* name : {"sim-root.key", "sim-root.pem"}) {
    const std::string whole = folder.read(name);
    for (const std::string& damaged : {std::string(), whole.substr(0, whole.size() / 2)}) {
      folder.write(name, damaged);
      EXPECT_EQ(refused().code, Errc::malformed) << name;
      EXPECT_EQ(folder.read(name), damaged);
    }
    folder.write(name, std::string(10'000, 'x'));
    EXPECT_EQ(refused().code, Errc::limit) << name;
    folder.write(name, whole);
  }
  open();
}

TEST_F(SimRootTest, RefusesTheKeyOfAnotherRoot) {
  open();
  const TempFolder other;
  ASSERT_TRUE(open_sim_root(other.path(), kNow));
  folder.write("sim-root.key", other.read("sim-root.key"));
  EXPECT_EQ(refused().code, Errc::mismatch);
}

TEST_F(SimRootTest, RefusesTimesOutsideItsValidity) {
  open();
  EXPECT_EQ(refused(kNow - hours{2}).code, Errc::expired);
  EXPECT_EQ(refused(kNow + days{21 * 365}).code, Errc::expired);
}

TEST_F(SimRootTest, SaysWhenTheFolderCannotBeUsed) {
  EXPECT_EQ(open_sim_root("", kNow).error().code, Errc::unavailable);
  EXPECT_EQ(open_sim_root(folder.file("no/where"), kNow).error().code, Errc::unavailable);
  folder.write("file", "x");
  EXPECT_EQ(open_sim_root(folder.file("file"), kNow).error().code, Errc::unavailable);
}

}  // namespace
}  // namespace confide::attest
