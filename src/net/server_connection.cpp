#include "net/server_connection.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <tuple>
#include <utility>

#include "ops/log.h"

namespace confide::net {
namespace {

namespace asio = boost::asio;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadSize = 17 * 1024;      // a whole TLS record
constexpr std::size_t kWriteSize = 64 * 1024;     // clear bytes encrypted at a time
constexpr std::size_t kMaxReadAhead = 64 * 1024;  // of the requests behind the one being answered
// What TLS itself may owe a client that sends and never reads (answers to key updates).
constexpr std::size_t kMaxTlsAnswers = 64 * 1024;
constexpr std::chrono::seconds kLingerTime{2};

// Blank lines before a request are passed over. RFC 9112, section 2.2.
void skip_blank_lines(std::string& bytes) {
  bytes.erase(0, std::min(bytes.find_first_not_of("\r\n"), bytes.size()));
}

Time wall_clock() { return SystemClock().now(); }

}  // namespace

ServerConnection::ServerConnection(ServerShared& shared, asio::ip::tcp::socket socket,
                                   std::unique_ptr<StreamEngine> engine)
    : shared_(shared),
      socket_(std::move(socket)),
      deadline_timer_(socket_.get_executor()),
      room_(socket_.get_executor(), Clock::time_point::max()),
      engine_(std::move(engine)) {}

void ServerConnection::start() {
  boost::system::error_code ignored;  // a socket already dead shows in the first read
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  const ServerLimits& limits = shared_.options.limits;
  read_deadline_ =
      Clock::now() + (engine_->established() ? limits.idle_timeout : limits.handshake_timeout);
  const auto executor = socket_.get_executor();
  const auto ended = [self = shared_from_this()](const std::exception_ptr&) { self->close(); };
  asio::co_spawn(executor, watch(shared_from_this()), ended);
  asio::co_spawn(executor, read_loop(shared_from_this()), ended);
}

void ServerConnection::drain() {
  if (!engine_->established()) return close();
  if (exchange_ || parser_ || ending_ != Ending::no) return;
  linger_ = false;
  ending_ = Ending::graceful;
  pump();
}

void ServerConnection::close() {
  if (std::exchange(closed_, true)) return;
  boost::system::error_code ignored;
  // An answer to HTTP/1.0 may end with the connection. TLS has its goodbye to tell that from a cut;
  // in clear nothing but a reset does.
  if (shared_.options.plain && exchange_ && framing_.body == BodyFraming::until_close) {
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  }
  socket_.close(ignored);
  deadline_timer_.cancel();
  room_.cancel();
  if (const auto exchange = std::exchange(exchange_, nullptr)) exchange->detach();
  shared_.on_closed(*this);
}

asio::awaitable<void> ServerConnection::read_loop(Self self) {
  std::array<char, kReadSize> bytes{};
  const asio::mutable_buffer buffer(bytes.data(), bytes.size());
  while (!self->closed_) {
    if (self->must_pause()) {
      const auto woken = co_await self->room_.async_wait(kAwait);
      static_cast<void>(woken);
      continue;
    }
    const auto got = co_await self->socket_.async_read_some(buffer, kAwait);
    if (std::get<0>(got)) break;
    if (!self->received({bytes.data(), std::get<1>(got)})) break;
  }
  self->close();
}

asio::awaitable<void> ServerConnection::write_loop(Self self) {
  while (!self->closed_ && self->seal_output()) {
    while (self->sealed_sent_ < self->sealed_.size()) {
      const asio::const_buffer rest(self->sealed_.data() + self->sealed_sent_,
                                    self->sealed_.size() - self->sealed_sent_);
      self->set_deadline(self->write_deadline_, self->shared_.options.limits.write_timeout);
      const auto sent = co_await self->socket_.async_write_some(rest, kAwait);
      if (std::get<0>(sent)) {
        self->close();
        co_return;
      }
      self->sealed_sent_ += std::get<1>(sent);
    }
  }
  self->write_deadline_ = Clock::time_point::max();
  self->writing_ = false;
  if (!self->closed_) self->settle();
}

// Deadlines mostly move away, and then the timer may stay as it is until it fires too early.
asio::awaitable<void> ServerConnection::watch(Self self) {
  while (!self->closed_) {
    self->deadline_timer_.expires_at(std::min(self->read_deadline_, self->write_deadline_));
    const auto woken = co_await self->deadline_timer_.async_wait(kAwait);
    static_cast<void>(woken);
    const auto now = Clock::now();
    if (self->write_deadline_ <= now) {
      self->close();
    } else if (self->read_deadline_ <= now) {
      self->read_deadline_ = Clock::time_point::max();
      self->read_timed_out();
    }
  }
}

void ServerConnection::set_deadline(Clock::time_point& deadline, Clock::time_point to) {
  deadline = to;
  if (to < deadline_timer_.expiry()) deadline_timer_.cancel();
}

void ServerConnection::set_deadline(Clock::time_point& deadline, std::chrono::seconds from_now) {
  set_deadline(deadline, Clock::now() + from_now);
}

void ServerConnection::read_timed_out() {
  if (ending_ != Ending::no || !engine_->established()) return close();
  if (parser_) return refuse({408, "request took too long"});
  linger_ = false;
  ending_ = Ending::graceful;
  pump();
}

bool ServerConnection::must_pause() const {
  if (ending_ != Ending::no) return false;
  return (exchange_ && inbox_.size() >= kMaxReadAhead) || engine_->output_size() >= kMaxTlsAnswers;
}

bool ServerConnection::received(std::string_view bytes) {
  if (ending_ != Ending::no) return true;  // no more requests; read only to see the client leave
  const bool was_established = engine_->established();
  const auto status = engine_->receive(bytes, inbox_);
  if (!status) {
    engine_failed();
    return true;
  }
  if (engine_->peer_closed()) return false;
  if (!was_established && engine_->established()) {
    // We send nothing after the handshake, so the kernel would hold back the ACK of its last
    // message for 40 ms, and a client with Nagle's algorithm its request for as long.
    const int yes = 1;
    setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof(yes));
    set_deadline(read_deadline_, shared_.options.limits.idle_timeout);
  }
  advance();
  if (engine_->has_output()) pump();
  return !closed_;
}

