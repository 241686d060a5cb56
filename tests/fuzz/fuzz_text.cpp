// Any text as each of the small encodings that others write to us: read or refused. What has one
// spelling is written back letter for letter.
#include <array>
#include <cstdlib>

#include "base/base64.h"
#include "base/clock.h"
#include "choose.h"
#include "collateral/files.h"
#include "collateral/query.h"
#include "net/client.h"
#include "net/http.h"
#include "verify/gpu_acceptance.h"

namespace {

using namespace confide;

void expect(bool holds) {
  if (!holds) std::abort();
}

void read_hex(std::string_view text) {
  if (const auto bytes = from_hex(text)) expect(to_hex(*bytes) == text);
  if (const auto bytes = from_hex(text, HexCase::any)) expect(to_hex(*bytes).size() == text.size());
}

void read_base64(std::string_view text) {
  if (const auto bytes = from_base64(text)) expect(to_base64(*bytes) == text);
  if (const auto bytes = from_base64url(text)) expect(to_base64url(*bytes) == text);
}

void read_time(std::string_view text) {
  if (const auto time = parse_rfc3339(text)) expect(to_rfc3339(*time) == text);
  if (const auto time = parse_http_date(text)) expect(to_http_date(*time) == text);
}

void read_url(std::string_view text) {
  const auto url = net::parse_url(text);
  if (url) expect(!url->host.empty() && !url->base_path.ends_with('/'));
  (void)collateral::check_url(std::string(text));
}

void read_percent(std::string_view text) {
  if (const auto decoded = collateral::percent_decode(text)) expect(decoded->size() <= text.size());
  if (const auto value = net::query_value(text, "id")) expect(value->size() < text.size());
}

void read_evidence_file(std::string_view text) {
  expect(collateral::decode_evidence(to_bytes(as_bytes(text))).size() <= text.size());
}

void read_version(std::string_view text) {
  std::string_view rest = text;
  const std::string_view line = fuzz::take_line(rest);
  for (const int base : {10, 16}) {
    const bool up = verify::is_at_least(line, rest, base);
    const bool down = verify::is_at_least(rest, line, base);
    // Both can be read, or neither comparison holds.
    if (verify::is_at_least(line, line, base) && verify::is_at_least(rest, rest, base)) {
      expect(up || down);
    } else {
      expect(!up && !down);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array kReaders{read_hex,     read_base64,        read_time,   read_url,
                                read_percent, read_evidence_file, read_version};
  const auto choice = fuzz::choose({data, size}, kReaders.size());
  kReaders.at(choice.which)(as_text(choice.rest));
  return 0;
}
