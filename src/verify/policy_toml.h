// The parts of a policy file that have structs of their own. Private to verify/. Readers fail with
// `malformed`, naming the line; writers leave out what is as in a strict policy.
#pragma once

#include "verify/policy.h"
#include "verify/toml_section.h"

namespace confide::verify {

Status read_platform(TomlSection& tdx, PlatformPolicy& out);
Status read_snp(TomlSection& snp, SnpPolicy& out);
Status read_gpu(TomlSection& gpu, GpuPolicy& out);

void put_platform(toml::table& tdx, const PlatformPolicy& policy);
toml::table write_snp(const SnpPolicy& policy);
toml::table write_gpu(const GpuPolicy& policy);

// Leaves out what is empty: an empty list would not be read again, absence means the same.
inline void put(toml::table& table, std::string_view name, const std::set<std::string>& values) {
  if (values.empty()) return;
  toml::array list;
  for (const std::string& value : values) list.push_back(value);
  table.insert(name, std::move(list));
}

inline void put_section(toml::table& table, std::string_view name, toml::table section) {
  if (!section.empty()) table.insert(name, std::move(section));
}

}  // namespace confide::verify
