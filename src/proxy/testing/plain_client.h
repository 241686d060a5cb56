// For tests: a client of the local endpoint, which sees every byte and whether the end came.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace confide::proxy::testing {

struct PlainAnswer {
  int status = 0;
  std::string head;
  std::string body;       // chunks joined
  bool complete = false;  // by its length, or its last chunk
};

using PlainHeaders = std::vector<std::pair<std::string, std::string>>;

class PlainClient {
 public:
  explicit PlainClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Only a test that fails waits so long.
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  }
  PlainClient(const PlainClient&) = delete;
  PlainClient& operator=(const PlainClient&) = delete;
  ~PlainClient() { ::close(fd_); }

  // `line` is method and target. A Host header is added unless there is one.
  void send(const std::string& line, const PlainHeaders& headers, std::string_view body) {
    std::string out = line + " HTTP/1.1\r\nConnection: close\r\n";
    bool named = false;
    for (const auto& [name, value] : headers) {
      named = named || name == "Host";
      out += name + ": " + value + "\r\n";
    }
    if (!named) out += "Host: localhost\r\n";
    out += fmt::format("Content-Length: {}\r\n\r\n{}", body.size(), body);
    while (connected_ && !out.empty()) {
      const ssize_t n = ::send(fd_, out.data(), out.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      out.erase(0, static_cast<std::size_t>(n));
    }
  }
  // All that has come once `mark` has.
  std::string read_until(std::string_view mark) {
    while (got_.find(mark) == std::string::npos && pull()) {
    }
    return got_;
  }
  PlainAnswer rest() {
    while (pull()) {
    }
    return parse();
  }

 private:
  bool pull() {
    std::array<char, 16384> bytes{};
    const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (n <= 0) return false;
    got_.append(bytes.data(), static_cast<std::size_t>(n));
    return true;
  }
  PlainAnswer parse() const {
    PlainAnswer answer;
    const std::size_t end = got_.find("\r\n\r\n");
    if (end == std::string::npos) return answer;
    answer.head = got_.substr(0, end);
    answer.status = std::stoi(got_.substr(9, 3));
    std::string_view rest = std::string_view(got_).substr(end + 4);
    if (answer.head.find("chunked") == std::string::npos) {
      answer.body = rest;
      answer.complete = true;
      return answer;
    }
    while (!rest.empty()) {
      const std::size_t line = rest.find("\r\n");
      if (line == std::string_view::npos) return answer;
      const std::size_t size = std::stoul(std::string(rest.substr(0, line)), nullptr, 16);
      answer.complete = size == 0;
      if (rest.size() < line + 2 + size) return answer;
      answer.body += rest.substr(line + 2, size);
      rest.remove_prefix(std::min(rest.size(), line + 2 + size + 2));
    }
    return answer;
  }

  int fd_;
  bool connected_ = false;
  std::string got_;
};

inline PlainAnswer plain_request(std::uint16_t port, const std::string& line,
                                 const PlainHeaders& headers, std::string_view body) {
  PlainClient client(port);
  client.send(line, headers, body);
  return client.rest();
}

}  // namespace confide::proxy::testing
