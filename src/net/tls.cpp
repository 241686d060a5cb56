#include "net/tls.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <cstdlib>

#include "base/bytes.h"
#include "base/secret.h"

namespace confide::net {
namespace {

// Protocols by preference, each behind its length. We speak the first, and answer clients that only
// know the second.
constexpr std::array<unsigned char, 18> kAlpn = {8, 'h', 't', 't', 'p', '/', '1', '.', '1',
                                                 8, 'h', 't', 't', 'p', '/', '1', '.', '0'};
constexpr unsigned kHttp11Size = 9;
constexpr std::size_t kRecord = 16384;  // the most plaintext one record holds

// Enough for tens of thousands of keys at once: exhausted, the heap fails instead of growing.
constexpr std::size_t kSecureBytes = std::size_t{1} << 20U;
constexpr std::size_t kSecureUnit = 32;

// The reason OpenSSL gives, and an empty error queue.
std::string drain_errors() {
  const unsigned long code = ERR_get_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "connection failed" : reason;
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned int in_size, void*) {
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, out_size, kAlpn.data(), kAlpn.size(), in, in_size);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

std::shared_ptr<SSL_CTX> make_context(const SSL_METHOD* method) {
  std::shared_ptr<SSL_CTX> ctx(SSL_CTX_new(method), SSL_CTX_free);
  if (!ctx || SSL_CTX_set_min_proto_version(ctx.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(ctx.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_num_tickets(ctx.get(), 0) != 1) {
    return nullptr;
  }
  SSL_CTX_set_options(ctx.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_OFF);
  // An idle connection then keeps no record buffers: 34 kB each.
  SSL_CTX_set_mode(ctx.get(), SSL_MODE_RELEASE_BUFFERS);
  return ctx;
}

using PrivateKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

// A server must not stop and ask for a passphrase.
int no_passphrase(char*, int, int, void*) { return -1; }

Result<PrivateKey> read_pem_key(std::string_view pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> in(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  PrivateKey key(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr) : nullptr,
                 EVP_PKEY_free);
  if (!key) return fail(Errc::malformed, fmt::format("TLS key: {}", drain_errors()));
  const bool p256 = EVP_PKEY_is_a(key.get(), "EC") == 1 && EVP_PKEY_get_bits(key.get()) == 256;
  const bool rsa = EVP_PKEY_is_a(key.get(), "RSA") == 1 && EVP_PKEY_get_bits(key.get()) >= 2048;
  if (p256 || rsa) return key;
  return fail(Errc::unsupported, "TLS key: neither on P-256 nor RSA of 2,048 bits or more");
}

Result<std::shared_ptr<SSL_CTX>> server_context(std::span<const crypto::Certificate> chain,
                                                EVP_PKEY* key) {
  auto ctx = make_context(TLS_server_method());
  if (!ctx) return fail(Errc::internal, fmt::format("TLS context: {}", drain_errors()));
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const ByteView der = chain[i].der();
    const unsigned char* at = der.data();
    const std::unique_ptr<X509, decltype(&X509_free)> x509(
        d2i_X509(nullptr, &at, static_cast<long>(der.size())), X509_free);
    const bool used = x509 && (i == 0 ? SSL_CTX_use_certificate(ctx.get(), x509.get()) == 1
                                      : SSL_CTX_add1_chain_cert(ctx.get(), x509.get()) == 1);
    if (!used) return fail(Errc::malformed, fmt::format("TLS certificate: {}", drain_errors()));
  }
  if (chain.empty() || SSL_CTX_use_PrivateKey(ctx.get(), key) != 1 ||
      SSL_CTX_check_private_key(ctx.get()) != 1) {
    return fail(Errc::mismatch, fmt::format("TLS key: {}", drain_errors()));
  }
  SSL_CTX_set_alpn_select_cb(ctx.get(), choose_alpn, nullptr);
  return ctx;
}

}  // namespace

// A heap that could not be locked is still apart and still wiped; ops/hardening.h warns of the
// limit.
void reserve_secure_memory() {
  if (CRYPTO_secure_malloc_init(kSecureBytes, kSecureUnit) == 0) std::abort();
}

Result<TlsContext> TlsContext::server(const crypto::Certificate& certificate,
                                      const crypto::P256Key& key) {
  ERR_clear_error();
  const SecretBytes der = key.to_der();
  const unsigned char* at = der.reveal().data();
  const PrivateKey parsed(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(der.size())),
                          EVP_PKEY_free);
  if (!parsed) return fail(Errc::malformed, fmt::format("TLS key: {}", drain_errors()));
  TRY_ASSIGN(auto ctx, server_context({&certificate, 1}, parsed.get()));
  return TlsContext(std::move(ctx));
}

Result<TlsContext> TlsContext::server(std::span<const crypto::Certificate> chain,
                                      std::string_view key_pem) {
  ERR_clear_error();
  TRY_ASSIGN(const PrivateKey key, read_pem_key(key_pem));
  TRY_ASSIGN(auto ctx, server_context(chain, key.get()));
  return TlsContext(std::move(ctx));
}

Result<TlsContext> TlsContext::client() {
  ERR_clear_error();
  auto ctx = make_context(TLS_client_method());
  // Unlike nearly all of OpenSSL, this one returns 0 for success.
  if (!ctx || SSL_CTX_set_alpn_protos(ctx.get(), kAlpn.data(), kHttp11Size) != 0) {
    return fail(Errc::internal, fmt::format("TLS context: {}", drain_errors()));
  }
  SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_NONE, nullptr);
  return TlsContext(std::move(ctx));
}

