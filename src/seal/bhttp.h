// Binary HTTP messages, RFC 9292: what travels inside the sealed channel. Rules O8-O11.
//
// Decoding is incremental and strict; one-shot decoding is the same decoder fed once. Sizes are
// checked before anything is kept, and nothing is allocated for a length that was only announced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace confide::seal {

struct HttpField {
  std::string name;   // a lower-case token
  std::string value;  // no control characters but tab, no blank at either end
};
using HttpFields = std::vector<HttpField>;

// The first one's value, or null. `name` is lower case.
const std::string* find_field(const HttpFields& fields, std::string_view name) noexcept;

struct InnerRequest {
  std::string method = "POST";
  std::string scheme = "https";
  std::string authority = {};  // may be empty
  std::string path = {};       // starts with '/', includes the query
  HttpFields fields = {};
  std::string content = {};
  HttpFields trailers = {};
};

struct InterimResponse {
  int status = 100;  // 100..199
  HttpFields fields = {};
};

struct InnerResponse {
  std::vector<InterimResponse> interim = {};
  int status = 200;  // 200..599
  HttpFields fields = {};
  std::string content = {};
  HttpFields trailers = {};
};

struct BhttpLimits {
  std::size_t max_control = 8192;    // of each of method, scheme, authority and path
  std::size_t max_section = 65'536;  // bytes of one field section
  std::size_t max_fields = 128;      // of one section
  std::size_t max_interim = 16;      // interim responses
  std::size_t max_content = std::size_t{64} << 20U;
};

// Takes one message in pieces cut anywhere. Either framing; the kind is given. Not thread-safe.
class BhttpDecoder {
 public:
  enum class Kind { request, response };
  explicit BhttpDecoder(Kind kind, const BhttpLimits& limits = {});

  // The content that this piece brought. Fails with `malformed`, with `unsupported` on a framing
  // indicator of another kind, with `limit`; and then for good.
  Result<std::string> feed(ByteView piece);
  // The message ended here. Fails with `malformed` where it may not end (rule O9).
  Status finish();

  // The control data and header section are complete.
  bool has_head() const noexcept { return state_ >= State::content; }
  // Without content, which feed() gives; of the decoder's kind; complete once finish() succeeded.
  const InnerRequest& request() const noexcept { return request_; }
  const InnerResponse& response() const noexcept { return response_; }

 private:
  enum class State { failed, framing, control, interim, header, content, trailers, padding };
  class Cursor;

  Result<bool> step(std::string& content);
  Result<bool> read_framing();
  Result<bool> read_control();
  Result<bool> read_request_line(Cursor& cursor);
  Result<bool> read_section();
  Result<bool> read_line(HttpFields& fields);
  Result<bool> read_content(std::string& content);
  Result<bool> read_padding();
  void enter(State state);
  HttpFields& section() noexcept;
  ByteView unread() const noexcept { return ByteView(buffer_).subspan(at_); }

  Kind kind_;
  BhttpLimits limits_;
  State state_ = State::framing;
  bool known_length_ = false;
  bool begun_ = false;      // something of this section or of the content was read
  std::uint64_t left_ = 0;  // bytes of the section, or of the content or its chunk
  std::uint64_t content_size_ = 0;
  Bytes buffer_;
  std::size_t at_ = 0;  // what of it is read
  InnerRequest request_;
  InnerResponse response_;
};

Result<InnerRequest> decode_request(ByteView message, const BhttpLimits& limits = {});
Result<InnerResponse> decode_response(ByteView message, const BhttpLimits& limits = {});

// Known length, names made lower case. Fail with `malformed` on what a decoder would refuse.
Result<Bytes> encode_request(const InnerRequest& request);
Result<Bytes> encode_response(const InnerResponse& response);

// Indeterminate length, in parts: the head without content or trailers, then content chunks (see
// padding.h), then the end.
Result<Bytes> encode_response_head(const InnerResponse& response);
Result<Bytes> encode_response_end(const HttpFields& trailers);

// Variable-length integers, RFC 9000 section 16, in their shortest form. `value` < 2^62.
void append_varint(Bytes& to, std::uint64_t value);
struct Varint {
  std::uint64_t value = 0;
  std::size_t size = 0;  // bytes it took; 0 if `bytes` ends within it
};
Varint peek_varint(ByteView bytes) noexcept;

}  // namespace confide::seal
