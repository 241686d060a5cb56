// Writes reference manifests, unsigned, so that tests can spoil one thing at a time.
#pragma once

#include <string>

#include <fmt/format.h>

#include "evidence/rim.h"

namespace confide::evidence::testing {

// One Resource element; `alternatives` as the element states it.
inline std::string write_resource(const RimMeasurement& from, std::size_t alternatives) {
  std::string out =
      fmt::format(R"(<ns0:Resource type="Measurement" index="{}" active="{}" alternatives="{}")",
                  from.index, from.active ? "True" : "False", alternatives);
  for (std::size_t i = 0; i < from.values.size(); ++i) {
    out += fmt::format(R"( ns2:Hash{}="{}")", i, to_hex(from.values[i]));
  }
  return out + fmt::format(R"( name="Measurement_{}" size="{}"/>)", from.index, from.size);
}

inline std::string write_rim(const Rim& rim) {
  std::string out =
      R"(<SoftwareIdentity xmlns="http://standards.iso.org/iso/19770/-2/2015/schema.xsd")"
      R"( xmlns:ns0="http://standards.iso.org/iso/19770/-2/2015/schema.xsd")"
      R"( xmlns:ns2="http://www.w3.org/2001/04/xmlenc#sha384" name="Lab">)"
      "\n";
  out += fmt::format(R"(<ns0:Meta colloquialVersion="{}" edition="{}" product="{}"/>)"
                     "\n<ns0:Payload>",
                     rim.version, rim.edition, rim.product);
  for (const RimMeasurement& measurement : rim.measurements) {
    out += "\n" + write_resource(measurement, measurement.values.size());
  }
  return out + "\n</ns0:Payload></SoftwareIdentity>";
}

// Active at `indexes`, with the values that gpu_report() and switch_report() measure there.
inline Rim rim_for(std::string version, std::string edition,
                   std::initializer_list<unsigned> indexes) {
  Rim out;
  out.product = edition == "SWITCH" ? "LS10" : "GH100";
  out.edition = std::move(edition);
  out.version = std::move(version);
  for (const unsigned index : indexes) {
    const Bytes value(48, static_cast<std::uint8_t>(index + 1));
    out.measurements.push_back({.index = index, .active = true, .size = 48, .values = {value}});
  }
  return out;
}

}  // namespace confide::evidence::testing
