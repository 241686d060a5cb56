#include "net/message_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <limits>
#include <utility>

namespace confide::net {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::size_t kMaxResponseHeader = std::size_t{64} << 10U;
constexpr std::size_t kMaxInterim = 16;  // 1xx responses before the answer
// "0\r\n\r\n": no chunk header is followed by less. Beast 1.81 asserts as much when it comes back
// to a last chunk, so it gets none before.
constexpr std::size_t kLeastChunkHeader = 5;

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

// Collects what Beast's grammar finds.
template <bool kIsRequest>
class Grammar final : public http::basic_parser<kIsRequest> {
 public:
  std::string method, target;
  int status = 0;
  bool http10 = false;
  bool bad_coding = false;  // a Transfer-Encoding other than exactly "chunked"
  Headers headers;
  std::size_t hosts = 0;
  std::function<void(std::string_view)> on_body;

  bool awaits_chunk_header() const {
    return this->is_header_done() && this->chunked() && chunk_left_ == 0;
  }

 private:
  using Ec = beast::error_code;

  void on_request_impl(http::verb, beast::string_view verb, beast::string_view where, int version,
                       Ec&) override {
    method = view(verb);
    target = view(where);
    http10 = version < 11;
  }
  void on_response_impl(int code, beast::string_view, int version, Ec&) override {
    status = code;
    http10 = version < 11;
  }
  // Trailers come this way too; they are no headers and are dropped.
  void on_field_impl(http::field known, beast::string_view name, beast::string_view value,
                     Ec&) override {
    if (this->is_header_done()) return;
    if (known == http::field::transfer_encoding) {
      bad_coding = bad_coding || http10 || !beast::iequals(value, "chunked");
    }
    if (known == http::field::host) ++hosts;
    headers.add(std::string(view(name)), std::string(view(value)));
  }
  void on_header_impl(Ec&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Ec&) override {}
  std::size_t on_body_impl(beast::string_view body, Ec&) override {
    on_body(view(body));
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t size, beast::string_view, Ec&) override {
    chunk_left_ = size;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, Ec&) override {
    on_body(view(body));
    chunk_left_ -= body.size();
    return body.size();
  }
  void on_finish_impl(Ec&) override {}

  std::uint64_t chunk_left_ = 0;
};

// Beast bounds only the header bytes of one call; `header_bytes` counts over all of them.
template <bool kIsRequest>
class Feeder {
 public:
  Feeder(std::size_t max_header, std::size_t max_body) : max_header_(max_header) {
    constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max();
    grammar.header_limit(static_cast<std::uint32_t>(std::min(max_header, kMost)));
    grammar.body_limit(std::uint64_t{max_body});
  }

  // Stops at the end of the header, of the message, or of what can be parsed.
  beast::error_code feed(std::string_view& rest) {
    while (!rest.empty() && !grammar.is_done()) {
      if (grammar.awaits_chunk_header() && rest.size() < kLeastChunkHeader) break;
      const bool in_header = !grammar.is_header_done();
      beast::error_code error;
      const std::size_t taken =
          grammar.put(boost::asio::const_buffer(rest.data(), rest.size()), error);
      rest.remove_prefix(taken);
      if (in_header) header_bytes_ += taken;
      if (in_header && header_bytes_ > max_header_) return http::error::header_limit;
      if (error == http::error::need_more) {
        const std::size_t before = grammar.is_header_done() ? 0 : header_bytes_;
        // Also bounds chunk extensions and trailers.
        if (before + rest.size() > max_header_) return http::error::header_limit;
        break;
      }
      if (error) return error;
      if (in_header && grammar.is_header_done()) break;
    }
    return {};
  }

  Grammar<kIsRequest> grammar;

 private:
  std::size_t max_header_;
  std::size_t header_bytes_ = 0;
};

void drop_taken(std::string& bytes, std::string_view rest) {
  bytes.erase(0, bytes.size() - rest.size());
}

}  // namespace

struct RequestParser::Impl {
  Impl(std::size_t max_header, std::size_t max_body) : feeder(max_header, max_body) {
    feeder.grammar.on_body = [this](std::string_view bytes) { body += bytes; };
  }

  std::optional<Refusal> check_header();

  Feeder<true> feeder;
  std::string body;
  bool checked = false;
  bool continue_wanted = false;
};

// RFC 9112, sections 3.2 and 6.1; RFC 9110, section 10.1.1.
std::optional<Refusal> RequestParser::Impl::check_header() {
  checked = true;
  const auto& request = feeder.grammar;
  if (request.bad_coding) return Refusal{400, "transfer coding is not supported"};
  if (request.hosts > 1 || (request.hosts == 0 && !request.http10)) {
    return Refusal{400, "a request must have one Host header"};
  }
  const bool whole_server = request.method == "OPTIONS" && request.target == "*";
  if ((!request.target.starts_with('/') && !whole_server) ||
      request.target.find('#') != std::string::npos) {
    return Refusal{400, "request target must be a path"};
  }
  const auto expect = request.headers.get("expect");
  if (!expect || request.http10) return std::nullopt;
  if (!beast::iequals(*expect, "100-continue")) return Refusal{417, "expectation is not supported"};
  continue_wanted = true;
  return std::nullopt;
}

