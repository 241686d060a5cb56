// Any bytes as DER: refused, or every element in it can be reached, and each is read or refused as
// each type.
#include <cstdlib>

#include "crypto/der.h"

namespace {

using confide::crypto::DerReader;

constexpr std::uint8_t kConstructed = 0x20;

void read_each_way(confide::ByteView element) {
  const auto reader = [element] { return DerReader(element, "fuzz"); };
  (void)reader().boolean();
  (void)reader().number(UINT64_MAX);
  (void)reader().octets();
  (void)reader().bits();
  (void)reader().oid();
  (void)reader().time();
  const auto magnitude = reader().magnitude();
  if (magnitude && (magnitude->empty() || magnitude->size() > element.size())) std::abort();
}

void walk(DerReader in) {
  while (!in.at_end()) {
    const auto element = in.any();
    if (!element) std::abort();  // check_der() has been here
    read_each_way(element->encoded);
    if ((static_cast<std::uint8_t>(element->tag) & kConstructed) != 0) {
      walk(DerReader(element->content, "fuzz"));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const confide::ByteView der(data, size);
  (void)confide::crypto::der_sequence(der, "fuzz");
  if (confide::crypto::check_der(der, "fuzz")) walk(DerReader(der, "fuzz"));
  return 0;
}
