// Any header as a traceparent: passed over, or read as it is written.
#include <cstdlib>

#include "api/trace_parent.h"
#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view header = confide::as_text({data, size});
  const auto parent = confide::api::parse_trace_parent(header);
  if (!parent) return 0;
  const auto is_id = [](std::string_view text) {
    return text.find_first_not_of('0') != std::string_view::npos &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  };
  const std::string known = "-" + parent->trace_id + "-" + parent->span_id + "-";
  if (!is_id(parent->trace_id) || !is_id(parent->span_id) || known.size() != 51 ||
      header.substr(2, known.size()) != known ||
      (header.starts_with("00") && header.size() != 55)) {
    std::abort();
  }
  return 0;
}
