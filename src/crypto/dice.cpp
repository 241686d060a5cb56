#include "crypto/dice.h"

#include <string_view>

#include "crypto/der.h"

namespace confide::crypto {
namespace {

constexpr std::string_view kComposite = "DICE identifier";
constexpr DerTag kFwids = der_context_constructed(6);

// FWID ::= SEQUENCE { hashAlg OBJECT IDENTIFIER, digest OCTET STRING }
Result<Bytes> parse_fwid(DerReader fwid) {
  TRY(fwid.oid());
  TRY_ASSIGN(const ByteView digest, fwid.octets());
  TRY(fwid.expect_end());
  if (digest.empty()) return fail(Errc::malformed, "DICE: an empty firmware identifier");
  return to_bytes(digest);
}

// CompositeDeviceID ::= SEQUENCE { version INTEGER, deviceID SubjectPublicKeyInfo, fwid FWID };
// the device's key may be left out.
Result<Bytes> parse_composite_id(ByteView der) {
  TRY_ASSIGN(DerReader in, der_sequence(der, kComposite));
  TRY(in.element(DerTag::integer));
  TRY_ASSIGN(DerElement last, in.element(DerTag::sequence));
  if (!in.at_end()) {
    TRY_ASSIGN(last, in.element(DerTag::sequence));
  }
  TRY(in.expect_end());
  return parse_fwid(DerReader(last.content, kComposite));
}

// DiceTcbInfo ::= SEQUENCE of optional tagged fields in order; fwids [6] IMPLICIT SEQUENCE OF FWID
Result<Bytes> parse_tcb_info(ByteView der) {
  TRY_ASSIGN(DerReader in, der_sequence(der, "DICE TcbInfo"));
  while (!in.at_end()) {
    if (in.next_is(kFwids)) {
      TRY_ASSIGN(DerReader fwids, in.inside(kFwids));
      TRY_ASSIGN(const DerReader first, fwids.inside(DerTag::sequence));
      return parse_fwid(first);
    }
    TRY(in.any());
  }
  return fail(Errc::malformed, "DICE TcbInfo: no firmware identifier");
}

}  // namespace

Result<Bytes> parse_dice_fwid(const std::string& oid, ByteView der) {
  TRY(check_der(der, "DICE extension"));
  if (oid == kDiceIdOid) return parse_composite_id(der);
  if (oid == kDiceTcbInfoOid) return parse_tcb_info(der);
  return fail(Errc::unsupported, "DICE: not an extension with a firmware identifier");
}

}  // namespace confide::crypto
