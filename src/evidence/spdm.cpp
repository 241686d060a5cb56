#include "evidence/spdm.h"

#include <algorithm>

#include <fmt/format.h>

namespace confide::evidence {
namespace {

constexpr std::uint8_t kSpdm11 = 0x11;
constexpr std::uint8_t kGetMeasurements = 0xE0;
constexpr std::uint8_t kMeasurements = 0x60;
constexpr std::uint8_t kDmtfSpecification = 0x01;
constexpr std::uint8_t kRawBit = 0x80;
constexpr std::size_t kMaxOpaqueFields = 256;  // each is compared with those before it
constexpr std::uint8_t kReservedIndex = 0xFF;  // DSP0274: 0 is not a block, 0xFF means all of them

Status expect_version(std::uint8_t version, std::string_view what) {
  // From 1.2 on a signature covers a prefix that NVIDIA's devices do not write.
  if (version == kSpdm11) return {};
  return fail(Errc::unsupported, fmt::format("G1: SPDM version {:#x} of the {}", version, what));
}

Status expect_code(std::uint8_t code, std::uint8_t wanted, std::string_view what) {
  if (code == wanted) return {};
  return fail(Errc::malformed, fmt::format("G1: {} code {:#x}", what, code));
}

Result<SpdmRequest> parse_request(ByteReader& in) {
  SpdmRequest out;
  TRY_ASSIGN(out.version, in.u8("request version"));
  TRY_ASSIGN(out.code, in.u8("request code"));
  TRY_ASSIGN(out.param1, in.u8("request param1"));
  TRY_ASSIGN(out.param2, in.u8("request param2"));
  TRY_ASSIGN(out.nonce, in.array<32>("request nonce"));
  TRY_ASSIGN(out.slot, in.u8("request slot"));
  TRY(expect_version(out.version, "request"));
  TRY(expect_code(out.code, kGetMeasurements, "request"));
  return out;
}

// DSP0274 table "DMTF measurement specification format": a type, a size and that many bytes.
Result<SpdmMeasurement> parse_block(ByteReader& in) {
  SpdmMeasurement out;
  TRY_ASSIGN(out.index, in.u8("measurement index"));
  TRY_ASSIGN(const std::uint8_t specification, in.u8("measurement specification"));
  TRY_ASSIGN(const std::uint16_t size, in.u16le("measurement size"));
  TRY_ASSIGN(const ByteView block, in.take(size, "measurement"));
  if (specification != kDmtfSpecification) {
    return fail(Errc::unsupported, fmt::format("G2: measurement specification {}", specification));
  }
  if (out.index == 0 || out.index == kReservedIndex) {
    return fail(Errc::malformed, fmt::format("G2: measurement index {}", out.index));
  }
  ByteReader inner(block);
  TRY_ASSIGN(const std::uint8_t type, inner.u8("measurement value type"));
  TRY_ASSIGN(const std::uint16_t value_size, inner.u16le("measurement value size"));
  TRY_ASSIGN(const ByteView value, inner.take(value_size, "measurement value"));
  TRY(inner.expect_end("measurement value"));
  out.type = type & static_cast<std::uint8_t>(~kRawBit);
  out.raw = (type & kRawBit) != 0;
  out.value = to_bytes(value);
  return out;
}

Status parse_record(ByteView record, unsigned count, SpdmReport& out) {
  ByteReader in(record);
  for (unsigned i = 0; i < count; ++i) {
    TRY_ASSIGN(SpdmMeasurement block, parse_block(in));
    if (find_measurement(out, block.index) != nullptr) {
      return fail(Errc::malformed, fmt::format("G2: measurement {} twice", block.index));
    }
    out.measurements.push_back(std::move(block));
  }
  return in.expect_end("measurement record");
}

Status parse_opaque(ByteView bytes, SpdmReport& out) {
  ByteReader in(bytes);
  while (in.left() > 0) {
    if (out.opaque.size() == kMaxOpaqueFields) {
      return fail(Errc::limit, "G3: too many opaque fields");
    }
    SpdmOpaqueField field;
    TRY_ASSIGN(field.type, in.u16le("opaque field type"));
    TRY_ASSIGN(const std::uint16_t size, in.u16le("opaque field size"));
    TRY_ASSIGN(const ByteView value, in.take(size, "opaque field"));
    // Readers would differ on which one counts.
    if (find_opaque(out, field.type) != nullptr) {
      return fail(Errc::malformed, fmt::format("G3: opaque field {} twice", field.type));
    }
    field.value = to_bytes(value);
    out.opaque.push_back(std::move(field));
  }
  return {};
}

Result<std::uint32_t> u24le(ByteReader& in, std::string_view what) {
  TRY_ASSIGN(const auto bytes, in.array<3>(what));
  return std::uint32_t{bytes[0]} | std::uint32_t{bytes[1]} << 8U | std::uint32_t{bytes[2]} << 16U;
}

Status parse_response(ByteReader& in, SpdmReport& out) {
  TRY_ASSIGN(out.version, in.u8("response version"));
  TRY_ASSIGN(out.code, in.u8("response code"));
  TRY_ASSIGN(out.param1, in.u8("response param1"));
  TRY_ASSIGN(out.param2, in.u8("response param2"));
  TRY(expect_version(out.version, "response"));
  TRY(expect_code(out.code, kMeasurements, "response"));
  TRY_ASSIGN(const std::uint8_t count, in.u8("number of blocks"));
  TRY_ASSIGN(const std::uint32_t record_size, u24le(in, "measurement record size"));
  TRY_ASSIGN(const ByteView record, in.take(record_size, "measurement record"));
  TRY(parse_record(record, count, out));
  TRY_ASSIGN(out.responder_nonce, in.array<32>("responder nonce"));
  TRY_ASSIGN(const std::uint16_t opaque_size, in.u16le("opaque data size"));
  TRY_ASSIGN(const ByteView opaque, in.take(opaque_size, "opaque data"));
  return parse_opaque(opaque, out);
}

}  // namespace

Result<SpdmReport> parse_spdm_report(ByteView bytes) {
  if (bytes.size() > kMaxSpdmReportBytes) return fail(Errc::limit, "G1: report too long");
  SpdmReport out;
  ByteReader in(bytes);
  TRY_ASSIGN(out.request, parse_request(in));
  TRY(parse_response(in, out));
  out.signed_bytes = to_bytes(bytes.first(bytes.size() - in.left()));
  if (in.left() < out.signature.size()) return fail(Errc::malformed, "G4: no whole signature");
  out.surplus = in.left() - out.signature.size();
  std::ranges::copy(bytes.last(out.signature.size()), out.signature.begin());
  return out;
}

const SpdmMeasurement* find_measurement(const SpdmReport& report, unsigned index) noexcept {
  const auto at = std::ranges::find(report.measurements, index, &SpdmMeasurement::index);
  return at == report.measurements.end() ? nullptr : &*at;
}

const Bytes* find_opaque(const SpdmReport& report, std::uint16_t type) noexcept {
  const auto at = std::ranges::find(report.opaque, type, &SpdmOpaqueField::type);
  return at == report.opaque.end() ? nullptr : &at->value;
}

}  // namespace confide::evidence
