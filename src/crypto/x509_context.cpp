#include "crypto/x509_context.h"

#include <openssl/core_dispatch.h>
#include <openssl/provider.h>

#include <string_view>
#include <vector>

#include "crypto/openssl.h"

namespace confide::crypto {
namespace {

// The default provider of OpenSSL's own context, whose implementations ours hands on.
OSSL_PROVIDER* default_provider() {
  static OSSL_PROVIDER* const kProvider = [] {
    OSSL_PROVIDER* const out = OSSL_PROVIDER_load(nullptr, "default");
    must(out != nullptr);
    return out;
  }();
  return kProvider;
}

bool is_wanted(const OSSL_ALGORITHM& algorithm, int operation) {
  const std::string_view names(algorithm.algorithm_names);
  const std::string_view key_type = names.substr(0, names.find(':'));
  if (key_type != "EC" && key_type != "RSA") return false;
  const std::string_view properties(algorithm.property_definition);
  return operation != OSSL_OP_DECODER ||
         properties.find("structure=SubjectPublicKeyInfo") != std::string_view::npos;
}

std::vector<OSSL_ALGORITHM> wanted(int operation) {
  std::vector<OSSL_ALGORITHM> out;
  int no_cache = 0;
  const OSSL_ALGORITHM* all =
      OSSL_PROVIDER_query_operation(default_provider(), operation, &no_cache);
  must(all != nullptr);
  for (; all->algorithm_names != nullptr; ++all) {
    if (is_wanted(*all, operation)) out.push_back(*all);
  }
  must(!out.empty());
  out.push_back({});  // the end of such lists
  return out;
}

const OSSL_ALGORITHM* query(void* /*context*/, int operation, int* no_cache) {
  static const std::vector<OSSL_ALGORITHM> kDecoders = wanted(OSSL_OP_DECODER);
  static const std::vector<OSSL_ALGORITHM> kKeys = wanted(OSSL_OP_KEYMGMT);
  *no_cache = 0;
  if (operation == OSSL_OP_DECODER) return kDecoders.data();
  if (operation == OSSL_OP_KEYMGMT) return kKeys.data();
  return OSSL_PROVIDER_query_operation(default_provider(), operation, no_cache);
}

int init_provider(const OSSL_CORE_HANDLE* /*core*/, const OSSL_DISPATCH* /*from_core*/,
                  const OSSL_DISPATCH** functions, void** context) {
  static const OSSL_DISPATCH kFunctions[] = {
      {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(query)}, {0, nullptr}};
  *functions = kFunctions;
  *context = OSSL_PROVIDER_get0_provider_ctx(default_provider());  // what they all are called with
  return 1;
}

}  // namespace

OSSL_LIB_CTX* x509_context() {
  static OSSL_LIB_CTX* const kContext = [] {
    OSSL_LIB_CTX* const out = OSSL_LIB_CTX_new();
    must(out != nullptr);
    must(OSSL_PROVIDER_add_builtin(out, "x509", init_provider) == 1);
    must(OSSL_PROVIDER_load(out, "x509") != nullptr);
    return out;
  }();
  return kContext;
}

}  // namespace confide::crypto
