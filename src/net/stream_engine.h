// What stands between a socket and HTTP: TLS, or nothing on a loopback connection.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace confide::net {

// One side of one connection, as a transformation of bytes. Whatever was called, has_output() may
// be true afterwards: those bytes are for the peer. Not thread-safe.
class StreamEngine {
 public:
  virtual ~StreamEngine() = default;

  // Takes bytes from the peer and appends the clear ones to `plaintext`.
  virtual Status receive(std::string_view wire, std::string& plaintext) = 0;
  // Once established().
  virtual Status send(std::string_view plaintext) = 0;
  // Says goodbye, where there is a way to say it, so that the peer knows nothing was cut off.
  virtual void close() = 0;

  virtual std::size_t output_size() const = 0;
  bool has_output() const { return output_size() > 0; }
  virtual std::string take_output() = 0;

  virtual bool established() const noexcept = 0;
  // The peer said goodbye: everything it sent has arrived.
  virtual bool peer_closed() const noexcept = 0;

 protected:
  StreamEngine() = default;
  StreamEngine(StreamEngine&&) = default;
  StreamEngine& operator=(StreamEngine&&) = default;
};

// Hands bytes through as they are.
class PlainEngine final : public StreamEngine {
 public:
  Status receive(std::string_view wire, std::string& plaintext) override {
    plaintext += wire;
    return {};
  }
  Status send(std::string_view plaintext) override {
    output_ += plaintext;
    return {};
  }
  void close() override {}
  std::size_t output_size() const override { return output_.size(); }
  std::string take_output() override { return std::exchange(output_, {}); }
  bool established() const noexcept override { return true; }
  bool peer_closed() const noexcept override { return false; }

 private:
  std::string output_;
};

}  // namespace confide::net
