#include "collateral/query.h"

namespace confide::collateral {

std::string join_url(std::string_view base, std::string_view path) {
  while (base.ends_with('/')) base.remove_suffix(1);
  return std::string(base) + std::string(path);
}

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto byte = from_hex_array<1>(text.substr(i + 1, 2), HexCase::any);
    if (!byte) return fail(Errc::malformed, "bad percent encoding");
    out += static_cast<char>((*byte)[0]);
    i += 2;
  }
  return out;
}

}  // namespace confide::collateral
