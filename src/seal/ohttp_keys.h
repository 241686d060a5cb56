// The gateway's key pairs over time. Rules O20-O22.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include "seal/ohttp.h"

namespace confide::seal {

// Of the monotonic clock: nobody outside, the host included, can step it. How long a key lives must
// not depend on the wall clock.
using SteadyTime = std::chrono::steady_clock::time_point;

// The current key, and retired ones for a while: these open so that the answer "take the new key"
// can be sealed, and for nothing else. Thread-safe.
class OhttpKeys {
 public:
  explicit OhttpKeys(GatewayKey current);

  // `next` becomes the current key; the one before is kept until `now + grace`. A key with the
  // identifier of `next` is forgotten.
  void rotate(GatewayKey next, SteadyTime now, std::chrono::seconds grace);
  // Forgets the keys whose grace is over at `now`; they open until this is called.
  void forget_expired(SteadyTime now);
  // The identifier after the current one's.
  std::uint8_t next_id() const;
  std::shared_ptr<const GatewayKey> current() const;
  // application/ohttp-keys: the current configuration.
  Bytes published() const;

  struct Opened {
    OpenedCapsule capsule;
    crypto::X25519Public key{};  // the one it was sealed to
    bool retired = false;
  };
  // Fails as open_request(); with `mismatch` where no key has the identifier it names.
  Result<Opened> open(OhttpForm form, ByteView capsule) const;

 private:
  struct Retired {
    std::shared_ptr<const GatewayKey> key;
    SteadyTime until{};
  };
  mutable std::mutex mutex_;
  std::shared_ptr<const GatewayKey> current_;
  std::vector<Retired> retired_;
};

}  // namespace confide::seal
