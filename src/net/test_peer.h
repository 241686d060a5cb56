// For the tests of this folder: an identity, and the other side of a connection, driven byte by
// byte over blocking sockets on the loopback.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "crypto/x509_issue.h"
#include "net/tls.h"

namespace confide::net {

struct Identity {
  crypto::P256Key key;
  crypto::Certificate certificate;
};

inline Identity make_identity() {
  auto key = crypto::P256Key::generate();
  crypto::CertificateRequest request;
  request.common_name = "localhost";
  request.subject_key = key.public_key();
  request.not_before = from_unix(1'700'000'000);
  request.not_after = from_unix(4'000'000'000);
  request.tls_server = true;
  request.dns_names = {"localhost"};
  auto certificate = crypto::issue_certificate(request, key, nullptr).value();
  return {std::move(key), std::move(certificate)};
}

// Generating keys is slow enough to do it once.
inline const Identity& identity() {
  static const Identity kIdentity = make_identity();
  return kIdentity;
}

class Socket {
 public:
  explicit Socket(int fd = ::socket(AF_INET, SOCK_STREAM, 0)) : fd_(fd) {
    // Only a test that fails waits so long.
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() { close(); }

  bool connect(std::uint16_t port) {
    const sockaddr_in to = loopback(port);
    return ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  std::uint16_t listen() {
    sockaddr_in at = loopback(0);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::listen(fd_, 16), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    return ntohs(at.sin_port);
  }
  Socket accept() const { return Socket(::accept(fd_, nullptr, nullptr)); }
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // Empty at the end.
  std::string receive() const {
    std::array<char, 16384> bytes{};
    const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), 0);
    return n <= 0 ? std::string() : std::string(bytes.data(), static_cast<std::size_t>(n));
  }
  void end_sending() const { ::shutdown(fd_, SHUT_WR); }
  // The peer gets a RST.
  void reset() {
    const linger hard{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int fd() const { return fd_; }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  int fd_;
};

// One side of a TLS connection.
class TlsPeer {
 public:
  static TlsPeer connect(std::uint16_t port) {
    Socket socket;
    EXPECT_TRUE(socket.connect(port));
    const auto context = TlsContext::client().value();
    TlsPeer peer(std::move(socket), TlsEngine::connect(context, "").value());
    peer.shake_hands();
    return peer;
  }
  static TlsPeer accept(const Socket& listener) {
    const auto context = TlsContext::server(identity().certificate, identity().key).value();
    TlsPeer peer(listener.accept(), TlsEngine::accept(context).value());
    peer.shake_hands();
    return peer;
  }

  bool send(std::string_view clear) {
    EXPECT_TRUE(engine_.send(clear));
    return flush();
  }
  // Until `mark` has been read (it may be followed by more), or the end.
  std::string read_until(std::string_view mark) {
    while (inbox_.find(mark) == std::string::npos && pull()) {
    }
    const std::size_t at = inbox_.find(mark);
    const std::size_t size = at == std::string::npos ? inbox_.size() : at + mark.size();
    std::string out = inbox_.substr(0, size);
    inbox_.erase(0, size);
    return out;
  }
  std::string read(std::size_t size) {
    while (inbox_.size() < size && pull()) {
    }
    std::string out = inbox_.substr(0, size);
    inbox_.erase(0, out.size());
    return out;
  }
  std::string read_to_end() {
    while (pull()) {
    }
    return std::exchange(inbox_, {});
  }
  // Whether the peer said goodbye before it left.
  bool ended_cleanly() const { return engine_.peer_closed(); }
  void close_notify() {
    engine_.close();
    flush();
  }
  Socket& socket() { return socket_; }
  TlsEngine& engine() { return engine_; }

 private:
  TlsPeer(Socket socket, TlsEngine engine)
      : socket_(std::move(socket)), engine_(std::move(engine)) {}

  bool flush() { return socket_.send(engine_.take_output()); }
  void shake_hands() {
    flush();
    while (!engine_.established() && pull()) {
    }
  }
  bool pull() {
    const std::string bytes = socket_.receive();
    const bool taken = !bytes.empty() && engine_.receive(bytes, inbox_).has_value();
    flush();
    return taken;
  }

  Socket socket_;
  TlsEngine engine_;
  std::string inbox_;
};

}  // namespace confide::net
