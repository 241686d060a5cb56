#include "attest/measured_log.h"

#include <utility>

#include "crypto/hash.h"

namespace confide::attest {
namespace {

constexpr std::size_t kMaxName = 128;
constexpr std::size_t kMaxPayload = std::size_t{64} << 10U;
constexpr unsigned kRuntimeRegister = 3;

constexpr ByteArray<4> kTypeLe32{
    evidence::kRuntimeEvent & 0xffU, (evidence::kRuntimeEvent >> 8U) & 0xffU,
    (evidence::kRuntimeEvent >> 16U) & 0xffU, (evidence::kRuntimeEvent >> 24U) & 0xffU};

}  // namespace

evidence::Measurement extended(const evidence::Measurement& rtmr,
                               const evidence::Measurement& digest) {
  Bytes both = to_bytes(rtmr);
  append(both, digest);
  return crypto::sha384(both);
}

Result<evidence::Event> runtime_event(std::string_view name, ByteView payload) {
  if (name.empty() || name.find(':') != std::string_view::npos) {
    return fail(Errc::malformed, "name of a runtime event");
  }
  if (name.size() > kMaxName || payload.size() > kMaxPayload) {
    return fail(Errc::limit, "a runtime event is too long");
  }
  Bytes hashed = to_bytes(kTypeLe32);
  append(hashed, as_bytes(":"));
  append(hashed, as_bytes(name));
  append(hashed, as_bytes(":"));
  append(hashed, payload);
  return evidence::Event{.imr = kRuntimeRegister,
                         .type = evidence::kRuntimeEvent,
                         .digest = crypto::sha384(hashed),
                         .name = std::string(name),
                         .payload = to_bytes(payload)};
}

void MeasuredLog::append(evidence::Event event) {
  evidence::Measurement& rtmr = rtmrs_.at(event.imr);
  rtmr = extended(rtmr, event.digest);
  events_.push_back(std::move(event));
}

}  // namespace confide::attest