// Nothing can be sent any more but the alert that says why.
void ServerConnection::engine_failed() {
  if (const auto exchange = std::exchange(exchange_, nullptr)) exchange->detach();
  outbox_.clear();
  outbox_sent_ = 0;
  ending_ = Ending::abrupt;
  pump();
}

void ServerConnection::advance() {
  if (exchange_ || ending_ != Ending::no) return;
  if (!parser_) {
    skip_blank_lines(inbox_);
    if (inbox_.empty()) return;
    const ServerLimits& limits = shared_.options.limits;
    parser_.emplace(limits.max_header_bytes, limits.max_body_bytes);
    set_deadline(read_deadline_, limits.request_timeout);
  }
  if (const auto refusal = parser_->feed(inbox_)) return refuse(*refusal);
  if (parser_->done()) return dispatch();
  if (parser_->take_continue()) {
    outbox_ += kContinue;
    pump();
  }
}

void ServerConnection::dispatch() {
  HttpRequest request = parser_->take();
  boost::system::error_code unknown;
  const auto peer = socket_.remote_endpoint(unknown);
  if (!unknown) request.peer = peer.address().to_string();
  framing_ = {};
  framing_.http10 = parser_->http10();
  keep_alive_ = parser_->keep_alive();
  to_head_ = request.method == "HEAD";
  path_ = request.path;
  parser_.reset();
  read_deadline_ = Clock::time_point::max();
  // The connection cannot have died here: it detaches the exchange first.
  exchange_ = std::make_shared<ExchangeCore>([weak = weak_from_this()] {
    if (const Self self = weak.lock()) {
      asio::post(self->socket_.get_executor(), [self] { self->pump(); });
    }
  });
  try {
    shared_.handler(std::move(request), make_exchange(exchange_));
  } catch (const std::exception&) {
    ops::log_error("a request handler threw; the request is answered 500");
  }
}

HttpResponse ServerConnection::error_response(int status, std::string_view message) const {
  if (shared_.options.make_error) return shared_.options.make_error(status, message, path_);
  HttpResponse plain;
  plain.status = status;
  return plain;
}

void ServerConnection::refuse(const Refusal& refusal) {
  path_ = parser_->path();
  parser_.reset();
  inbox_.clear();
  read_deadline_ = Clock::time_point::max();
  framing_ = {};
  to_head_ = false;
  keep_alive_ = false;
  begin_response(error_response(refusal.status, refusal.message), true);
  answered_ = false;
  ending_ = Ending::graceful;
  pump();
}

