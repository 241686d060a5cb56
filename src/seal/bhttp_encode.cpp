#include <algorithm>

#include "base/ascii.h"
#include "seal/bhttp.h"
#include "seal/bhttp_rules.h"

namespace confide::seal {
namespace {

void append_text(Bytes& to, std::string_view text) {
  append_varint(to, text.size());
  append(to, as_bytes(text));
}

Result<Bytes> encode_lines(const HttpFields& fields) {
  Bytes out;
  for (const HttpField& field : fields) {
    const HttpField written{.name = to_lower(field.name), .value = field.value};
    TRY(check_field(written));
    append_text(out, written.name);
    append_text(out, written.value);
  }
  return out;
}

Status append_section(Bytes& to, const HttpFields& fields, bool known_length) {
  TRY_ASSIGN(const Bytes lines, encode_lines(fields));
  if (known_length) append_varint(to, lines.size());
  append(to, lines);
  if (!known_length) append_varint(to, 0);
  return {};
}

Status append_status(Bytes& to, int status, int least, int most) {
  if (status < least || status > most) return fail(Errc::malformed, "binary HTTP (O8): no status");
  append_varint(to, static_cast<std::uint64_t>(status));
  return {};
}

Result<Bytes> response_head(const InnerResponse& response, bool known_length) {
  Bytes out;
  append_varint(out, known_length ? 1 : 3);
  for (const InterimResponse& interim : response.interim) {
    TRY(append_status(out, interim.status, 100, 199));
    TRY(append_section(out, interim.fields, known_length));
  }
  TRY(append_status(out, response.status, 200, 599));
  TRY(append_section(out, response.fields, known_length));
  return out;
}

}  // namespace

const std::string* find_field(const HttpFields& fields, std::string_view name) noexcept {
  const auto found = std::ranges::find(fields, name, &HttpField::name);
  return found == fields.end() ? nullptr : &found->value;
}

void append_varint(Bytes& to, std::uint64_t value) {
  // The two top bits of the first byte say how many bytes there are: 1, 2, 4 or 8.
  unsigned log = 0;
  while (log < 3 && value >> ((8U << log) - 2) != 0) ++log;
  const unsigned size = 1U << log;
  for (unsigned i = size; i-- > 0;) {
    auto byte = static_cast<std::uint8_t>(value >> (8 * i));
    if (i + 1 == size) byte = static_cast<std::uint8_t>(byte | (log << 6U));
    to.push_back(byte);
  }
}

Varint peek_varint(ByteView bytes) noexcept {
  if (bytes.empty()) return {};
  const std::size_t size = std::size_t{1} << (bytes[0] >> 6U);
  if (bytes.size() < size) return {};
  std::uint64_t value = bytes[0] & 0x3fU;
  for (std::size_t i = 1; i < size; ++i) value = value << 8U | bytes[i];
  return {.value = value, .size = size};
}

Result<Bytes> encode_request(const InnerRequest& request) {
  TRY(check_control(request));
  Bytes out;
  append_varint(out, 0);
  for (const std::string* part :
       {&request.method, &request.scheme, &request.authority, &request.path}) {
    append_text(out, *part);
  }
  TRY(append_section(out, request.fields, /*known_length=*/true));
  append_text(out, request.content);
  TRY(append_section(out, request.trailers, /*known_length=*/true));
  return out;
}

Result<Bytes> encode_response(const InnerResponse& response) {
  TRY_ASSIGN(Bytes out, response_head(response, /*known_length=*/true));
  append_text(out, response.content);
  TRY(append_section(out, response.trailers, /*known_length=*/true));
  return out;
}

Result<Bytes> encode_response_head(const InnerResponse& response) {
  return response_head(response, /*known_length=*/false);
}

Result<Bytes> encode_response_end(const HttpFields& trailers) {
  Bytes out;
  append_varint(out, 0);
  TRY(append_section(out, trailers, /*known_length=*/false));
  return out;
}

}  // namespace confide::seal
