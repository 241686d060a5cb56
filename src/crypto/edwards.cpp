#include "crypto/edwards.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "crypto/aws_lc.h"

namespace confide::crypto {
namespace {

// Everything here works on public values: BIGNUM's timing does not matter.
struct Field {
  Handle<BN_CTX> context = own(BN_CTX_new());
  Handle<BIGNUM> p =
      from_hex_number("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");
  Handle<BIGNUM> d =
      from_hex_number("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3");
  Handle<BIGNUM> one = from_hex_number("1");

  static Handle<BIGNUM> from_hex_number(const char* hex) {
    BIGNUM* out = nullptr;
    must(BN_hex2bn(&out, hex) > 0);
    return own(out);
  }
  Handle<BIGNUM> add(const BIGNUM& a, const BIGNUM& b) const {
    auto out = own(BN_new());
    must(BN_mod_add(out.get(), &a, &b, p.get(), context.get()) == 1);
    return out;
  }
  Handle<BIGNUM> subtract(const BIGNUM& a, const BIGNUM& b) const {
    auto out = own(BN_new());
    must(BN_mod_sub(out.get(), &a, &b, p.get(), context.get()) == 1);
    return out;
  }
  Handle<BIGNUM> multiply(const BIGNUM& a, const BIGNUM& b) const {
    auto out = own(BN_new());
    must(BN_mod_mul(out.get(), &a, &b, p.get(), context.get()) == 1);
    return out;
  }
  Handle<BIGNUM> invert(const BIGNUM& a) const {
    return own(BN_mod_inverse(nullptr, &a, p.get(), context.get()));
  }
  // Zero counts as a square.
  bool is_square(const BIGNUM& a) const {
    // Euler's criterion: a^((p - 1) / 2) is 1 for squares, -1 for others.
    auto exponent = own(BN_dup(p.get()));
    auto power = own(BN_new());
    must(BN_rshift1(exponent.get(), exponent.get()) == 1);
    must(BN_mod_exp(power.get(), &a, exponent.get(), p.get(), context.get()) == 1);
    return BN_is_zero(power.get()) != 0 || BN_is_one(power.get()) != 0;
  }
};

ByteArray<32> without_sign(ByteArray<32> encoded) {
  encoded[31] &= 0x7F;
  return encoded;
}

Handle<BIGNUM> y_of(const ByteArray<32>& encoded) {
  const ByteArray<32> y = without_sign(encoded);
  return own(BN_le2bn(y.data(), y.size(), nullptr));
}

// The y-coordinates of the eight points of order 1, 2, 4 and 8, little-endian.
bool has_small_order(const ByteArray<32>& encoded) {
  constexpr std::array<std::string_view, 5> kSmallOrderY = {
      "0100000000000000000000000000000000000000000000000000000000000000",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "0000000000000000000000000000000000000000000000000000000000000000",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"};
  const std::string y = to_hex(without_sign(encoded));
  return std::ranges::find(kSmallOrderY, y) != kSmallOrderY.end();
}

}  // namespace

bool is_usable_ed25519_point(const ByteArray<32>& encoded) {
  const Field field;
  const auto y = y_of(encoded);
  if (BN_cmp(y.get(), field.p.get()) >= 0) return false;  // RFC 8032 section 5.1.3, step 1
  if (has_small_order(encoded)) return false;             // so x is not 0, and its sign is free
  // Step 2: x^2 = (y^2 - 1) / (d y^2 + 1) has a root if numerator times denominator is a square.
  const auto y2 = field.multiply(*y, *y);
  const auto numerator = field.subtract(*y2, *field.one);
  const auto denominator = field.add(*field.multiply(*field.d, *y2), *field.one);
  return field.is_square(*field.multiply(*numerator, *denominator));
}

ByteArray<32> montgomery_u(const ByteArray<32>& encoded) {
  const Field field;
  const auto y = y_of(encoded);
  const auto inverse = field.invert(*field.subtract(*field.one, *y));
  const auto u = field.multiply(*field.add(*field.one, *y), *inverse);
  ByteArray<32> out{};
  must(BN_bn2le_padded(out.data(), out.size(), u.get()) == 1);
  return out;
}

}  // namespace confide::crypto
