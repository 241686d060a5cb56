// What was opened is wiped before its memory is freed.
#include <malloc.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <variant>

#include <gtest/gtest.h>

#include "seal/ohttp_gateway.h"

namespace {

constexpr std::string_view kSecret = "the words that must not stay";
bool watching = false;
int freed_with_secret = 0;

void release(void* p) noexcept {
  if (watching && p != nullptr) {
    const std::string_view block(static_cast<const char*>(p), malloc_usable_size(p));
    if (block.find(kSecret) != std::string_view::npos) ++freed_with_secret;
  }
  std::free(p);
}

}  // namespace

// Memory may be looked at only until it is freed, so the test program frees it itself; and it is
// handed out clean, so that what is found in it was put there since.
void* operator new(std::size_t size) {
  if (void* p = std::calloc(1, size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }

namespace confide::seal {
namespace {

const Time kNow = from_unix(1'790'000'000);

struct Wiping : ::testing::TestWithParam<OhttpForm> {
  Bytes capsule(Time date) const {
    std::string content;
    while (content.size() < 50'000) content += kSecret;
    return seal_exchange(keys->current()->config(), {.path = "/", .content = std::move(content)},
                         {.form = GetParam(), .now = date, .nonce = std::string(64, 'b')})
        .value()
        .capsule;
  }
  auto admit(const Bytes& bytes) {
    freed_with_secret = 0;
    watching = true;
    auto out = gateway.admit(GetParam(), bytes, kNow);
    watching = false;
    return out;
  }

  std::shared_ptr<OhttpKeys> keys = std::make_shared<OhttpKeys>(GatewayKey::generate(1));
  OhttpGateway gateway{keys, 4};
};

TEST_P(Wiping, OfAnAdmittedRequestOnlyTheRequestIsLeft) {
  const auto answer = admit(capsule(kNow));
  ASSERT_TRUE(std::holds_alternative<Admitted>(answer));
  EXPECT_EQ(std::get<Admitted>(answer).request.content.find(kSecret), 0U);
  EXPECT_EQ(freed_with_secret, 0);
}

TEST_P(Wiping, OfARefusedRequestNothingIsLeft) {
  EXPECT_TRUE(std::holds_alternative<Refused>(admit(capsule(kNow - 2 * kMaxSkew))));
  EXPECT_EQ(freed_with_secret, 0) << "an old date";
  Bytes cut = capsule(kNow);
  cut.pop_back();
  EXPECT_TRUE(std::holds_alternative<Refused>(admit(cut)));
  EXPECT_EQ(freed_with_secret, 0) << "its end does not open";
}

INSTANTIATE_TEST_SUITE_P(Forms, Wiping, ::testing::Values(OhttpForm::whole, OhttpForm::chunked));

}  // namespace
}  // namespace confide::seal
