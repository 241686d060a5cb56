#include "crypto/amd_extension.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "crypto/der.h"

namespace confide::crypto {
namespace {

constexpr std::size_t kHwIdBytes = 64;
constexpr std::size_t kTurinHwIdBytes = 8;
constexpr std::size_t kMaxText = 127;  // a DER length of one byte

std::string arc(std::string_view below) { return fmt::format("1.3.6.1.4.1.3704.1.{}", below); }

tl::unexpected<Error> bad(std::string_view below, std::string_view why) {
  return fail(Errc::malformed, fmt::format("AMD extension .{}: {}", below, why));
}

Result<std::optional<std::uint8_t>> find_level(const Certificate& certificate,
                                               std::string_view below) {
  const auto der = certificate.extension(arc(below));
  if (!der) return std::optional<std::uint8_t>();
  DerReader in(*der, "AMD extension");
  const auto value = in.number(UINT8_MAX);
  if (!value || !in.at_end()) return bad(below, "no small number");
  return static_cast<std::uint8_t>(*value);
}

Result<std::uint8_t> read_level(const Certificate& certificate, std::string_view below) {
  TRY_ASSIGN(const auto level, find_level(certificate, below));
  if (!level) return bad(below, "missing");
  return *level;
}

Status read_reserved(const Certificate& certificate, std::string_view below, std::uint8_t& to) {
  TRY_ASSIGN(const auto level, find_level(certificate, below));
  to = level.value_or(0);
  return {};
}

Result<std::optional<std::string>> find_text(const Certificate& certificate,
                                             std::string_view below) {
  const auto der = certificate.extension(arc(below));
  if (!der) return std::optional<std::string>();
  DerReader in(*der, "AMD extension");
  const auto text = in.element(DerTag::ia5_string);
  if (!text || !in.at_end()) return bad(below, "no IA5String");
  const bool ascii =
      std::ranges::all_of(text->content, [](std::uint8_t c) { return c >= 0x20 && c < 0x7F; });
  if (!ascii || text->content.empty()) return bad(below, "not a line of ASCII text");
  return std::string(as_text(text->content));
}

bool is_hw_id(ByteView bytes) {
  return bytes.size() == kHwIdBytes || bytes.size() == kTurinHwIdBytes;
}

// The sizes of the two forms differ, so that neither can be taken for the other.
Result<std::optional<Bytes>> find_hw_id(const Certificate& certificate) {
  const auto value = certificate.extension(arc("4"));
  if (!value || is_hw_id(*value)) return value;
  DerReader in(*value, "AMD extension");
  const auto octets = in.octets();
  if (!octets || !in.at_end() || !is_hw_id(*octets)) return bad("4", "no hardware id");
  return std::optional<Bytes>(to_bytes(*octets));
}

Bytes tagged(DerTag tag, ByteView content) {
  Bytes out{static_cast<std::uint8_t>(tag), static_cast<std::uint8_t>(content.size())};
  append(out, content);
  return out;
}

Bytes level_der(std::uint8_t level) {
  if (level < 0x80) return tagged(DerTag::integer, Bytes{level});
  return tagged(DerTag::integer, Bytes{0, level});  // its top bit would be a sign
}

Bytes text_der(std::string_view text) {
  return tagged(DerTag::ia5_string, as_bytes(text.substr(0, kMaxText)));
}

}  // namespace

Result<AmdExtension> read_amd_extension(const Certificate& certificate) {
  AmdExtension out;
  TRY_ASSIGN(out.struct_version, read_level(certificate, "1"));
  TRY_ASSIGN(auto product_name, find_text(certificate, "2"));
  if (!product_name) return bad("2", "missing");
  out.product_name = *std::move(product_name);
  TRY_ASSIGN(out.bl, read_level(certificate, "3.1"));
  TRY_ASSIGN(out.tee, read_level(certificate, "3.2"));
  TRY_ASSIGN(out.snp, read_level(certificate, "3.3"));
  TRY(read_reserved(certificate, "3.4", out.spl4));
  TRY(read_reserved(certificate, "3.5", out.spl5));
  TRY(read_reserved(certificate, "3.6", out.spl6));
  TRY(read_reserved(certificate, "3.7", out.spl7));
  TRY_ASSIGN(out.ucode, read_level(certificate, "3.8"));
  TRY_ASSIGN(out.fmc, find_level(certificate, "3.9"));
  TRY_ASSIGN(out.hw_id, find_hw_id(certificate));
  TRY_ASSIGN(out.csp_id, find_text(certificate, "5"));
  return out;
}

std::vector<std::pair<std::string, Bytes>> encode_amd_extension(const AmdExtension& extension) {
  std::vector<std::pair<std::string, Bytes>> out{
      {arc("1"), level_der(extension.struct_version)}, {arc("2"), text_der(extension.product_name)},
      {arc("3.1"), level_der(extension.bl)},           {arc("3.2"), level_der(extension.tee)},
      {arc("3.3"), level_der(extension.snp)},          {arc("3.8"), level_der(extension.ucode)},
  };
  const std::pair<const char*, std::uint8_t> reserved[] = {{"3.4", extension.spl4},
                                                           {"3.5", extension.spl5},
                                                           {"3.6", extension.spl6},
                                                           {"3.7", extension.spl7}};
  for (const auto& [below, level] : reserved) {
    if (level != 0) out.emplace_back(arc(below), level_der(level));
  }
  if (extension.fmc) out.emplace_back(arc("3.9"), level_der(*extension.fmc));
  if (extension.hw_id) out.emplace_back(arc("4"), *extension.hw_id);
  if (extension.csp_id) out.emplace_back(arc("5"), text_der(*extension.csp_id));
  return out;
}

}  // namespace confide::crypto
