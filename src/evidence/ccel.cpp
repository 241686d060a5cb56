#include "evidence/ccel.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace confide::evidence {
namespace {

constexpr std::size_t kMaxAlgorithms = 8;
constexpr std::size_t kMaxEvents = 4096;
constexpr std::uint32_t kRtmrCount = 4;
constexpr std::size_t kHeaderDigestBytes = 20;
constexpr std::uint16_t kMaxDigestBytes = 64;
constexpr std::string_view kSignature("Spec ID Event03\0", 16);
constexpr std::uint8_t kSpecVersionMajor = 2;
constexpr std::uint8_t kSpecVersionMinor = 0;

// Digest sizes of the algorithms that the TCG registry defines.
constexpr std::array<CcelAlgorithm, 5> kKnownAlgorithms{
    {{0x0004, 20}, {0x000b, 32}, {kAlgorithmSha384, 48}, {0x000d, 64}, {0x0012, 32}}};

struct TypeName {
  std::uint32_t type;
  std::string_view name;
};

constexpr std::array<TypeName, 34> kTypeNames{{
    {0x00000000, "EV_PREBOOT_CERT"},
    {0x00000001, "EV_POST_CODE"},
    {0x00000003, "EV_NO_ACTION"},
    {0x00000004, "EV_SEPARATOR"},
    {0x00000005, "EV_ACTION"},
    {0x00000006, "EV_EVENT_TAG"},
    {0x00000007, "EV_S_CRTM_CONTENTS"},
    {0x00000008, "EV_S_CRTM_VERSION"},
    {0x00000009, "EV_CPU_MICROCODE"},
    {0x0000000a, "EV_PLATFORM_CONFIG_FLAGS"},
    {0x0000000b, "EV_TABLE_OF_DEVICES"},
    {0x0000000c, "EV_COMPACT_HASH"},
    {0x0000000d, "EV_IPL"},
    {0x0000000e, "EV_IPL_PARTITION_DATA"},
    {0x0000000f, "EV_NONHOST_CODE"},
    {0x00000010, "EV_NONHOST_CONFIG"},
    {0x00000011, "EV_NONHOST_INFO"},
    {0x00000012, "EV_OMIT_BOOT_DEVICE_EVENTS"},
    {0x80000001, "EV_EFI_VARIABLE_DRIVER_CONFIG"},
    {0x80000002, "EV_EFI_VARIABLE_BOOT"},
    {0x80000003, "EV_EFI_BOOT_SERVICES_APPLICATION"},
    {0x80000004, "EV_EFI_BOOT_SERVICES_DRIVER"},
    {0x80000005, "EV_EFI_RUNTIME_SERVICES_DRIVER"},
    {0x80000006, "EV_EFI_GPT_EVENT"},
    {0x80000007, "EV_EFI_ACTION"},
    {0x80000008, "EV_EFI_PLATFORM_FIRMWARE_BLOB"},
    {0x80000009, "EV_EFI_HANDOFF_TABLES"},
    {0x8000000a, "EV_EFI_PLATFORM_FIRMWARE_BLOB2"},
    {0x8000000b, "EV_EFI_HANDOFF_TABLES2"},
    {0x8000000c, "EV_EFI_VARIABLE_BOOT2"},
    {0x80000010, "EV_EFI_HCRTM_EVENT"},
    {0x800000e0, "EV_EFI_VARIABLE_AUTHORITY"},
    {0x800000e1, "EV_EFI_SPDM_FIRMWARE_BLOB"},
    {0x800000e2, "EV_EFI_SPDM_FIRMWARE_CONFIG"},
}};

Result<CcelAlgorithm> parse_algorithm(ByteReader& in, const std::vector<CcelAlgorithm>& earlier) {
  CcelAlgorithm out;
  TRY_ASSIGN(out.id, in.u16le("CCEL algorithm"));
  TRY_ASSIGN(out.digest_size, in.u16le("CCEL digest size"));
  if (std::ranges::find(earlier, out.id, &CcelAlgorithm::id) != earlier.end()) {
    return fail(Errc::malformed, "CCEL algorithm listed twice");
  }
  if (out.digest_size == 0 || out.digest_size > kMaxDigestBytes) {
    return fail(Errc::malformed, "CCEL digest size");
  }
  const auto* const known = std::ranges::find(kKnownAlgorithms, out.id, &CcelAlgorithm::id);
  if (known != kKnownAlgorithms.end() && known->digest_size != out.digest_size) {
    return fail(Errc::malformed, "CCEL digest size is not the algorithm's");
  }
  return out;
}

// The header's data, TCG_EfiSpecIdEventStruct.
Result<std::vector<CcelAlgorithm>> parse_spec_id(ByteView data) {
  ByteReader in(data);
  TRY_ASSIGN(const ByteView signature, in.take(kSignature.size(), "CCEL signature"));
  if (as_text(signature) != kSignature) return fail(Errc::malformed, "CCEL signature");
  TRY(in.take(4, "CCEL platform class"));
  TRY_ASSIGN(const std::uint8_t minor, in.u8("CCEL specification version"));
  TRY_ASSIGN(const std::uint8_t major, in.u8("CCEL specification version"));
  if (major != kSpecVersionMajor || minor != kSpecVersionMinor) {
    return fail(Errc::unsupported, fmt::format("CCEL specification version {}.{}", major, minor));
  }
  TRY(in.take(2, "CCEL errata and word size"));
  TRY_ASSIGN(const std::uint32_t count, in.u32le("CCEL algorithm count"));
  if (count == 0 || count > kMaxAlgorithms) return fail(Errc::malformed, "CCEL algorithm count");
  std::vector<CcelAlgorithm> algorithms;
  for (std::uint32_t i = 0; i < count; ++i) {
    TRY_ASSIGN(const CcelAlgorithm algorithm, parse_algorithm(in, algorithms));
    algorithms.push_back(algorithm);
  }
  TRY_ASSIGN(const std::uint8_t vendor_size, in.u8("CCEL vendor info size"));
  TRY(in.take(vendor_size, "CCEL vendor info"));
  TRY(in.expect_end("CCEL Spec ID event"));
  return algorithms;
}

// The header is one TCG_PCR_EVENT of the old, SHA-1-sized form; its register index means nothing.
Result<std::vector<CcelAlgorithm>> parse_header(ByteReader& in) {
  TRY(in.take(4, "CCEL header register"));
  TRY_ASSIGN(const std::uint32_t type, in.u32le("CCEL header type"));
  if (type != kNoActionEvent) return fail(Errc::malformed, "CCEL header type");
  TRY_ASSIGN(const ByteView digest, in.take(kHeaderDigestBytes, "CCEL header digest"));
  if (!std::ranges::all_of(digest, [](std::uint8_t b) { return b == 0; })) {
    return fail(Errc::malformed, "CCEL header digest is not zero");
  }
  TRY_ASSIGN(const std::uint32_t size, in.u32le("CCEL header size"));
  TRY_ASSIGN(const ByteView data, in.take(size, "CCEL header data"));
  return parse_spec_id(data);
}

// TPML_DIGEST_VALUES: one digest for each algorithm of the header, in any order.
Result<std::vector<Bytes>> parse_digests(ByteReader& in,
                                         const std::vector<CcelAlgorithm>& algorithms) {
  TRY_ASSIGN(const std::uint32_t count, in.u32le("CCEL digest count"));
  if (count != algorithms.size()) return fail(Errc::malformed, "CCEL digest count");
  std::vector<Bytes> out(algorithms.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    TRY_ASSIGN(const std::uint16_t id, in.u16le("CCEL digest algorithm"));
    const auto algorithm = std::ranges::find(algorithms, id, &CcelAlgorithm::id);
    if (algorithm == algorithms.end()) return fail(Errc::malformed, "CCEL digest algorithm");
    Bytes& digest = out.at(static_cast<std::size_t>(algorithm - algorithms.begin()));
    if (!digest.empty()) return fail(Errc::malformed, "CCEL event with two digests of a kind");
    TRY_ASSIGN(const ByteView bytes, in.take(algorithm->digest_size, "CCEL digest"));
    digest = to_bytes(bytes);
  }
  return out;
}

Result<CcelEvent> parse_event(ByteReader& in, const std::vector<CcelAlgorithm>& algorithms) {
  CcelEvent out;
  TRY_ASSIGN(out.index, in.u32le("CCEL register index"));
  if (out.index > kRtmrCount) return fail(Errc::malformed, "CCEL register index");
  TRY_ASSIGN(out.type, in.u32le("CCEL event type"));
  TRY_ASSIGN(out.digests, parse_digests(in, algorithms));
  TRY_ASSIGN(const std::uint32_t size, in.u32le("CCEL event size"));
  TRY_ASSIGN(const ByteView data, in.take(size, "CCEL event data"));
  out.data = to_bytes(data);
  return out;
}

bool is_padding(ByteView rest) {
  return std::ranges::all_of(rest, [](std::uint8_t b) { return b == 0xff; }) ||
         std::ranges::all_of(rest, [](std::uint8_t b) { return b == 0; });
}

}  // namespace