RequestParser::RequestParser(std::size_t max_header_bytes, std::size_t max_body_bytes)
    : impl_(std::make_unique<Impl>(max_header_bytes, max_body_bytes)) {}

RequestParser::~RequestParser() = default;

std::optional<Refusal> RequestParser::feed(std::string& bytes) {
  std::string_view rest = bytes;
  beast::error_code error = impl_->feeder.feed(rest);
  if (!error && !impl_->checked && impl_->feeder.grammar.is_header_done()) {
    if (auto refusal = impl_->check_header()) return refusal;
    error = impl_->feeder.feed(rest);
  }
  drop_taken(bytes, rest);
  if (!error) return std::nullopt;
  if (error == http::error::header_limit) return Refusal{431, "request header is too large"};
  if (error == http::error::body_limit) return Refusal{413, "request body is too large"};
  return Refusal{400, "malformed HTTP request"};
}

bool RequestParser::done() const { return impl_->feeder.grammar.is_done(); }

bool RequestParser::take_continue() {
  return !done() && std::exchange(impl_->continue_wanted, false) && impl_->body.empty();
}

bool RequestParser::http10() const { return impl_->feeder.grammar.http10; }

bool RequestParser::keep_alive() const { return impl_->feeder.grammar.keep_alive(); }

std::string_view RequestParser::path() const {
  const std::string_view target = impl_->feeder.grammar.target;
  return target.substr(0, target.find('?'));
}
HttpRequest RequestParser::take() {
  auto& from = impl_->feeder.grammar;
  HttpRequest request;
  request.method = std::move(from.method);
  request.path = path();
  if (request.path.size() < from.target.size()) {
    request.query = from.target.substr(request.path.size() + 1);
  }
  from.target.clear();
  request.headers = std::move(from.headers);
  request.body = std::move(impl_->body);
  return request;
}

struct ResponseParser::Impl {
  explicit Impl(Options o) : options(std::move(o)) { restart(); }

  void restart() {
    auto& grammar = feeder.emplace(kMaxResponseHeader, options.max_body_bytes).grammar;
    grammar.skip(options.to_head);
    grammar.on_body = [this](std::string_view bytes) { take_body(bytes); };
  }
  void take_body(std::string_view bytes) {
    if (options.on_body) {
      options.on_body(bytes);
    } else {
      response.body += bytes;
    }
  }
  Status end_header();

  Options options;
  std::optional<Feeder<false>> feeder;
  HttpResponse response;
  std::size_t interim = 0;
  bool have_head = false;
};

Status ResponseParser::Impl::end_header() {
  auto& grammar = feeder->grammar;
  if (grammar.bad_coding) return fail(Errc::malformed, "response has an unknown transfer coding");
  if (grammar.status < 100 || grammar.status == 101) {
    return fail(Errc::malformed, "response status");
  }
  if (grammar.status < 200) {
    if (++interim > kMaxInterim) return fail(Errc::limit, "too many interim responses");
    restart();
    return {};
  }
  have_head = true;
  response.status = grammar.status;
  response.headers = std::move(grammar.headers);
  if (options.on_head) options.on_head(response);
  return {};
}

ResponseParser::ResponseParser(Options options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

ResponseParser::~ResponseParser() = default;

Status ResponseParser::feed(std::string& bytes) {
  std::string_view rest = bytes;
  beast::error_code error;
  while (!error && !rest.empty() && !done()) {
    const std::size_t before = rest.size();
    error = impl_->feeder->feed(rest);
    if (!error && !impl_->have_head && impl_->feeder->grammar.is_header_done()) {
      TRY(impl_->end_header());
    }
    if (rest.size() == before) break;
  }
  drop_taken(bytes, rest);
  if (!error) return {};
  if (error == http::error::header_limit) return fail(Errc::limit, "response header is too large");
  if (error == http::error::body_limit) return fail(Errc::limit, "response body is too large");
  return fail(Errc::malformed, "malformed HTTP response");
}

Status ResponseParser::end_of_stream(bool clean) {
  auto& grammar = impl_->feeder->grammar;
  if (!impl_->have_head) return fail(Errc::unavailable, "connection closed before an answer");
  beast::error_code error;
  if (clean && grammar.need_eof()) grammar.put_eof(error);
  if (error || !grammar.is_done()) return fail(Errc::unavailable, "response was cut short");
  return {};
}

bool ResponseParser::done() const { return impl_->have_head && impl_->feeder->grammar.is_done(); }

bool ResponseParser::keep_alive() const { return impl_->feeder->grammar.keep_alive(); }

HttpResponse ResponseParser::take() { return std::move(impl_->response); }

}  // namespace confide::net
