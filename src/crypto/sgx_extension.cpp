#include "crypto/sgx_extension.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "crypto/openssl.h"

namespace confide::crypto {
namespace {

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

ByteView view_of(const ASN1_STRING* text) {
  return {ASN1_STRING_get0_data(text), static_cast<std::size_t>(ASN1_STRING_length(text))};
}

Bytes der_of(const Sequence& sequence) { return to_der(sequence.get(), i2d_ASN1_SEQUENCE_ANY); }

Result<Sequence> parse_sequence(ByteView der) {
  const unsigned char* at = der.data();
  Sequence out(d2i_ASN1_SEQUENCE_ANY(nullptr, &at, static_cast<long>(der.size())));
  // Writing it again shows trailing bytes and every encoding that is BER but not DER.
  if (out == nullptr || !std::ranges::equal(der_of(out), der)) {
    return openssl_fail(Errc::malformed, "SGX extension: not a DER sequence");
  }
  return out;
}

std::string dotted(const ASN1_OBJECT* oid) {
  std::string out(64, '\0');
  const int size = OBJ_obj2txt(out.data(), static_cast<int>(out.size()), oid, /*no_name=*/1);
  // Longer ones are cut by OpenSSL; none of ours is, and a cut one equals none of ours.
  out.resize(std::min(out.size() - 1, static_cast<std::size_t>(std::max(size, 0))));
  return out;
}

// A sequence of {OID, value} pairs, by OID. Holds what the values point into.
class Fields {
 public:
  static Result<Fields> parse(ByteView der) {
    Fields out;
    TRY_ASSIGN(out.list_, parse_sequence(der));
    for (int i = 0; i < sk_ASN1_TYPE_num(out.list_.get()); ++i) {
      const ASN1_TYPE* entry = sk_ASN1_TYPE_value(out.list_.get(), i);
      if (ASN1_TYPE_get(entry) != V_ASN1_SEQUENCE) {
        return fail(Errc::malformed, "SGX extension: entry is no sequence");
      }
      TRY_ASSIGN(Sequence pair, parse_sequence(view_of(entry->value.sequence)));
      TRY(out.add(std::move(pair)));
    }
    return out;
  }

  Result<const ASN1_TYPE*> get(const std::string& oid, int type) const {
    const auto at = values_.find(oid);
    if (at == values_.end() || ASN1_TYPE_get(at->second) != type) {
      return fail(Errc::malformed, fmt::format("SGX extension: {} missing or mistyped", oid));
    }
    return at->second;
  }

  template <std::size_t N>
  Result<ByteArray<N>> octets(const std::string& oid) const {
    TRY_ASSIGN(const ASN1_TYPE* const value, get(oid, V_ASN1_OCTET_STRING));
    ByteReader in(view_of(value->value.octet_string));
    TRY_ASSIGN(const auto out, in.array<N>(oid));
    TRY(in.expect_end(oid));
    return out;
  }

  Result<std::uint64_t> integer(const std::string& oid, std::uint64_t max) const {
    TRY_ASSIGN(const ASN1_TYPE* const value, get(oid, V_ASN1_INTEGER));
    std::uint64_t out = 0;
    if (ASN1_INTEGER_get_uint64(&out, value->value.integer) != 1 || out > max) {
      return openssl_fail(Errc::malformed, fmt::format("SGX extension: {} out of range", oid));
    }
    return out;
  }

 private:
  Status add(Sequence pair) {
    if (sk_ASN1_TYPE_num(pair.get()) != 2) {
      return fail(Errc::malformed, "SGX extension: entry is no pair");
    }
    const ASN1_TYPE* oid = sk_ASN1_TYPE_value(pair.get(), 0);
    if (ASN1_TYPE_get(oid) != V_ASN1_OBJECT) {
      return fail(Errc::malformed, "SGX extension: entry without OID");
    }
    const bool added =
        values_.emplace(dotted(oid->value.object), sk_ASN1_TYPE_value(pair.get(), 1)).second;
    if (!added) return fail(Errc::malformed, "SGX extension: doubled entry");
    pairs_.push_back(std::move(pair));
    return {};
  }

  Sequence list_;
  std::vector<Sequence> pairs_;
  std::map<std::string, const ASN1_TYPE*> values_;
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
  TRY_ASSIGN(const Fields fields, Fields::parse(der));
  TRY_ASSIGN(out.ppid, fields.octets<16>(arc("1")));
  TRY_ASSIGN(out.pce_id, fields.octets<2>(arc("3")));
  TRY_ASSIGN(out.fmspc, fields.octets<6>(arc("4")));

  TRY_ASSIGN(const ASN1_TYPE* const tcb, fields.get(arc("2"), V_ASN1_SEQUENCE));
  TRY_ASSIGN(const Fields levels, Fields::parse(view_of(tcb->value.sequence)));
  for (std::size_t i = 0; i < kTcbComponents; ++i) {
    TRY_ASSIGN(const std::uint64_t svn, levels.integer(arc(fmt::format("2.{}", i + 1)), UINT8_MAX));
    out.tcb_components[i] = static_cast<std::uint8_t>(svn);
  }
  TRY_ASSIGN(const std::uint64_t pce_svn, levels.integer(arc("2.17"), UINT16_MAX));
  out.pce_svn = static_cast<std::uint16_t>(pce_svn);
  TRY_ASSIGN(out.cpu_svn, levels.octets<16>(arc("2.18")));
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
