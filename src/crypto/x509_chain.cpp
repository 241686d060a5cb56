#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "crypto/x509.h"
#include "crypto/x509_impl.h"
#include "crypto/x509_rules.h"

namespace confide::crypto {
namespace {

constexpr std::size_t kMaxChain = 8;
constexpr std::size_t kMaxCrls = 16;

Errc reaction_to(int verify_error) {
  switch (verify_error) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return Errc::expired;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
      return Errc::bad_signature;
    default:  // AWS-LC has a hundred reasons; whatever it cannot vouch for is not trusted
      return Errc::untrusted;
  }
}

// AWS-LC calls only those self-signed whose key may sign certificates, and wants its roots so.
bool is_its_own_root(std::span<const Certificate> chain, const Certificate& root) {
  return chain.size() == 1 && chain[0] == root &&
         (X509_get_extension_flags(root.impl().x509.get()) & EXFLAG_SI) != 0;
}

void set_rules(X509_STORE_CTX* context, Time at, bool with_crls, bool its_own_root) {
  X509_VERIFY_PARAM* params = X509_STORE_CTX_get0_param(context);
  unsigned long flags = 0;
  if (with_crls) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
  if (its_own_root) flags |= X509_V_FLAG_PARTIAL_CHAIN;
  must(X509_VERIFY_PARAM_set_flags(params, flags) == 1);
  X509_VERIFY_PARAM_set_time_posix(params, to_unix(at));
  X509_VERIFY_PARAM_set_depth(params, int{kMaxChain});
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

// What check_crl() has to know.
struct Revocation {
  std::span<const Crl> crls;
  Time at{};
};

int refuse(X509_STORE_CTX* context, int error) {
  X509_STORE_CTX_set_error(context, error);
  return 0;
}

// Instead of AWS-LC's own check of the CRL that it picked for a certificate, which would verify the
// signature of the root's CRL for each certificate under it. Only for CRLs that cover all of their
// issuer's certificates: then scope is no question. Critical extensions are looked at afterwards.
int check_crl(X509_STORE_CTX* context, X509_CRL* crl) {
  const auto& given = *static_cast<const Revocation*>(X509_STORE_CTX_get_app_data(context));
  const auto known =
      std::ranges::find_if(given.crls, [&](const Crl& c) { return c.impl().crl.get() == crl; });
  X509* const issuer = X509_STORE_CTX_get0_current_issuer(context);
  must(known != given.crls.end() && issuer != nullptr);
  const Crl::Impl& impl = known->impl();
  // Without a key usage all bits are set.
  if ((X509_get_key_usage(issuer) & X509v3_KU_CRL_SIGN) == 0) {
    return refuse(context, X509_V_ERR_KEYUSAGE_NO_CRL_SIGN);
  }
  if (given.at < impl.this_update) return refuse(context, X509_V_ERR_CRL_NOT_YET_VALID);
  if (given.at >= impl.next_update) return refuse(context, X509_V_ERR_CRL_HAS_EXPIRED);
  if (!impl.is_signed_by(*issuer)) return refuse(context, X509_V_ERR_CRL_SIGNATURE_FAILURE);
  return 1;
}

std::vector<X509*> path_of(X509_STORE_CTX* context) {
  const STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(context);
  std::vector<X509*> out;
  for (std::size_t i = 0; i < sk_X509_num(path); ++i) out.push_back(sk_X509_value(path, i));
  return out;
}

// AWS-LC picks what it needs from what it is given. We demand that it needed all of it, in the
// order given: a certificate that nobody checked must not look as if it had been.
bool is_whole_path(std::span<X509* const> path, std::span<const Certificate> chain,
                   const Certificate& root) {
  const bool has_root = chain.back() == root;
  return path.size() == chain.size() + (has_root ? 0 : 1) &&
         std::ranges::equal(path.first(chain.size()), chain,
                            [](const X509* a, const Certificate& b) {
                              return X509_cmp(a, b.impl().x509.get()) == 0;
                            });
}

}  // namespace

Status verify_chain(std::span<const Certificate> chain, const Certificate& root, Time at,
                    std::span<const Crl> crls, ChainRules rules) {
  if (chain.empty()) return fail(Errc::untrusted, "X.509: empty chain");
  if (chain.size() > kMaxChain || crls.size() > kMaxCrls) {
    return fail(Errc::untrusted, "X.509: chain too long");
  }
  if (std::ranges::any_of(crls, [](const Crl& c) { return is_delta(*c.impl().crl); })) {
    return fail(Errc::untrusted, "X.509: a CRL that lists changes only");
  }
  const bool partial =
      std::ranges::any_of(crls, [](const Crl& c) { return is_partial(*c.impl().crl); });
  Revocation revocation{.crls = crls, .at = at};
  const auto store = own(X509_STORE_new());
  must(X509_STORE_add_cert(store.get(), root.impl().x509.get()) == 1);
  if (!partial) X509_STORE_set_check_crl(store.get(), check_crl);
  const auto others = list_of(chain.subspan(1));
  const auto revocations = list_of(crls);
  const auto context = own(X509_STORE_CTX_new());
  must(X509_STORE_CTX_init(context.get(), store.get(), chain[0].impl().x509.get(), others.get()) ==
       1);
  X509_STORE_CTX_set0_crls(context.get(), revocations.get());
  must(X509_STORE_CTX_set_app_data(context.get(), &revocation) == 1);
  set_rules(context.get(), at, !crls.empty(), is_its_own_root(chain, root));

  if (X509_verify_cert(context.get()) != 1) {
    const int error = X509_STORE_CTX_get_error(context.get());
    return aws_lc_fail(
        reaction_to(error),
        fmt::format("X.509: {} (certificate {} of the chain)", X509_verify_cert_error_string(error),
                    X509_STORE_CTX_get_error_depth(context.get())));
  }
  const std::vector<X509*> path = path_of(context.get());
  if (!is_whole_path(path, chain, root)) {
    return fail(Errc::untrusted, "X.509: the chain is not the path to its root");
  }
  return check_path_rules(path, rules);
}

}  // namespace confide::crypto