void TlsEngine::Free::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

Result<TlsEngine> TlsEngine::make(const TlsContext& context) {
  ERR_clear_error();
  TlsEngine engine(SSL_new(context.handle()));
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  if (!engine.ssl_ || in == nullptr || out == nullptr) {
    BIO_free(in);
    BIO_free(out);
    return fail(Errc::internal, fmt::format("TLS connection: {}", drain_errors()));
  }
  SSL_set_bio(engine.ssl_.get(), in, out);  // takes both
  return engine;
}

Result<TlsEngine> TlsEngine::accept(const TlsContext& context) {
  TRY_ASSIGN(TlsEngine engine, make(context));
  SSL_set_accept_state(engine.ssl_.get());
  return engine;
}

Result<TlsEngine> TlsEngine::connect(const TlsContext& context, const std::string& server_name) {
  TRY_ASSIGN(TlsEngine engine, make(context));
  SSL_set_connect_state(engine.ssl_.get());
  if (!server_name.empty() &&
      SSL_set_tlsext_host_name(engine.ssl_.get(), const_cast<char*>(server_name.c_str())) != 1) {
    return fail(Errc::malformed, fmt::format("TLS server name: {}", drain_errors()));
  }
  TRY(engine.shake_hands());
  return engine;
}

Status TlsEngine::shake_hands() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  established_ = done == 1;
  if (established_ || SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_READ) return {};
  return fail(Errc::unavailable, fmt::format("TLS handshake failed: {}", drain_errors()));
}

Status TlsEngine::receive(std::string_view ciphertext, std::string& plaintext) {
  std::size_t taken = 0;
  if (!ciphertext.empty() &&
      BIO_write_ex(SSL_get_rbio(ssl_.get()), ciphertext.data(), ciphertext.size(), &taken) != 1) {
    return fail(Errc::internal, fmt::format("TLS input: {}", drain_errors()));
  }
  if (!established_) TRY(shake_hands());
  std::array<char, kRecord> record;
  while (established_ && !peer_closed_) {
    ERR_clear_error();
    std::size_t n = 0;
    const int got = SSL_read_ex(ssl_.get(), record.data(), record.size(), &n);
    if (got == 1) {
      plaintext.append(record.data(), n);
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), got);
    if (error == SSL_ERROR_WANT_READ) break;
    peer_closed_ = error == SSL_ERROR_ZERO_RETURN;
    if (!peer_closed_) return fail(Errc::malformed, fmt::format("TLS: {}", drain_errors()));
  }
  return {};
}

Status TlsEngine::send(std::string_view plaintext) {
  ERR_clear_error();
  std::size_t taken = 0;
  // Writes into memory, so it takes everything or fails.
  if (!plaintext.empty() &&
      SSL_write_ex(ssl_.get(), plaintext.data(), plaintext.size(), &taken) != 1) {
    return fail(Errc::internal, fmt::format("TLS: {}", drain_errors()));
  }
  return {};
}

void TlsEngine::close() {
  ERR_clear_error();
  if (established_)
    SSL_shutdown(ssl_.get());  // below zero only after a fatal error: no goodbye then
  ERR_clear_error();
}

std::size_t TlsEngine::output_size() const { return BIO_ctrl_pending(SSL_get_wbio(ssl_.get())); }

std::string TlsEngine::take_output() {
  BIO* out = SSL_get_wbio(ssl_.get());
  std::string bytes(output_size(), '\0');
  std::size_t n = 0;
  if (!bytes.empty() && BIO_read_ex(out, bytes.data(), bytes.size(), &n) != 1) n = 0;
  bytes.resize(n);
  return bytes;
}

Result<crypto::Certificate> TlsEngine::peer_certificate() const {
  const std::unique_ptr<X509, decltype(&X509_free)> x509(SSL_get1_peer_certificate(ssl_.get()),
                                                         X509_free);
  if (!x509) return fail(Errc::untrusted, "the peer showed no certificate");
  unsigned char* raw = nullptr;
  const int size = i2d_X509(x509.get(), &raw);
  if (size <= 0) return fail(Errc::malformed, fmt::format("certificate: {}", drain_errors()));
  const Bytes der(raw, raw + size);
  OPENSSL_free(raw);
  return crypto::Certificate::from_der(der);
}

}  // namespace confide::net
