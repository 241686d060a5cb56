// Writes SPDM reports byte for byte, so that tests can spoil one field at a time.
#pragma once

#include <string_view>

#include "evidence/spdm.h"
#include "evidence/testing/quote_bytes.h"

namespace confide::evidence::testing {

inline Bytes write_measurement(const SpdmMeasurement& measurement) {
  Bytes out{measurement.index, 1};  // DMTF
  put_u16le(out, static_cast<std::uint16_t>(measurement.value.size() + 3));
  out.push_back(measurement.raw ? measurement.type | 0x80 : measurement.type);
  put_u16le(out, static_cast<std::uint16_t>(measurement.value.size()));
  append(out, measurement.value);
  return out;
}

inline Bytes write_opaque(const std::vector<SpdmOpaqueField>& fields) {
  Bytes out;
  for (const SpdmOpaqueField& field : fields) {
    put_u16le(out, field.type);
    put_u16le(out, static_cast<std::uint16_t>(field.value.size()));
    append(out, field.value);
  }
  return out;
}

// Request and response up to the signature; `opaque` replaces the report's own opaque data.
inline Bytes write_spdm_signed_bytes(const SpdmReport& report, ByteView opaque) {
  const SpdmRequest& request = report.request;
  Bytes out{request.version, request.code, request.param1, request.param2};
  append(out, request.nonce);
  out.push_back(request.slot);
  Bytes record;
  for (const SpdmMeasurement& measurement : report.measurements) {
    append(record, write_measurement(measurement));
  }
  append(out, Bytes{report.version, report.code, report.param1, report.param2,
                    static_cast<std::uint8_t>(report.measurements.size())});
  put_u16le(out, static_cast<std::uint16_t>(record.size() & 0xFFFFU));
  out.push_back(static_cast<std::uint8_t>(record.size() >> 16U));
  append(out, record);
  append(out, report.responder_nonce);
  put_u16le(out, static_cast<std::uint16_t>(opaque.size()));
  append(out, opaque);
  return out;
}
inline Bytes write_spdm_signed_bytes(const SpdmReport& report) {
  return write_spdm_signed_bytes(report, write_opaque(report.opaque));
}

inline Bytes text_field(std::string_view text) {
  Bytes out = to_bytes(as_bytes(text));
  out.push_back(0);
  return out;
}

// What a Hopper GPU in PPCIE mode writes: 64 measurements of distinct values, four links to a
// switch.
inline SpdmReport gpu_report() {
  SpdmReport out;
  out.request = {
      .version = 0x11, .code = 0xE0, .param1 = 1, .param2 = 0xFF, .nonce = {}, .slot = 0};
  out.request.nonce.fill(0x4e);
  out.version = 0x11;
  out.code = 0x60;
  out.responder_nonce.fill(0x52);
  for (std::uint8_t i = 1; i <= 64; ++i) {
    out.measurements.push_back({.index = i, .type = 1, .raw = false, .value = Bytes(48, i)});
  }
  Bytes switches;
  for (int link = 0; link < 4; ++link) append(switches, Bytes{8, 7, 6, 5, 4, 3, 2, 1});
  out.opaque = {{6, {0x00, 0xAB, 0x00, 0x96, 0x01, 0, 0, 0}},
                {14, {1, 2, 3, 4}},
                {15, text_field("882")},
                {17, text_field("1010")},
                {18, text_field("0200")},
                {3, text_field("599.01")},
                {11, {0xAA}},
                {20, Bytes(48, 0xF1)},
                {21, {0xAA}},
                {22, switches},
                {34, {1, 0}},
                {36, {2, 0}}};
  return out;
}

// What an NVSwitch writes that connects two GPUs.
inline SpdmReport switch_report() {
  SpdmReport out = gpu_report();
  out.measurements.resize(31);
  Bytes gpus(128, 0);
  gpus[0] = 0x61;
  gpus[8] = 0x62;
  out.opaque = {{6, to_bytes(as_bytes("96.10.AB.00.01"))},
                {22, {1, 2, 3, 4, 5, 6, 7, 8}},
                {26, gpus},
                {25, {1, 0}}};
  return out;
}

inline Bytes* find_field(SpdmReport& report, std::uint16_t type) {
  for (SpdmOpaqueField& field : report.opaque) {
    if (field.type == type) return &field.value;
  }
  return nullptr;
}

inline void drop_field(SpdmReport& report, std::uint16_t type) {
  std::erase_if(report.opaque, [type](const SpdmOpaqueField& f) { return f.type == type; });
}

}  // namespace confide::evidence::testing