void ServerConnection::pump() {
  if (closed_ || writing_) return;
  take_answer();
  if (!engine_->has_output() && outbox_sent_ == outbox_.size()) return settle();
  writing_ = true;
  asio::co_spawn(socket_.get_executor(), write_loop(shared_from_this()),
                 [self = shared_from_this()](const std::exception_ptr& error) {
                   if (error) self->close();
                 });
}

void ServerConnection::take_answer() {
  if (!exchange_ || answered_ || ending_ != Ending::no) return;
  ExchangeCore::Outgoing out = exchange_->take();
  if (out.head) begin_response(std::move(*out.head), out.whole);
  if (answered_) return;
  if (!drop_body_ && framing_.body == BodyFraming::chunked) {
    append_chunk(outbox_, out.bytes);
  } else if (!drop_body_) {
    outbox_ += out.bytes;
  }
  end_response(out.end);
}

void ServerConnection::begin_response(HttpResponse head, bool whole) {
  const auto frame = [&] {
    framing_.body = BodyFraming::sized;
    framing_.length = head.body.size();
    if (is_bodyless(head.status)) {
      framing_.body = BodyFraming::none;
    } else if (!whole) {
      framing_.body = framing_.http10 ? BodyFraming::until_close : BodyFraming::chunked;
    }
    keep_alive_ = keep_alive_ && !shared_.draining && framing_.body != BodyFraming::until_close;
    framing_.keep_alive = keep_alive_;
    drop_body_ = to_head_ || framing_.body == BodyFraming::none;
  };
  frame();
  auto encoded = encode_head(head, framing_, wall_clock());
  if (!encoded) {
    ops::log_error("a response had an invalid header; the request is answered 500");
    head = error_response(500, "internal error");
    whole = true;
    if (exchange_) exchange_->detach();  // its body has no place any more
    frame();
    encoded = encode_head(head, framing_, wall_clock());
  }
  if (!encoded) {
    ending_ = Ending::abrupt;
    return;
  }
  outbox_ += *encoded;
  if (!whole) return;
  if (!drop_body_) outbox_ += head.body;
  answered_ = true;
}

void ServerConnection::end_response(ExchangeCore::End end) {
  switch (end) {
    case ExchangeCore::End::open:
      return;
    case ExchangeCore::End::finished:
      if (!drop_body_ && framing_.body == BodyFraming::chunked) outbox_ += kLastChunk;
      answered_ = true;
      return;
    case ExchangeCore::End::aborted:
      ending_ = Ending::abrupt;
      return;
    case ExchangeCore::End::unanswered:
      begin_response(error_response(500, "internal error"), true);
      return;
  }
}

// A client that is always a little behind must not make us keep all that it ever got. Half of what
// is kept, at least, so that each byte moves once on average.
void ServerConnection::forget_sent() {
  if (outbox_sent_ < outbox_.size() && outbox_sent_ < std::max(kWriteSize, outbox_.size() / 2)) {
    return;
  }
  outbox_.erase(0, outbox_sent_);
  outbox_sent_ = 0;
}

bool ServerConnection::seal_output() {
  take_answer();
  const std::string_view rest = std::string_view(outbox_).substr(outbox_sent_);
  const std::string_view piece = rest.substr(0, kWriteSize);
  if (!piece.empty() && !engine_->send(piece)) {
    close();
    return false;
  }
  outbox_sent_ += piece.size();
  forget_sent();
  if (exchange_) exchange_->set_backlog(outbox_.size() - outbox_sent_);
  const bool owed_much = engine_->output_size() >= kMaxTlsAnswers;
  sealed_ = engine_->take_output();
  if (owed_much) room_.cancel();
  sealed_sent_ = 0;
  return !sealed_.empty();
}

void ServerConnection::settle() {
  boost::system::error_code ignored;
  switch (ending_) {
    case Ending::no:
      break;
    case Ending::graceful:
      engine_->close();
      ending_ = Ending::goodbye;
      return pump();
    case Ending::goodbye:
      if (!linger_) return close();
      socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
      ending_ = Ending::lingering;
      set_deadline(read_deadline_, kLingerTime);
      room_.cancel();
      return;
    case Ending::lingering:
      return;
    case Ending::abrupt:
      return close();
  }
  if (!std::exchange(answered_, false)) return;
  if (const auto exchange = std::exchange(exchange_, nullptr)) exchange->detach();
  if (!keep_alive_ || shared_.draining) {
    ending_ = Ending::graceful;
    return pump();
  }
  set_deadline(read_deadline_, shared_.options.limits.idle_timeout);
  room_.cancel();
  advance();
}

}  // namespace confide::net
