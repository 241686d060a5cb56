// One connection of the server: TLS or none, requests in turn, deadlines. Lives on the I/O thread
// alone.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/exchange.h"
#include "net/message_parser.h"
#include "net/server.h"
#include "net/stream_engine.h"
#include "net/tls.h"
#include "net/wire.h"

namespace confide::net {

class ServerConnection;

// What the connections of one server share; it outlives them all. I/O thread only.
struct ServerShared {
  ServerOptions options;
  Handler handler;
  bool draining = false;
  std::function<void(ServerConnection&)> on_closed;
};

// Two coroutines live as long as the socket: one reads, so that a client's leaving is noticed while
// it is being answered, and one watches the deadlines. A third runs while there is something to
// write; what is queued meanwhile leaves in one piece.
class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
 public:
  ServerConnection(ServerShared& shared, boost::asio::ip::tcp::socket socket,
                   std::unique_ptr<StreamEngine> engine);

  void start();
  // The server drains: leave if idle, else after the request under way.
  void drain();
  void close();

 private:
  using Self = std::shared_ptr<ServerConnection>;
  using Clock = std::chrono::steady_clock;
  // How and how far the connection ends: graceful -> goodbye -> lingering, or abrupt.
  enum class Ending {
    no,
    graceful,   // write what is queued, then say goodbye
    goodbye,    // write the goodbye, then end the sending side
    lingering,  // wait for the client to end its side: closing now could destroy what it has not
                // read
    abrupt,     // write what is queued, then close without a goodbye
  };

  static boost::asio::awaitable<void> read_loop(Self self);
  static boost::asio::awaitable<void> write_loop(Self self);
  static boost::asio::awaitable<void> watch(Self self);

  bool must_pause() const;
  // False if nothing more can come.
  bool received(std::string_view bytes);
  void engine_failed();
  // Parses what has come, and hands over a request that is complete.
  void advance();
  void dispatch();
  void refuse(const Refusal& refusal);

  // Starts writing what is queued; if nothing is, goes on to what follows.
  void pump();
  void take_answer();
  void begin_response(HttpResponse head, bool whole);
  void end_response(ExchangeCore::End end);
  void forget_sent();
  // Encrypts the next piece of what is queued; false if there is none.
  bool seal_output();
  // All is written.
  void settle();

  void set_deadline(Clock::time_point& deadline, Clock::time_point to);
  void set_deadline(Clock::time_point& deadline, std::chrono::seconds from_now);
  void read_timed_out();
  HttpResponse error_response(int status, std::string_view message) const;

  ServerShared& shared_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer deadline_timer_;
  boost::asio::steady_timer room_;  // never expires; cancelled when reading may go on
  std::unique_ptr<StreamEngine> engine_;
  Clock::time_point read_deadline_ = Clock::time_point::max();
  Clock::time_point write_deadline_ = Clock::time_point::max();

  std::string inbox_;  // clear, not yet parsed
  std::optional<RequestParser> parser_;
  std::string path_;  // of the last request, as far as it is known

  std::shared_ptr<ExchangeCore> exchange_;
  ResponseFraming framing_;  // of the response under way
  bool to_head_ = false;     // it answers a HEAD
  bool drop_body_ = false;   // its body is not sent
  bool answered_ = false;    // it is queued to its end
  bool keep_alive_ = true;

  std::string outbox_;  // clear, to be sent
  std::size_t outbox_sent_ = 0;
  std::string sealed_;  // ciphertext being written
  std::size_t sealed_sent_ = 0;
  bool writing_ = false;

  Ending ending_ = Ending::no;
  bool linger_ = true;
  bool closed_ = false;
};

}  // namespace confide::net
