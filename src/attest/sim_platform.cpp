#include "attest/sim_platform.h"

#include <algorithm>

#include "crypto/hash.h"

namespace confide::attest {
namespace {

constexpr std::uint8_t kBoolean = 0x01;
constexpr std::uint8_t kOctetString = 0x04;
constexpr std::uint8_t kObjectId = 0x06;
constexpr std::uint8_t kEnumerated = 0x0a;
constexpr std::uint8_t kSequence = 0x30;

// One DER element. Its content is under 64 KiB.
Bytes element(std::uint8_t tag, ByteView content) {
  const std::size_t size = content.size();
  const auto low = static_cast<std::uint8_t>(size & 0xffU);
  const auto high = static_cast<std::uint8_t>(size >> 8U);
  Bytes out{tag};
  if (size < 0x80) {
    out.push_back(low);
  } else if (size < 0x100) {
    append(out, ByteArray<2>{0x81, low});
  } else {
    append(out, ByteArray<3>{0x82, high, low});
  }
  append(out, content);
  return out;
}

// SEQUENCE { 1.2.840.113741.1.13.1.<arcs>, value }
Bytes member(std::initializer_list<std::uint8_t> arcs, ByteView value) {
  Bytes oid{0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};
  oid.insert(oid.end(), arcs);
  Bytes pair = element(kObjectId, oid);
  append(pair, value);
  return element(kSequence, pair);
}

// What stands inside a SEQUENCE of over 255 bytes, the form that `der` has.
ByteView content_of_long_sequence(ByteView der) { return der.subspan(4); }

template <std::size_t N>
ByteArray<N> first_bytes_of(const crypto::Sha256& digest) {
  ByteArray<N> out{};
  std::copy_n(digest.begin(), N, out.begin());
  return out;
}

Bytes flag(bool value) {
  return element(kBoolean, ByteArray<1>{static_cast<std::uint8_t>(value ? 0xff : 0x00)});
}

}  // namespace

ByteArray<32> sim_qe_mr_enclave() {
  return crypto::sha256(as_bytes("Confide simulator: no quoting enclave"));
}

ByteArray<32> sim_qe_mr_signer() {
  return crypto::sha256(as_bytes("Confide simulator: nobody signed the quoting enclave"));
}

evidence::TdReport sim_td_report() {
  evidence::TdReport td;
  td.tee_tcb_svn = kSimTeeTcbSvn;
  td.mr_seam = crypto::sha384(as_bytes("Confide simulator: no TDX module"));
  td.td_attributes = {0, 0, 0, 0x10};  // bit 28
  td.xfam = {0xe7, 0x02, 0x06};
  td.mr_td = crypto::sha384(as_bytes("Confide simulator: no virtual firmware"));
  return td;
}

Bytes sim_pck_extension(const ByteArray<16>& ppid) {
  const Bytes common = crypto::encode_sgx_extension({.ppid = ppid,
                                                     .tcb_components = kSimSgxSvn,
                                                     .pce_svn = kSimPceSvn,
                                                     .cpu_svn = kSimSgxSvn,
                                                     .pce_id = kSimPceId,
                                                     .fmspc = kSimFmspc});
  const auto instance = first_bytes_of<16>(crypto::sha256(ppid));
  Bytes configuration = member({7, 1}, flag(true));    // dynamic platform
  append(configuration, member({7, 2}, flag(false)));  // cached keys
  append(configuration, member({7, 3}, flag(true)));   // simultaneous multithreading

  Bytes members = to_bytes(content_of_long_sequence(common));
  append(members, member({5}, element(kEnumerated, ByteArray<1>{1})));  // SGX type: scalable
  append(members, member({6}, element(kOctetString, instance)));
  append(members, member({7}, element(kSequence, configuration)));
  return element(kSequence, members);
}

}  // namespace confide::attest
