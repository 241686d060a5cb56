#include "verify/gpu_claims.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "crypto/hash.h"

namespace confide::verify {
namespace {

using evidence::GpuDeviceKind;

Json request_of(const evidence::SpdmReport& report) {
  const evidence::SpdmRequest& request = report.request;
  return Json{{"spdm_version", request.version}, {"code", request.code},
              {"param1", request.param1},        {"param2", request.param2},
              {"nonce", to_hex(request.nonce)},  {"slot", request.slot}};
}

Json response_of(const evidence::SpdmReport& report) {
  return Json{{"spdm_version", report.version},
              {"code", report.code},
              {"param1", report.param1},
              {"param2", report.param2},
              {"nonce", to_hex(report.responder_nonce)}};
}

bool is_zero(const Bytes& value) {
  return std::ranges::all_of(value, [](std::uint8_t b) { return b == 0; });
}

// By RIM index; those that are all zero were not taken and are left out.
Json measurements_of(const evidence::SpdmReport& report) {
  Json out = Json::object();
  for (const auto& measurement : report.measurements) {
    if (is_zero(measurement.value)) continue;
    out[std::to_string(measurement.index - 1)] = to_hex(measurement.value);
  }
  return out;
}

std::string digest_of_measurements(const evidence::SpdmReport& report) {
  Bytes all;
  for (const auto& measurement : report.measurements) append(all, measurement.value);
  return to_hex(crypto::sha384(all));
}

void add_gpu(Json& claims, const evidence::GpuOpaque& opaque) {
  claims["driver_version"] = opaque.driver_version;
  claims["vbios_version"] = opaque.vbios_version;
  claims["project"] = opaque.project;
  claims["project_sku"] = opaque.project_sku;
  claims["chip_sku"] = opaque.chip_sku;
  if (!opaque.chip_info.empty()) claims["chip_info"] = opaque.chip_info;
  if (opaque.nvdec0) claims["nvdec0"] = to_string(*opaque.nvdec0);
  if (opaque.protected_pcie) claims["protected_pcie"] = to_string(*opaque.protected_pcie);
  if (opaque.opaque_data_version) claims["opaque_data_version"] = *opaque.opaque_data_version;
  if (opaque.mode) claims["feature_flag"] = to_string(*opaque.mode);
  // A GPU outside every confidential mode has no flag to show; early drivers show none either.
  const bool is_known = opaque.mode && *opaque.mode != evidence::GpuMode::unknown;
  claims["cc_mode"] = is_known ? "on" : "unknown";
}

void add_switch(Json& claims, const evidence::GpuOpaque& opaque) {
  claims["driver_version"] = Json();
  claims["bios_version"] = opaque.vbios_version;
}

// RFC 4514 has no short name for the attribute that NVIDIA uses most.
std::string subject_of(const crypto::Certificate& certificate) {
  constexpr std::string_view kLong = "serialNumber=";
  std::string out = certificate.subject();
  for (std::size_t at = 0; (at = out.find(kLong, at)) != std::string::npos;) {
    const bool begins_a_part = at == 0 || out[at - 1] == ',' || out[at - 1] == '+';
    if (begins_a_part) out.replace(at, kLong.size(), "2.5.4.5=");
    at += 1;
  }
  return out;
}

Json validity_of(const crypto::Certificate& certificate) {
  return Json{{"subject", subject_of(certificate)},
              {"not_before", to_rfc3339(certificate.not_before())},
              {"not_after", to_rfc3339(certificate.not_after())}};
}

Json signers_of(const evidence::Rim& rim) {
  Json out = Json::array();
  for (const Bytes& der : rim.certificates) {
    const auto certificate = crypto::Certificate::from_der(der);
    out.push_back(certificate ? validity_of(*certificate) : Json());
  }
  return out;
}

}  // namespace

void add_claims(Json& claims, const evidence::SpdmReport& report,
                const evidence::GpuOpaque& opaque) {
  claims["spdm_request"] = request_of(report);
  claims["spdm_response"] = response_of(report);
  Json fields = Json::object();
  for (const auto& field : report.opaque) {
    fields[evidence::opaque_field_name(field.type, opaque.kind)] = to_hex(field.value);
  }
  claims["opaque"] = std::move(fields);
  claims["signature"] = to_hex(report.signature);
  claims["signed_length"] = report.signed_bytes.size();
  claims["report_length"] = report.signed_bytes.size() + report.signature.size() + report.surplus;
  if (opaque.kind == GpuDeviceKind::gpu) {
    add_gpu(claims, opaque);
  } else {
    add_switch(claims, opaque);
  }
  claims["number_of_measurements"] = report.measurements.size();
  claims["measurements_by_rim_index"] = measurements_of(report);
  claims["measurements_sha384"] = digest_of_measurements(report);
}

void add_claims(Json& claims, const CertificateChain& chain) {
  const crypto::Certificate& leaf = chain.front();
  claims["leaf_serial"] = leaf.serial();
  claims["ueid"] = decimal_of(leaf.serial());
  // The boot ROM's certificate, which issued the leaf, names the chip.
  claims["hwmodel"] = chain.size() > 1 ? Json(chain[1].common_name()) : Json();
  const auto fwid = fwid_of(leaf);
  claims["leaf_fwid_oid"] = fwid ? Json(fwid->oid) : Json();
  claims["leaf_fwid"] = fwid ? Json(to_hex(fwid->digest)) : Json();
  Json list = Json::array();
  for (const crypto::Certificate& certificate : chain) {
    Json entry = validity_of(certificate);
    entry["serial"] = certificate.serial();
    list.push_back(std::move(entry));
  }
  claims["chain"] = std::move(list);
}

void add_claims(Json& claims, const evidence::Rim& rim) {
  claims["product"] = rim.product;
  claims["edition"] = rim.edition;
  claims["version"] = rim.version;
  claims["kind"] = to_string(rim.kind);
  claims["resources"] = rim.measurements.size();
  Json active = Json::object();
  for (const evidence::RimMeasurement& measurement : rim.measurements) {
    if (!measurement.active) continue;
    Json values = Json::array();
    for (const Bytes& value : measurement.values) values.push_back(to_hex(value));
    active[std::to_string(measurement.index)] =
        Json{{"size", measurement.size}, {"hashes", std::move(values)}};
  }
  claims["active"] = std::move(active);
  claims["signer_chain"] = signers_of(rim);
}

Json to_json(const MeasurementComparison& comparison) {
  return Json{{"matched", comparison.matched},
              {"mismatched", comparison.mismatched},
              {"skipped", comparison.skipped},
              {"conflict", comparison.conflict}};
}

std::string decimal_of(std::string_view hex) {
  std::string digits = "0";  // least significant first
  for (const char c : hex) {
    unsigned carry = static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
    for (char& digit : digits) {
      carry += static_cast<unsigned>(digit - '0') * 16;
      digit = static_cast<char>('0' + carry % 10);
      carry /= 10;
    }
    for (; carry > 0; carry /= 10) digits.push_back(static_cast<char>('0' + carry % 10));
  }
  return {digits.rbegin(), digits.rend()};
}

}  // namespace confide::verify
