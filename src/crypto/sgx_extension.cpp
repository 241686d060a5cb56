#include "crypto/sgx_extension.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "crypto/aws_lc.h"
#include "crypto/der.h"

namespace confide::crypto {
namespace {

constexpr std::string_view kWhat = "SGX extension";
constexpr std::size_t kTcbComponents = 16;

struct FreeSequence {
  void operator()(ASN1_SEQUENCE_ANY* p) const noexcept { sk_ASN1_TYPE_pop_free(p, ASN1_TYPE_free); }
};
using Sequence = std::unique_ptr<ASN1_SEQUENCE_ANY, FreeSequence>;

Sequence empty_sequence() {
  Sequence out(sk_ASN1_TYPE_new_null());
  must(out != nullptr);
  return out;
}

Bytes der_of(const Sequence& sequence) { return to_der(sequence.get(), i2d_ASN1_SEQUENCE_ANY); }

// The content octets of kSgxExtensionOid, and of an arc below it: all of them are below 128.
constexpr std::string_view kOid = "\x2A\x86\x48\x86\xF8\x4D\x01\x0D\x01";
std::string below(std::initializer_list<std::size_t> arcs) {
  std::string out(kOid);
  for (const std::size_t arc : arcs) out += static_cast<char>(arc);
  return out;
}

// A sequence of {OID, value} pairs, by OID. Its views point into the bytes that were read.
class Fields {
 public:
  static Result<Fields> parse(DerReader list) {
    Fields out;
    while (!list.at_end()) {
      TRY_ASSIGN(DerReader pair, list.inside(DerTag::sequence));
      TRY_ASSIGN(const ByteView oid, pair.oid());
      TRY_ASSIGN(const DerElement value, pair.any());
      TRY(pair.expect_end());
      if (!out.values_.emplace(as_text(oid), value.encoded).second) {
        return fail(Errc::malformed, "SGX extension: doubled entry");
      }
    }
    return out;
  }

  // Of the value at `arcs`, which is read to its end by `read`.
  template <class Read>
  auto get(std::initializer_list<std::size_t> arcs, Read read) const
      -> decltype(read(std::declval<DerReader&>())) {
    const auto at = values_.find(below(arcs));
    if (at == values_.end()) {
      return fail(Errc::malformed, fmt::format("SGX extension: no entry {}", fmt::join(arcs, ".")));
    }
    DerReader in(at->second, kWhat);
    return read(in);
  }

  template <std::size_t N>
  Result<ByteArray<N>> octets(std::initializer_list<std::size_t> arcs) const {
    TRY_ASSIGN(const ByteView value, get(arcs, [](DerReader& in) { return in.octets(); }));
    ByteReader in(value);
    TRY_ASSIGN(const auto out, in.array<N>(kWhat));
    TRY(in.expect_end(kWhat));
    return out;
  }

  Result<std::uint64_t> integer(std::initializer_list<std::size_t> arcs, std::uint64_t max) const {
    return get(arcs, [max](DerReader& in) { return in.number(max); });
  }

 private:
  std::map<std::string, ByteView, std::less<>> values_;
};

std::string arc(std::string_view below) { return fmt::format("{}.{}", kSgxExtensionOid, below); }

// Puts `value`, which it takes over, at the end of `list`.
void push(const Sequence& list, int type, void* value) {
  ASN1_TYPE* entry = ASN1_TYPE_new();
  must(entry != nullptr);
  ASN1_TYPE_set(entry, type, value);
  must(sk_ASN1_TYPE_push(list.get(), entry) > 0);
}

Handle<ASN1_STRING> string_of(int type, ByteView bytes) {
  auto out = own(ASN1_STRING_type_new(type));
  must(ASN1_STRING_set(out.get(), bytes.data(), static_cast<int>(bytes.size())) == 1);
  return out;
}

// Puts the sequence {OID, value} at the end of `list`.
void push_pair(const Sequence& list, const std::string& oid, Handle<ASN1_STRING> value) {
  const Sequence pair = empty_sequence();
  push(pair, V_ASN1_OBJECT, own(OBJ_txt2obj(oid.c_str(), /*no_name=*/1)).release());
  const int type = ASN1_STRING_type(value.get());
  push(pair, type, value.release());
  push(list, V_ASN1_SEQUENCE, string_of(V_ASN1_SEQUENCE, der_of(pair)).release());
}

void push_integer(const Sequence& list, const std::string& oid, std::uint64_t number) {
  auto value = own(ASN1_INTEGER_new());
  must(ASN1_INTEGER_set_uint64(value.get(), number) == 1);
  push_pair(list, oid, std::move(value));
}

void push_octets(const Sequence& list, const std::string& oid, ByteView octets) {
  push_pair(list, oid, string_of(V_ASN1_OCTET_STRING, octets));
}

}  // namespace

Result<SgxExtension> parse_sgx_extension(ByteView der) {
  SgxExtension out;
  TRY(check_der(der, kWhat));
  TRY_ASSIGN(const DerReader list, der_sequence(der, kWhat));
  TRY_ASSIGN(const Fields fields, Fields::parse(list));
  TRY_ASSIGN(out.ppid, fields.octets<16>({1}));
  TRY_ASSIGN(out.pce_id, fields.octets<2>({3}));
  TRY_ASSIGN(out.fmspc, fields.octets<6>({4}));

  const auto inside = [](DerReader& in) { return in.inside(DerTag::sequence); };
  TRY_ASSIGN(const DerReader tcb, fields.get({2}, inside));
  TRY_ASSIGN(const Fields levels, Fields::parse(tcb));
  for (std::size_t i = 0; i < kTcbComponents; ++i) {
    TRY_ASSIGN(const std::uint64_t svn, levels.integer({2, i + 1}, UINT8_MAX));
    out.tcb_components[i] = static_cast<std::uint8_t>(svn);
  }
  TRY_ASSIGN(const std::uint64_t pce_svn, levels.integer({2, 17}, UINT16_MAX));
  out.pce_svn = static_cast<std::uint16_t>(pce_svn);
  TRY_ASSIGN(out.cpu_svn, levels.octets<16>({2, 18}));
  return out;
}

Bytes encode_sgx_extension(const SgxExtension& extension) {
  const Sequence levels = empty_sequence();
  for (std::size_t i = 0; i < kTcbComponents; ++i) {
    push_integer(levels, arc(fmt::format("2.{}", i + 1)), extension.tcb_components[i]);
  }
  push_integer(levels, arc("2.17"), extension.pce_svn);
  push_octets(levels, arc("2.18"), extension.cpu_svn);

  const Sequence list = empty_sequence();
  push_octets(list, arc("1"), extension.ppid);
  push_pair(list, arc("2"), string_of(V_ASN1_SEQUENCE, der_of(levels)));
  push_octets(list, arc("3"), extension.pce_id);
  push_octets(list, arc("4"), extension.fmspc);
  return der_of(list);
}

}  // namespace confide::crypto
