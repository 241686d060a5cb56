#include "net/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/bytes.h"
#include "net/message_parser.h"
#include "net/tls.h"
#include "net/wire.h"

namespace confide::net {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using SteadyClock = std::chrono::steady_clock;
using boost::system::error_code;

constexpr std::size_t kReadSize = 17 * 1024;   // a whole TLS record
constexpr std::size_t kWriteSize = 64 * 1024;  // clear bytes encrypted at a time
constexpr std::uint16_t kHttpsPort = 443;

// Whoever waits runs the context: nothing happens between calls, and no thread is needed.
class TlsConnection final : public Connection {
 public:
  TlsConnection(Url url, const ClientLimits& limits, TlsEngine tls)
      : url_(std::move(url)), limits_(limits), tls_(std::move(tls)) {}
  ~TlsConnection() override;
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  // TCP and TLS, and the pin.
  Status connect(const std::optional<std::string>& pinned_spki);

  const crypto::Certificate& peer_certificate() const noexcept override { return *certificate_; }
  void abort() override {
    asio::post(io_, [this] { close(); });
  }
  bool is_open() override;
  bool closed_by_peer() const noexcept override { return closed_by_peer_; }
  void set_limits(const ClientLimits& limits) override { limits_ = limits; }
  Result<HttpResponse> send(const HttpRequest& request) override;
  Result<HttpResponse> send_streaming(
      const HttpRequest& request, const std::function<void(const HttpResponse&)>& on_head,
      const std::function<void(std::string_view)>& on_body) override;

 private:
  Result<std::vector<tcp::endpoint>> resolve();
  Status connect_to(const tcp::endpoint& endpoint);
  Status shake_hands();
  Status check_pin(const std::optional<std::string>& pinned_spki);
  Result<HttpResponse> exchange(const HttpRequest& request, ResponseParser::Options options);
  Status talk(ResponseParser& parser);

  void start_reading();
  void start_writing();
  bool seal_output();
  bool all_sent() const;
  // Runs one completed operation. Fails with `unavailable` once the deadline has passed.
  Status step();
  void made_progress();
  void close();

  asio::io_context io_{1};  // first, so that it goes last
  tcp::socket socket_{io_};
  Url url_;
  ClientLimits limits_;
  TlsEngine tls_;
  std::optional<crypto::Certificate> certificate_;

