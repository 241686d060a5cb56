// TLS 1.3 as a transformation of bytes; sockets are others' business. RFC 8446.
//
// It is Debian's OpenSSL here, and AWS-LC in crypto/: certificates and keys cross as DER.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/p256.h"
#include "crypto/x509.h"
#include "net/stream_engine.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX and SSL
struct ssl_st;

namespace confide::net {

// Gives OpenSSL a locked, wiped place for the private keys of TLS. Once, at start; without it they
// lie on the ordinary heap, wiped but not locked.
void reserve_secure_memory();

// What connections of one side share. Copies share it; safe to use from several threads.
// TLS 1.3 alone, ALPN http/1.1 (a server also takes http/1.0), no session tickets, no early data.
class TlsContext {
 public:
  // The key is copied. Fails with `mismatch` if it is not the certificate's.
  static Result<TlsContext> server(const crypto::Certificate& certificate,
                                   const crypto::P256Key& key);
  // The same from what files hold: the server's certificate first, then those between it and its
  // root; the key in PEM, without a passphrase. Fails with `malformed` if the key cannot be read,
  // `unsupported` if it is neither on P-256 nor an RSA key of 2,048 bits or more, `mismatch` if it
  // is not the first certificate's.
  static Result<TlsContext> server(std::span<const crypto::Certificate> chain,
                                   std::string_view key_pem);
  // Takes any certificate: the caller judges what peer_certificate() returns.
  static Result<TlsContext> client();

  ssl_ctx_st* handle() const noexcept { return handle_.get(); }

 private:
  explicit TlsContext(std::shared_ptr<ssl_ctx_st> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<ssl_ctx_st> handle_;
};

// One side of one TLS connection. After a failure has_output() is true: it holds the alert.
class TlsEngine final : public StreamEngine {
 public:
  static Result<TlsEngine> accept(const TlsContext& context);
  // `server_name` for SNI; empty sends none.
  static Result<TlsEngine> connect(const TlsContext& context, const std::string& server_name);

  // Fails with `unavailable` if the handshake fails, `malformed` on a bad record afterwards.
  Status receive(std::string_view ciphertext, std::string& plaintext) override;
  Status send(std::string_view plaintext) override;
  // Sends close_notify.
  void close() override;

  std::size_t output_size() const override;
  std::string take_output() override;

  bool established() const noexcept override { return established_; }
  bool peer_closed() const noexcept override { return peer_closed_; }
  Result<crypto::Certificate> peer_certificate() const;

 private:
  struct Free {
    void operator()(ssl_st* ssl) const noexcept;
  };
  explicit TlsEngine(ssl_st* ssl) : ssl_(ssl) {}
  static Result<TlsEngine> make(const TlsContext& context);
  Status shake_hands();

  std::unique_ptr<ssl_st, Free> ssl_;
  bool established_ = false;
  bool peer_closed_ = false;
};

}  // namespace confide::net
