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
constexpr std::uint16_t kHttpPort = 80;

// Whoever waits runs the context: nothing happens between calls, and no thread is needed.
class HttpConnection final : public Connection {
 public:
  HttpConnection(Url url, const ClientLimits& limits, std::unique_ptr<StreamEngine> engine)
      : url_(std::move(url)), limits_(limits), engine_(std::move(engine)) {}
  ~HttpConnection() override;
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // TCP, and the handshake if there is one.
  Status connect();
  // Of the certificate that `tls`, the engine, has seen.
  Status check_peer(const TlsEngine& tls, const std::optional<std::string>& pinned_spki);

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
  std::unique_ptr<StreamEngine> engine_;
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
  std::optional<Error> engine_error_;
  SteadyClock::time_point deadline_{};
  bool deadline_moves_ = false;                // with each byte sent or received,
  SteadyClock::time_point latest_deadline_{};  // but no further than this
};

// A name or address as a Host header and a URL have it.
std::string authority(const Url& url) {
  const std::string host = url_host(url.host);
  return !url.plain && url.port == kHttpsPort ? host : fmt::format("{}:{}", host, url.port);
}

bool is_literal_address(const std::string& host) {
  error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

HttpConnection::~HttpConnection() {
  if (!write_ended_ && !writing_ && socket_.is_open()) {
    engine_->close();
    error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.write_some(asio::buffer(engine_->take_output()), ignored);
  }
  close();
}

void HttpConnection::close() {
  error_code ignored;
  socket_.close(ignored);
  read_ended_ = true;
  write_ended_ = true;
}

Status HttpConnection::step() {
  io_.restart();
  if (io_.run_one_until(deadline_) != 0) return {};
  close();
  return fail(Errc::unavailable, fmt::format("{} did not answer in time", authority(url_)));
}

void HttpConnection::made_progress() {
  if (!deadline_moves_) return;
  deadline_ = std::min(SteadyClock::now() + limits_.idle_timeout, latest_deadline_);
}

// A name that the resolver is slow to find is bounded by the resolver's own timeout.
Result<std::vector<tcp::endpoint>> HttpConnection::resolve() {
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

Status HttpConnection::connect_to(const tcp::endpoint& endpoint) {
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

Status HttpConnection::connect() {
  deadline_ = SteadyClock::now() + limits_.connect_timeout;
  TRY_ASSIGN(const auto endpoints, resolve());
  Status connected = fail(Errc::unavailable, fmt::format("{} has no address", url_.host));
  for (const auto& endpoint : endpoints) {
    connected = connect_to(endpoint);
    if (connected || SteadyClock::now() >= deadline_) break;
  }
  TRY(std::move(connected));
  TRY(shake_hands());
  deadline_moves_ = true;
  return {};
}

Status HttpConnection::shake_hands() {
  while (!engine_->established() || !all_sent()) {
    start_writing();
    start_reading();
    if (engine_error_) return tl::unexpected<Error>(*engine_error_);
    if (read_ended_ || write_ended_) {
      return fail(Errc::unavailable,
                  fmt::format("{} closed during the TLS handshake", authority(url_)));
    }
    TRY(step());
  }
  return {};
}

Status HttpConnection::check_peer(const TlsEngine& tls,
                                  const std::optional<std::string>& pinned_spki) {
  TRY_ASSIGN(certificate_, tls.peer_certificate());
  if (!pinned_spki) return {};
  TRY_ASSIGN(const auto pinned, from_hex_array<32>(*pinned_spki, HexCase::any));
  if (certificate_->spki_sha256() == pinned) return {};
  close();
  return fail(Errc::untrusted,
              fmt::format("{} uses another TLS key than the pinned one", authority(url_)));
}

void HttpConnection::start_reading() {
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
    const auto status = engine_->receive({read_buffer_.data(), n}, inbox_);
    if (!status) engine_error_ = status.error();
    closed_by_peer_ = engine_->peer_closed();
    read_ended_ = closed_by_peer_ || engine_error_;
  });
}

bool HttpConnection::seal_output() {
  if (sealed_sent_ < sealed_.size()) return true;
  const std::string_view piece = std::string_view(outbox_).substr(outbox_sent_, kWriteSize);
  if (!piece.empty()) {
    if (const auto sent = engine_->send(piece); !sent) {
      engine_error_ = sent.error();
      return false;
    }
  }
  outbox_sent_ += piece.size();
  sealed_ = engine_->take_output();
  sealed_sent_ = 0;
  return !sealed_.empty();
}

bool HttpConnection::all_sent() const {
  return !writing_ && !engine_->has_output() && sealed_sent_ == sealed_.size() &&
         outbox_sent_ == outbox_.size();
}

void HttpConnection::start_writing() {
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

Result<HttpResponse> HttpConnection::send(const HttpRequest& request) {
  return exchange(request, {});
}

Result<HttpResponse> HttpConnection::send_streaming(
    const HttpRequest& request, const std::function<void(const HttpResponse&)>& on_head,
    const std::function<void(std::string_view)>& on_body) {
  ResponseParser::Options options;
  options.on_head = on_head;
  options.on_body = on_body ? on_body : [](std::string_view) {};
  return exchange(request, std::move(options));
}

bool HttpConnection::is_open() {
  // The server may have left since the last answer, or have said what nobody asked for.
  start_reading();
  io_.restart();
  io_.poll();
  if (read_ended_ || write_ended_ || !inbox_.empty()) close();
  return !write_ended_;
}

Result<HttpResponse> HttpConnection::exchange(const HttpRequest& request,
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

Status HttpConnection::talk(ResponseParser& parser) {
  for (;;) {
    TRY(parser.feed(inbox_));
    if (parser.done()) return {};
    if (engine_error_) return tl::unexpected<Error>(*engine_error_);
    if (read_ended_) return parser.end_of_stream(engine_->peer_closed());
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

bool skip_scheme(std::string_view& text, std::string_view scheme) {
  if (to_lower(text.substr(0, scheme.size())) != scheme) return false;
  text.remove_prefix(scheme.size());
  return true;
}

Result<Url> parse_after_scheme(std::string_view text, std::uint16_t default_port) {
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
  url.port = default_port;
  if (!where.empty()) {
    if (!where.starts_with(':')) return fail(Errc::malformed, "port in URL");
    TRY_ASSIGN(url.port, parse_port(where.substr(1)));
  }
  url.base_path = std::string(path);
  return url;
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  if (!skip_scheme(text, "https://")) return fail(Errc::malformed, "URL must begin with https://");
  return parse_after_scheme(text, kHttpsPort);
}

Result<Url> parse_url_or_loopback(std::string_view text) {
  if (!skip_scheme(text, "http://")) return parse_url(text);
  TRY_ASSIGN(Url url, parse_after_scheme(text, kHttpPort));
  error_code error;
  const auto address = asio::ip::make_address(url.host, error);
  if (error || !address.is_loopback()) {
    return fail(Errc::malformed, "http:// is for a loopback address alone, such as 127.0.0.1");
  }
  url.plain = true;
  return url;
}

Result<std::unique_ptr<Connection>> Connection::open(const Url& url,
                                                     const std::optional<std::string>& pinned_spki,
                                                     const ClientLimits& limits) {
  if (url.plain) {
    if (pinned_spki) return fail(Errc::malformed, "a plain connection has no key to pin");
    auto connection =
        std::make_unique<HttpConnection>(url, limits, std::make_unique<PlainEngine>());
    TRY(connection->connect());
    return connection;
  }
  TRY_ASSIGN(const TlsContext context, TlsContext::client());
  const std::string server_name = is_literal_address(url.host) ? std::string() : url.host;
  TRY_ASSIGN(TlsEngine made, TlsEngine::connect(context, server_name));
  auto engine = std::make_unique<TlsEngine>(std::move(made));
  const TlsEngine& tls = *engine;
  auto connection = std::make_unique<HttpConnection>(url, limits, std::move(engine));
  TRY(connection->connect());
  TRY(connection->check_peer(tls, pinned_spki));
  return connection;
}

}  // namespace confide::net