Result<Ccel> parse_ccel(ByteView area) {
  if (area.size() > kMaxCcelBytes) return fail(Errc::limit, "CCEL area");
  ByteReader in(area);
  Ccel out;
  TRY_ASSIGN(out.algorithms, parse_header(in));
  while (!is_padding(in.rest())) {
    if (out.events.size() == kMaxEvents) return fail(Errc::limit, "CCEL events");
    TRY_ASSIGN(out.events.emplace_back(), parse_event(in, out.algorithms));
  }
  return out;
}

Result<std::vector<Event>> rtmr_events(const Ccel& log) {
  const auto bank = std::ranges::find(log.algorithms, kAlgorithmSha384, &CcelAlgorithm::id);
  if (bank == log.algorithms.end()) {
    return fail(Errc::unsupported, "CCEL without SHA-384 digests");
  }
  const auto position = static_cast<std::size_t>(bank - log.algorithms.begin());
  std::vector<Event> out;
  for (const CcelEvent& entry : log.events) {
    if (entry.index == 0 || entry.type == kNoActionEvent) continue;
    Event event;
    event.imr = entry.index - 1;
    event.type = entry.type;
    std::ranges::copy(entry.digests.at(position), event.digest.begin());
    event.payload = entry.data;
    out.push_back(std::move(event));
  }
  return out;
}

std::string_view tcg_event_name(std::uint32_t type) noexcept {
  const auto* const found = std::ranges::find(kTypeNames, type, &TypeName::type);
  return found == kTypeNames.end() ? std::string_view() : found->name;
}

}  // namespace confide::evidence
