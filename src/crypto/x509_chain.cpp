#include <algorithm>

#include <fmt/format.h>

#include "crypto/x509.h"
#include "crypto/x509_impl.h"

namespace confide::crypto {
namespace {

constexpr std::size_t kMaxChain = 8;
constexpr std::size_t kMaxCrls = 16;
// 112 bits of security: no SHA-1, no RSA below 2,048 bits (SSL_CTX_set_security_level(3)).
constexpr int kSecurityLevel = 2;

Errc reaction_to(int verify_error) {
  switch (verify_error) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return Errc::expired;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
      return Errc::bad_signature;
    default:  // OpenSSL has a hundred reasons; whatever it cannot vouch for is not trusted
      return Errc::untrusted;
  }
}

void set_rules(X509_STORE_CTX* context, Time at, bool with_crls) {
  X509_VERIFY_PARAM* params = X509_STORE_CTX_get0_param(context);
  unsigned long flags = X509_V_FLAG_X509_STRICT;
  if (with_crls) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
  must(X509_VERIFY_PARAM_set_flags(params, flags) == 1);
  X509_VERIFY_PARAM_set_time(params, to_unix(at));
  X509_VERIFY_PARAM_set_depth(params, int{kMaxChain});
  X509_VERIFY_PARAM_set_auth_level(params, kSecurityLevel);
}

Handle<STACK_OF(X509)> list_of(std::span<const Certificate> certificates) {
  auto out = own(sk_X509_new_null());
  for (const Certificate& c : certificates) must(sk_X509_push(out.get(), c.impl().x509.get()) > 0);
  return out;
}

Handle<STACK_OF(X509_CRL)> list_of(std::span<const Crl> crls) {
  auto out = own(sk_X509_CRL_new_null());
  for (const Crl& c : crls) must(sk_X509_CRL_push(out.get(), c.impl().crl.get()) > 0);
  return out;
}

// Whether `error`, found by OpenSSL's strict mode, is one that `rules` let pass.
bool may_pass(int error, const X509_STORE_CTX* context, const ChainRules& rules) {
  switch (error) {
    case X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER:
    case X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER:
      return !rules.key_identifiers;
    case X509_V_ERR_CA_CERT_MISSING_KEY_USAGE:
    case X509_V_ERR_PATHLEN_WITHOUT_KU_KEY_CERT_SIGN: {
      X509* const current = X509_STORE_CTX_get_current_cert(context);
      return !rules.key_usage && (X509_get_extension_flags(current) & EXFLAG_KUSAGE) == 0;
    }
    default:
      return false;
  }
}

// Strict mode has no switch for single rules, so its verdict on some is turned here.
int pass_by_rules(int ok, X509_STORE_CTX* context) {
  if (ok == 1) return 1;
  const auto* const rules = static_cast<const ChainRules*>(X509_STORE_CTX_get_app_data(context));
  if (!may_pass(X509_STORE_CTX_get_error(context), context, *rules)) return 0;
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}

// OpenSSL picks what it needs from what it is given. We demand that it needed all of it, in the
// order given: a certificate that nobody checked must not look as if it had been.
bool is_whole_path(const X509_STORE_CTX* context, std::span<const Certificate> chain,
                   const Certificate& root) {
  const STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(context);
  const auto length = static_cast<std::size_t>(sk_X509_num(path));
  const bool has_root = chain.back() == root;
  if (length != chain.size() + (has_root ? 0 : 1)) return false;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    if (X509_cmp(sk_X509_value(path, static_cast<int>(i)), chain[i].impl().x509.get()) != 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

Status verify_chain(std::span<const Certificate> chain, const Certificate& root, Time at,
                    std::span<const Crl> crls, ChainRules rules) {
  if (chain.empty()) return fail(Errc::untrusted, "X.509: empty chain");
  if (chain.size() > kMaxChain || crls.size() > kMaxCrls) {
    return fail(Errc::untrusted, "X.509: chain too long");
  }
  const auto store = own(X509_STORE_new());
  must(X509_STORE_add_cert(store.get(), root.impl().x509.get()) == 1);
  const auto others = list_of(chain.subspan(1));
  const auto revocations = list_of(crls);
  const auto context = own(X509_STORE_CTX_new());
  must(X509_STORE_CTX_init(context.get(), store.get(), chain[0].impl().x509.get(), others.get()) ==
       1);
  X509_STORE_CTX_set0_crls(context.get(), revocations.get());
  set_rules(context.get(), at, !crls.empty());
  must(X509_STORE_CTX_set_app_data(context.get(), &rules) == 1);
  X509_STORE_CTX_set_verify_cb(context.get(), pass_by_rules);

  if (X509_verify_cert(context.get()) != 1) {
    const int error = X509_STORE_CTX_get_error(context.get());
    return openssl_fail(
        reaction_to(error),
        fmt::format("X.509: {} (certificate {} of the chain)", X509_verify_cert_error_string(error),
                    X509_STORE_CTX_get_error_depth(context.get())));
  }
  if (!is_whole_path(context.get(), chain, root)) {
    return fail(Errc::untrusted, "X.509: the chain is not the path to its root");
  }
  return {};
}

}  // namespace confide::crypto
