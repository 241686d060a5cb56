// Reading DER (X.690), strictly: every length in its shortest form, no high tag numbers, nothing
// after what was asked for. For the ASN.1 in certificates, CRLs, OCSP answers and their extensions.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"

namespace confide::crypto {

enum class DerTag : std::uint8_t {
  boolean = 0x01,
  integer = 0x02,
  bit_string = 0x03,
  octet_string = 0x04,
  null = 0x05,
  oid = 0x06,
  enumerated = 0x0A,
  utf8_string = 0x0C,
  ia5_string = 0x16,
  utc_time = 0x17,
  generalized_time = 0x18,
  sequence = 0x30,
  set = 0x31,
};

// Context-specific tags: [n] IMPLICIT of something primitive, and [n] EXPLICIT or constructed.
constexpr DerTag der_context(std::uint8_t n) { return static_cast<DerTag>(0x80U | n); }
constexpr DerTag der_context_constructed(std::uint8_t n) { return static_cast<DerTag>(0xA0U | n); }

// One element. Both views point into the bytes that were read.
struct DerElement {
  DerTag tag{};
  ByteView content;
  ByteView encoded;  // with its tag and length
};

// Takes elements off the front of a view, which must outlive the reader and what it returns.
// `what` names the structure in errors, all of which are `malformed`.
class DerReader {
 public:
  DerReader(ByteView der, std::string_view what) noexcept : rest_(der), what_(what) {}

  bool at_end() const noexcept { return rest_.empty(); }
  bool next_is(DerTag tag) const noexcept;
  Result<DerElement> any();
  Result<DerElement> element(DerTag tag);
  // A reader of what an element of `tag` contains.
  Result<DerReader> inside(DerTag tag);
  Status expect_end() const;

  Result<bool> boolean();
  // An integer (or `tag`, where it is tagged) that is not negative: its magnitude, big-endian,
  // without leading zeros; zero is one zero byte.
  Result<ByteView> magnitude(DerTag tag = DerTag::integer);
  Result<std::uint64_t> number(std::uint64_t max, DerTag tag = DerTag::integer);
  Result<ByteView> octets();
  // A bit string of whole bytes.
  Result<ByteView> bits();
  Result<ByteView> oid();
  // UTCTime or GeneralizedTime in the forms of RFC 5280 section 4.1.2.5.
  Result<Time> time();

 private:
  tl::unexpected<Error> bad(std::string_view why) const;

  ByteView rest_;
  std::string_view what_;
};

// The only element of `der`.
Result<DerReader> der_sequence(ByteView der, std::string_view what);

// Walks all of `der`, one element and what it contains, to no more than 32 levels. Readers that
// look at some fields only use it so that no other field is BER.
Status check_der(ByteView der, std::string_view what);

}  // namespace confide::crypto
