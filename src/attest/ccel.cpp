#include "attest/ccel.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace confide::attest {
namespace {

constexpr std::uint32_t kNoAction = 3;
constexpr std::uint16_t kSha384 = 0x000c;
constexpr std::size_t kMaxAlgorithms = 8;
constexpr std::size_t kMaxEvents = 4096;
constexpr std::uint32_t kRtmrCount = 4;
constexpr std::string_view kSignature("Spec ID Event03\0", 16);

struct Algorithm {
  std::uint16_t id = 0;
  std::uint16_t digest_size = 0;
};

// The algorithms in the header's data, TCG_EfiSpecIdEventStruct.
Result<std::vector<Algorithm>> parse_spec_id(ByteView data) {
  ByteReader in(data);
  TRY_ASSIGN(const ByteView signature, in.take(kSignature.size(), "CCEL signature"));
  if (as_text(signature) != kSignature) return fail(Errc::malformed, "CCEL signature");
  TRY(in.take(8, "CCEL platform class and version"));
  TRY_ASSIGN(const std::uint32_t count, in.u32le("CCEL algorithm count"));
  if (count == 0 || count > kMaxAlgorithms) return fail(Errc::malformed, "CCEL algorithm count");
  std::vector<Algorithm> algorithms;
  for (std::uint32_t i = 0; i < count; ++i) {
    Algorithm algorithm;
    TRY_ASSIGN(algorithm.id, in.u16le("CCEL algorithm"));
    TRY_ASSIGN(algorithm.digest_size, in.u16le("CCEL digest size"));
    algorithms.push_back(algorithm);
  }
  TRY_ASSIGN(const std::uint8_t vendor_size, in.u8("CCEL vendor info size"));
  TRY(in.take(vendor_size, "CCEL vendor info"));
  TRY(in.expect_end("CCEL Spec ID event"));
  return algorithms;
}

// The header is one TCG_PCR_EVENT of the old, SHA-1-sized form.
Result<std::vector<Algorithm>> parse_header(ByteReader& in) {
  TRY(in.take(4, "CCEL header register"));
  TRY_ASSIGN(const std::uint32_t type, in.u32le("CCEL header type"));
  if (type != kNoAction) return fail(Errc::malformed, "CCEL header type");
  TRY(in.take(20, "CCEL header digest"));
  TRY_ASSIGN(const std::uint32_t size, in.u32le("CCEL header size"));
  TRY_ASSIGN(const ByteView data, in.take(size, "CCEL header data"));
  TRY_ASSIGN(auto algorithms, parse_spec_id(data));
  const auto sha384 = std::ranges::find(algorithms, kSha384, &Algorithm::id);
  if (sha384 == algorithms.end()) return fail(Errc::unsupported, "CCEL without SHA-384 digests");
  if (sha384->digest_size != evidence::Measurement{}.size()) {
    return fail(Errc::malformed, "CCEL SHA-384 digest size");
  }
  return algorithms;
}

// TPML_DIGEST_VALUES; gives the one SHA-384 digest.
Result<evidence::Measurement> parse_digests(ByteReader& in,
                                            const std::vector<Algorithm>& algorithms) {
  TRY_ASSIGN(const std::uint32_t count, in.u32le("CCEL digest count"));
  if (count == 0 || count > algorithms.size()) return fail(Errc::malformed, "CCEL digest count");
  std::optional<evidence::Measurement> found;
  for (std::uint32_t i = 0; i < count; ++i) {
    TRY_ASSIGN(const std::uint16_t id, in.u16le("CCEL digest algorithm"));
    const auto algorithm = std::ranges::find(algorithms, id, &Algorithm::id);
    if (algorithm == algorithms.end()) return fail(Errc::malformed, "CCEL digest algorithm");
    TRY_ASSIGN(const ByteView bytes, in.take(algorithm->digest_size, "CCEL digest"));
    if (id != kSha384) continue;
    if (found) return fail(Errc::malformed, "CCEL event with two SHA-384 digests");
    ByteReader digest(bytes);
    TRY_ASSIGN(found, digest.array<evidence::Measurement{}.size()>("CCEL digest"));
  }
  if (!found) return fail(Errc::malformed, "CCEL event without SHA-384 digest");
  return *found;
}

bool is_padding(ByteView rest) {
  return std::ranges::all_of(rest, [](std::uint8_t b) { return b == 0xff; }) ||
         std::ranges::all_of(rest, [](std::uint8_t b) { return b == 0; });
}

}  // namespace

Result<std::vector<evidence::Event>> parse_ccel(ByteView area) {
  if (area.size() > kMaxCcelBytes) return fail(Errc::limit, "CCEL area");
  ByteReader in(area);
  TRY_ASSIGN(const auto algorithms, parse_header(in));
  std::vector<evidence::Event> events;
  for (std::size_t n = 0; !is_padding(in.rest()); ++n) {
    if (n == kMaxEvents) return fail(Errc::limit, "CCEL events");
    TRY_ASSIGN(const std::uint32_t index, in.u32le("CCEL register index"));
    if (index > kRtmrCount) return fail(Errc::malformed, "CCEL register index");
    evidence::Event event;
    TRY_ASSIGN(event.type, in.u32le("CCEL event type"));
    TRY_ASSIGN(event.digest, parse_digests(in, algorithms));
    TRY_ASSIGN(const std::uint32_t size, in.u32le("CCEL event size"));
    TRY_ASSIGN(const ByteView payload, in.take(size, "CCEL event data"));
    if (index == 0 || event.type == kNoAction) continue;
    event.imr = index - 1;
    event.payload = to_bytes(payload);
    events.push_back(std::move(event));
  }
  return events;
}

}  // namespace confide::attest
