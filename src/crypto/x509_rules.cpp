#include "crypto/x509_rules.h"

#include <string_view>

#include <fmt/format.h>

#include "crypto/der.h"

namespace confide::crypto {
namespace {

constexpr int kMinRsaBits = 2048;
constexpr int kMinCurveBits = 224;
constexpr std::size_t kMinDigestBytes = 28;  // no SHA-1

struct Link {
  X509* certificate;
  std::size_t index;  // 0 is the leaf
  bool is_last;

  bool has(std::uint32_t flag) const { return (X509_get_extension_flags(certificate) & flag) != 0; }
  bool is_ca() const { return has(EXFLAG_CA); }
  // By a key usage that is there.
  bool may_sign_certificates() const {
    return has(EXFLAG_KUSAGE) && (X509_get_key_usage(certificate) & X509v3_KU_KEY_CERT_SIGN) != 0;
  }
};

// What is wrong with it, or nothing.
using Wrong = std::string_view;

bool is_empty(const X509_NAME* name) { return X509_NAME_entry_count(name) == 0; }

bool is_critical(const X509& certificate, int nid) {
  const int at = X509_get_ext_by_NID(&certificate, nid, -1);
  return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(&certificate, at)) == 1;
}

// RFC 4055 section 3.1: the hash is optional, and SHA-1 where there is none.
int pss_digest(const ASN1_STRING& parameters) {
  const auto parse = [](ByteView der) -> Result<int> {
    TRY_ASSIGN(DerReader in, der_sequence(der, "PSS parameters"));
    TRY_ASSIGN(DerReader wrapped, in.inside(der_context_constructed(0)));
    TRY_ASSIGN(DerReader algorithm, wrapped.inside(DerTag::sequence));
    TRY_ASSIGN(const DerElement oid, algorithm.element(DerTag::oid));
    const auto object = from_der<ASN1_OBJECT>(oid.encoded, d2i_ASN1_OBJECT);
    return object == nullptr ? NID_undef : OBJ_obj2nid(object.get());
  };
  return parse({ASN1_STRING_get0_data(&parameters),
                static_cast<std::size_t>(ASN1_STRING_length(&parameters))})
      .value_or(NID_undef);
}

bool is_strong(const X509_ALGOR& signature) {
  const ASN1_OBJECT* name = nullptr;
  int type = V_ASN1_UNDEF;
  const void* parameters = nullptr;
  X509_ALGOR_get0(&name, &type, &parameters, &signature);
  int digest = NID_undef;
  if (OBJ_obj2nid(name) == NID_rsassaPss) {
    if (type == V_ASN1_SEQUENCE) digest = pss_digest(*static_cast<const ASN1_STRING*>(parameters));
  } else if (OBJ_find_sigid_algs(OBJ_obj2nid(name), &digest, nullptr) != 1) {
    return false;
  }
  const EVP_MD* const hash = EVP_get_digestbynid(digest);
  return hash != nullptr && EVP_MD_size(hash) >= kMinDigestBytes;
}

Wrong judge_strength(const Link& link) {
  const EVP_PKEY* const key = X509_get0_pubkey(link.certificate);
  if (key == nullptr) return "an unusable key";
  const int kind = EVP_PKEY_id(key);
  if (kind != EVP_PKEY_RSA && kind != EVP_PKEY_EC) return "a key neither RSA nor EC";
  if (EVP_PKEY_bits(key) < (kind == EVP_PKEY_RSA ? kMinRsaBits : kMinCurveBits)) {
    return "too small a key";
  }
  // That of a root proves nothing: it is pinned.
  if (!link.is_last && !is_strong(*X509_get0_tbs_sigalg(link.certificate))) {
    return "too weak a signature";
  }
  return {};
}

// Sections 4.2.1.3 and 4.2.1.9. AWS-LC also takes a self-signed certificate of version 1 for a CA.
Wrong judge_authority(const Link& link, const ChainRules& rules) {
  if (link.has(EXFLAG_KUSAGE) && X509_get_key_usage(link.certificate) == 0) {
    return "an empty key usage";
  }
  if (!link.is_ca()) {
    if (link.index > 0) return "no CA";
    return link.may_sign_certificates() ? "a key usage for CAs" : Wrong();
  }
  if (!is_critical(*link.certificate, NID_basic_constraints)) {
    return "basic constraints that are not critical";
  }
  if (!link.has(EXFLAG_KUSAGE)) return rules.key_usage ? "no key usage" : Wrong();
  const bool limited = X509_get_pathlen(link.certificate) >= 0;
  return limited && !link.may_sign_certificates() ? "a path length but no use for it" : Wrong();
}

// Sections 4.2.1.1 and 4.2.1.2. Before version 3 there are no extensions.
Wrong judge_identifiers(const Link& link, const ChainRules& rules) {
  if (!rules.key_identifiers || X509_get_version(link.certificate) < X509_VERSION_3) return {};
  if (!link.is_last && X509_get0_authority_key_id(link.certificate) == nullptr) {
    return "no authority key identifier";
  }
  if (link.is_ca() && X509_get0_subject_key_id(link.certificate) == nullptr) {
    return "no subject key identifier";
  }
  return {};
}

// Sections 4.1.2.4, 4.1.2.6 and 4.2.1.6.
Wrong judge_names(const Link& link) {
  const X509& certificate = *link.certificate;
  if (is_empty(X509_get_issuer_name(&certificate))) return "an empty issuer";
  const Handle<GENERAL_NAMES> others(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (others != nullptr && sk_GENERAL_NAME_num(others.get()) == 0) {
    return "an empty list of alternative names";
  }
  if (!is_empty(X509_get_subject_name(&certificate))) return {};
  const bool may_be_empty =
      !link.is_ca() && others != nullptr && is_critical(certificate, NID_subject_alt_name);
  return may_be_empty ? Wrong() : "an empty subject";
}

// Section 4.1.1.2: both places name the same algorithm.
Wrong judge_algorithm(const Link& link) {
  const X509_ALGOR* outside = nullptr;
  X509_get0_signature(nullptr, &outside, link.certificate);
  const bool same = X509_ALGOR_cmp(outside, X509_get0_tbs_sigalg(link.certificate)) == 0;
  return same ? Wrong() : "two signature algorithms";
}

Wrong judge(const Link& link, const ChainRules& rules) {
  for (const Wrong wrong : {judge_authority(link, rules), judge_identifiers(link, rules),
                            judge_names(link), judge_algorithm(link)}) {
    if (!wrong.empty()) return wrong;
  }
  return {};
}

Status refuse(std::size_t index, Wrong wrong) {
  return fail(Errc::untrusted,
              fmt::format("X.509: {} (certificate {} of the chain)", wrong, index));
}

}  // namespace

Status check_path_rules(std::span<X509* const> path, const ChainRules& rules) {
  long cas_below = 0;  // without those that issued themselves, section 4.2.1.9
  for (std::size_t i = 0; i < path.size(); ++i) {
    const Link link{.certificate = path[i], .index = i, .is_last = i + 1 == path.size()};
    if (const Wrong wrong = judge_strength(link); !wrong.empty()) return refuse(i, wrong);
    if (path.size() == 1) break;
    if (const Wrong wrong = judge(link, rules); !wrong.empty()) return refuse(i, wrong);
    const long most = X509_get_pathlen(path[i]);
    if (most >= 0 && cas_below > most) return refuse(i, "a path longer than it allows");
    if (i > 0 && !link.has(EXFLAG_SI)) ++cas_below;
  }
  return {};
}

bool is_delta(const X509_CRL& crl) { return X509_CRL_get_ext_by_NID(&crl, NID_delta_crl, -1) >= 0; }

bool is_partial(const X509_CRL& crl) {
  return X509_CRL_get_ext_by_NID(&crl, NID_issuing_distribution_point, -1) >= 0;
}

}  // namespace confide::crypto
