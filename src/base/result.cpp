#include "base/result.h"

namespace confide {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::malformed:
      return "malformed";
    case Errc::unsupported:
      return "unsupported";
    case Errc::bad_signature:
      return "bad signature";
    case Errc::expired:
      return "expired";
    case Errc::untrusted:
      return "untrusted";
    case Errc::mismatch:
      return "mismatch";
    case Errc::policy:
      return "refused by policy";
    case Errc::limit:
      return "over a limit";
    case Errc::not_found:
      return "not found";
    case Errc::unavailable:
      return "unavailable";
    case Errc::internal:
      return "internal error";
  }
  return "unknown";
}

}  // namespace confide
