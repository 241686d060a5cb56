// TLS 1.3 as a transformation of bytes; sockets are others' business. RFC 8446.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/p256.h"
#include "crypto/x509.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX and SSL
struct ssl_st;

namespace confide::net {

// What connections of one side share. Copies share it; safe to use from several threads.
// TLS 1.3 alone, ALPN http/1.1 (a server also takes http/1.0), no session tickets, no early data.
class TlsContext {
 public:
  // The key is copied. Fails with `mismatch` if it is not the certificate's.
  static Result<TlsContext> server(const crypto::Certificate& certificate,
                                   const crypto::P256Key& key);
  // Takes any certificate: the caller judges what peer_certificate() returns.
  static Result<TlsContext> client();

  ssl_ctx_st* handle() const noexcept { return handle_.get(); }

 private:
  explicit TlsContext(std::shared_ptr<ssl_ctx_st> handle) : handle_(std::move(handle)) {}
  std::shared_ptr<ssl_ctx_st> handle_;
};

// One side of one connection. Whatever was called, has_output() may be true afterwards: those bytes
// are for the peer, also after a failure (they hold the alert). Not thread-safe.
class TlsEngine {
 public:
  static Result<TlsEngine> accept(const TlsContext& context);
  // `server_name` for SNI; empty sends none.
  static Result<TlsEngine> connect(const TlsContext& context, const std::string& server_name);

  // Takes bytes from the peer and appends what they decrypt to.
  // Fails with `unavailable` if the handshake fails, `malformed` on a bad record afterwards.
  Status receive(std::string_view ciphertext, std::string& plaintext);
  // Once established().
  Status send(std::string_view plaintext);
  // Says goodbye (close_notify), so that the peer knows nothing was cut off.
  void close();

  std::size_t output_size() const;
  bool has_output() const { return output_size() > 0; }
  std::string take_output();

  bool established() const noexcept { return established_; }
  // The peer said goodbye: everything it sent has arrived.
  bool peer_closed() const noexcept { return peer_closed_; }
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