  std::array<char, kReadSize> read_buffer_{};
  std::string inbox_;   // clear, not yet parsed
  std::string outbox_;  // clear, to be sent
  std::size_t outbox_sent_ = 0;
  std::string sealed_;  // ciphertext being written
  std::size_t sealed_sent_ = 0;
  bool reading_ = false;
  bool writing_ = false;
  bool read_ended_ = false;
  bool closed_by_peer_ = false;
  bool write_ended_ = false;
  std::optional<Error> tls_error_;
  SteadyClock::time_point deadline_{};
  bool deadline_moves_ = false;                // with each byte sent or received,
  SteadyClock::time_point latest_deadline_{};  // but no further than this
};

// A name or address as a Host header and a URL have it.
std::string authority(const Url& url) {
  const std::string host = url_host(url.host);
  return url.port == kHttpsPort ? host : fmt::format("{}:{}", host, url.port);
}

bool is_literal_address(const std::string& host) {
  error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

TlsConnection::~TlsConnection() {
  if (!write_ended_ && !writing_ && socket_.is_open()) {
    tls_.close();
    error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.write_some(asio::buffer(tls_.take_output()), ignored);
  }
  close();
}

void TlsConnection::close() {
  error_code ignored;
  socket_.close(ignored);
  read_ended_ = true;
  write_ended_ = true;
}

Status TlsConnection::step() {
  io_.restart();
  if (io_.run_one_until(deadline_) != 0) return {};
  close();
  return fail(Errc::unavailable, fmt::format("{} did not answer in time", authority(url_)));
}

void TlsConnection::made_progress() {
  if (!deadline_moves_) return;
  deadline_ = std::min(SteadyClock::now() + limits_.idle_timeout, latest_deadline_);
}

// A name that the resolver is slow to find is bounded by the resolver's own timeout.
Result<std::vector<tcp::endpoint>> TlsConnection::resolve() {
  error_code error;
  const auto address = asio::ip::make_address(url_.host, error);
  if (!error) return std::vector{tcp::endpoint(address, url_.port)};
  tcp::resolver resolver(io_);
  const auto found = resolver.resolve(url_.host, std::to_string(url_.port), error);
  if (error) {
    return fail(Errc::unavailable, fmt::format("cannot find {}: {}", url_.host, error.message()));
  }
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry : found) endpoints.push_back(entry.endpoint());
  return endpoints;
}

Status TlsConnection::connect_to(const tcp::endpoint& endpoint) {
  error_code error;
  socket_.close(error);
  std::optional<error_code> outcome;
  socket_.async_connect(endpoint, [&outcome](error_code ec) { outcome = ec; });
  while (!outcome) {
    if (const auto stepped = step(); !stepped) {
      io_.run();  // the operation was cancelled, and its handler must not outlive `outcome`
      return stepped;
    }
  }
  if (*outcome) {
    return fail(Errc::unavailable,
                fmt::format("cannot connect to {}: {}", authority(url_), outcome->message()));
  }
  socket_.set_option(tcp::no_delay(true), error);
  return {};
}

Status TlsConnection::connect(const std::optional<std::string>& pinned_spki) {
  deadline_ = SteadyClock::now() + limits_.connect_timeout;
  TRY_ASSIGN(const auto endpoints, resolve());
  Status connected = fail(Errc::unavailable, fmt::format("{} has no address", url_.host));
  for (const auto& endpoint : endpoints) {
    connected = connect_to(endpoint);
    if (connected || SteadyClock::now() >= deadline_) break;
  }
  TRY(std::move(connected));
  TRY(shake_hands());
  TRY_ASSIGN(certificate_, tls_.peer_certificate());
  TRY(check_pin(pinned_spki));
  deadline_moves_ = true;
  return {};
}

Status TlsConnection::shake_hands() {
  while (!tls_.established() || !all_sent()) {
    start_writing();
    start_reading();
    if (tls_error_) return tl::unexpected<Error>(*tls_error_);
    if (read_ended_ || write_ended_) {
      return fail(Errc::unavailable,
                  fmt::format("{} closed during the TLS handshake", authority(url_)));
    }
    TRY(step());
  }
  return {};
}

Status TlsConnection::check_pin(const std::optional<std::string>& pinned_spki) {
  if (!pinned_spki) return {};
  TRY_ASSIGN(const auto pinned, from_hex_array<32>(*pinned_spki, HexCase::any));
  if (certificate_->spki_sha256() == pinned) return {};
  close();
  return fail(Errc::untrusted,
              fmt::format("{} uses another TLS key than the pinned one", authority(url_)));
}

void TlsConnection::start_reading() {
  if (reading_ || read_ended_) return;
  reading_ = true;
  socket_.async_read_some(asio::buffer(read_buffer_), [this](error_code error, std::size_t n) {
    reading_ = false;
    if (error) {
      read_ended_ = true;
      closed_by_peer_ = error != asio::error::operation_aborted;
      return;
    }
    made_progress();
    const auto status = tls_.receive({read_buffer_.data(), n}, inbox_);
    if (!status) tls_error_ = status.error();
    closed_by_peer_ = tls_.peer_closed();
    read_ended_ = closed_by_peer_ || tls_error_;
  });
}

bool TlsConnection::seal_output() {
  if (sealed_sent_ < sealed_.size()) return true;
  const std::string_view piece = std::string_view(outbox_).substr(outbox_sent_, kWriteSize);
  if (!piece.empty()) {
    if (const auto sent = tls_.send(piece); !sent) {
      tls_error_ = sent.error();
      return false;
    }
  }
  outbox_sent_ += piece.size();
  sealed_ = tls_.take_output();
  sealed_sent_ = 0;
  return !sealed_.empty();
}

bool TlsConnection::all_sent() const {
  return !writing_ && !tls_.has_output() && sealed_sent_ == sealed_.size() &&
         outbox_sent_ == outbox_.size();
}

void TlsConnection::start_writing() {
  if (writing_ || write_ended_ || !seal_output()) return;
  writing_ = true;
  const auto rest = asio::buffer(sealed_) + sealed_sent_;
  socket_.async_write_some(rest, [this](error_code error, std::size_t n) {
    writing_ = false;
    // Not yet the end: a server that refuses a long request answers before it stops reading.
    if (error) {
      write_ended_ = true;
      return;
    }
    made_progress();
    sealed_sent_ += n;
  });
}

Result<HttpResponse> TlsConnection::send(const HttpRequest& request) {
  return exchange(request, {});
}

Result<HttpResponse> TlsConnection::send_streaming(
    const HttpRequest& request, const std::function<void(const HttpResponse&)>& on_head,
    const std::function<void(std::string_view)>& on_body) {
  ResponseParser::Options options;
  options.on_head = on_head;
  options.on_body = on_body ? on_body : [](std::string_view) {};
  return exchange(request, std::move(options));
}

bool TlsConnection::is_open() {
  // The server may have left since the last answer, or have said what nobody asked for.
  start_reading();
  io_.restart();
  io_.poll();
  if (read_ended_ || write_ended_ || !inbox_.empty()) close();
  return !write_ended_;
}

Result<HttpResponse> TlsConnection::exchange(const HttpRequest& request,
                                             ResponseParser::Options options) {
  TRY_ASSIGN(outbox_, encode_request(request, url_.base_path, authority(url_)));
  outbox_sent_ = 0;
  if (!is_open()) {
    return fail(Errc::unavailable, fmt::format("connection to {} is closed", authority(url_)));
  }
  options.to_head = request.method == "HEAD";
  options.max_body_bytes = limits_.max_body_bytes;
  if (options.on_body) {
    options.on_head = [this, on_head = std::move(options.on_head)](const HttpResponse& head) {
      latest_deadline_ = SteadyClock::time_point::max();
      made_progress();
      if (on_head) on_head(head);
    };
  }
  ResponseParser parser(std::move(options));
  latest_deadline_ = SteadyClock::now() + limits_.answer_timeout;
  made_progress();
  const Status talked = talk(parser);
  if (!talked || !all_sent() || !parser.keep_alive()) close();
  TRY(talked);
  return parser.take();
}

Status TlsConnection::talk(ResponseParser& parser) {
  for (;;) {
    TRY(parser.feed(inbox_));
    if (parser.done()) return {};
    if (tls_error_) return tl::unexpected<Error>(*tls_error_);
    if (read_ended_) return parser.end_of_stream(tls_.peer_closed());
    start_writing();
    start_reading();
    TRY(step());
  }
}

// A registered name or an address; brackets are gone.
bool is_host(std::string_view host, bool bracketed) {
  if (bracketed) return host.find(':') != std::string_view::npos;
  return !host.empty() && std::ranges::all_of(host, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_';
  });
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint32_t port = 0;
  if (text.empty() || text.size() > 5) return fail(Errc::malformed, "port in URL");
  for (const char c : text) {
    if (c < '0' || c > '9') return fail(Errc::malformed, "port in URL");
    port = port * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (port == 0 || port > 65535) return fail(Errc::malformed, "port in URL");
  return static_cast<std::uint16_t>(port);
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  if (to_lower(text.substr(0, kScheme.size())) != kScheme) {
    return fail(Errc::malformed, "URL must begin with https://");
  }
  text.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string_view path = text.substr(slash);
  std::string_view where = text.substr(0, slash);
  if (path.find_first_of("?#") != std::string_view::npos ||
      std::ranges::any_of(path, [](char c) { return c <= 0x20 || c >= 0x7F; })) {
    return fail(Errc::malformed, "URL must end with a path");
  }
  while (path.ends_with('/')) path.remove_suffix(1);

  const bool bracketed = where.starts_with('[');
  const std::size_t end = bracketed ? where.find(']') : std::min(where.find(':'), where.size());
  if (end == std::string_view::npos) return fail(Errc::malformed, "host in URL");
  Url url;
  url.host = to_lower(bracketed ? where.substr(1, end - 1) : where.substr(0, end));
  where.remove_prefix(bracketed ? end + 1 : end);
  if (!is_host(url.host, bracketed) || (bracketed && !is_literal_address(url.host))) {
    return fail(Errc::malformed, "host in URL");
  }
  url.port = kHttpsPort;
  if (!where.empty()) {
    if (!where.starts_with(':')) return fail(Errc::malformed, "port in URL");
    TRY_ASSIGN(url.port, parse_port(where.substr(1)));
  }
  url.base_path = std::string(path);
  return url;
}

Result<std::unique_ptr<Connection>> Connection::open(const Url& url,
                                                     const std::optional<std::string>& pinned_spki,
                                                     const ClientLimits& limits) {
  TRY_ASSIGN(TlsContext context, TlsContext::client());
  const std::string server_name = is_literal_address(url.host) ? std::string() : url.host;
  TRY_ASSIGN(TlsEngine engine, TlsEngine::connect(context, server_name));
  auto connection = std::make_unique<TlsConnection>(url, limits, std::move(engine));
  TRY(connection->connect(pinned_spki));
  return connection;
}

}  // namespace confide::net
