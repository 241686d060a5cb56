#include "crypto/hash.h"

#include <openssl/evp.h>

#include <utility>

#include <gtest/gtest.h>

#include "crypto/keccak.h"
#include "crypto/random.h"

namespace confide::crypto {
namespace {

TEST(Sha2, Fips180Vectors) {
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha384(as_bytes("abc"))),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baec"
            "a134c825a7");
  EXPECT_EQ(to_hex(sha512(as_bytes("abc"))),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c"
            "23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST(Sha3, Fips202Vector) {
  EXPECT_EQ(to_hex(sha3_384(as_bytes("abc"))),
            "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1ed"
            "f228376d25");
}

TEST(Sha256Tag, IsWhatReceiptsCarry) {
  // contract 4.5: the request body and its hash.
  constexpr auto kBody = R"({"messages":[{"content":"hi","role":"user"}],"model":"demo-model"})";
  constexpr auto kTag = "sha256:94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b";
  EXPECT_EQ(sha256_tag(as_bytes(kBody)), kTag);
  EXPECT_EQ(sha256_tag(sha256(as_bytes(kBody))), kTag);
}

TEST(Sha256Stream, EqualsOneShotForEverySplit) {
  const Bytes message = random_bytes(300);
  for (std::size_t cut = 0; cut <= message.size(); cut += 7) {
    Sha256Stream stream;
    stream.update(ByteView(message).first(cut));
    stream.update({});
    Sha256Stream moved = std::move(stream);
    moved.update(ByteView(message).subspan(cut));
    EXPECT_EQ(moved.finish(), sha256(message));
  }
  EXPECT_EQ(Sha256Stream().finish(), sha256({}));
}

TEST(Sha256StreamDeathTest, FinishesOnce) {
  Sha256Stream stream;
  stream.finish();
  EXPECT_DEATH(stream.finish(), "");
  EXPECT_DEATH(stream.update({}), "");
}

TEST(Keccak256, KnownAnswers) {
  EXPECT_EQ(to_hex(keccak256({})),
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  EXPECT_EQ(to_hex(keccak256(as_bytes("abc"))),
            "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
}

// The permutation is ours, so it is compared with AWS-LC's under the padding that AWS-LC knows.
// The lengths pass the rate of 136 bytes several times.
TEST(Keccak256, PermutationEqualsAwsLcs) {
  for (std::size_t size = 0; size < 600; ++size) {
    const Bytes message = random_bytes(size);
    ByteArray<32> expected{};
    ASSERT_EQ(EVP_Digest(message.data(), size, expected.data(), nullptr, EVP_sha3_256(), nullptr),
              1);
    ASSERT_EQ(keccak_sponge_256(message, 0x06), expected) << size;
    ASSERT_NE(keccak256(message), expected);
  }
}

}  // namespace
}  // namespace confide::crypto
