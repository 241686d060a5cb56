#include "evidence/snp_certificates.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace confide::evidence {
namespace {

using Guid = ByteArray<16>;

// In the order of the text, which is the one hosts write them in.
constexpr Guid kVcek{0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64,
                     0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd};
constexpr Guid kVlek{0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e,
                     0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8, 0xa1};
constexpr Guid kAsk{0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4,
                    0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7, 0x82};
constexpr Guid kArk{0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52,
                    0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0, 0xae};
constexpr Guid kCrl{0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d,
                    0x97, 0xff, 0xd1, 0x9f, 0x88, 0xdc, 0x67, 0xea};

struct Entry {
  Guid guid{};
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::uint64_t end() const noexcept { return std::uint64_t{offset} + length; }
};

Result<Entry> read_entry(ByteReader& in) {
  Entry out;
  TRY_ASSIGN(out.guid, in.array<16>("certificate table: GUID"));
  TRY_ASSIGN(out.offset, in.u32le("certificate table: offset"));
  TRY_ASSIGN(out.length, in.u32le("certificate table: length"));
  return out;
}

// The entries before the end mark; `in` then stands behind it.
Result<std::vector<Entry>> read_entries(ByteReader& in) {
  std::vector<Entry> out;
  while (true) {
    TRY_ASSIGN(const Entry entry, read_entry(in));
    if (entry.guid == Guid{}) {
      if (entry.end() != 0) return fail(Errc::malformed, "certificate table: end mark with a size");
      return out;
    }
    if (out.size() == kMaxSnpCertificateTableEntries) {
      return fail(Errc::limit, "certificate table: too many entries");
    }
    out.push_back(entry);
  }
}

Status check_places(std::vector<Entry> entries, std::size_t begin, std::size_t end) {
  std::ranges::sort(entries, {}, &Entry::offset);
  std::uint64_t free_from = begin;
  for (const Entry& entry : entries) {
    if (entry.length == 0) return fail(Errc::malformed, "certificate table: empty entry");
    if (entry.offset < free_from) {
      return fail(Errc::malformed, "certificate table: an entry lies on what is before it");
    }
    if (entry.end() > end) return fail(Errc::malformed, "certificate table: entry out of range");
    free_from = entry.end();
  }
  return {};
}

Result<std::optional<Bytes>> find(const std::vector<Entry>& entries, const Guid& guid,
                                  ByteView table) {
  std::optional<Bytes> out;
  for (const Entry& entry : entries) {
    if (entry.guid != guid) continue;
    if (out) return fail(Errc::malformed, "certificate table: doubled entry");
    out = to_bytes(table.subspan(entry.offset, entry.length));
  }
  return out;
}

}  // namespace

Result<SnpCertificates> parse_snp_certificate_table(ByteView table,
                                                    std::optional<SnpSigningKey> key) {
  if (table.size() > kMaxSnpCertificateTableBytes) {
    return fail(Errc::limit, "certificate table: too long");
  }
  ByteReader in(table);
  TRY_ASSIGN(const std::vector<Entry> entries, read_entries(in));
  TRY(check_places(entries, table.size() - in.left(), table.size()));

  SnpCertificates out;
  TRY_ASSIGN(auto vcek, find(entries, kVcek, table));
  TRY_ASSIGN(auto vlek, find(entries, kVlek, table));
  if (vcek && vlek && !key) {
    return fail(Errc::malformed, "certificate table: a VCEK and a VLEK, and no word which to take");
  }
  const bool take_vlek = vlek && (!vcek || key == SnpSigningKey::vlek);
  out.leaf = take_vlek ? std::move(vlek) : std::move(vcek);
  TRY_ASSIGN(out.ica, find(entries, kAsk, table));
  TRY_ASSIGN(out.ark, find(entries, kArk, table));
  TRY_ASSIGN(out.crl, find(entries, kCrl, table));
  return out;
}

}  // namespace confide::evidence
