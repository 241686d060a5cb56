// The gateway's key pairs over time. Rules O20-O22.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "seal/ohttp.h"

namespace confide::seal {

// The current key, and retired ones for a while: these open so that the answer "take the new key"
// can be sealed, and for nothing else. Thread-safe.
class OhttpKeys {
 public:
  explicit OhttpKeys(GatewayKey current);

  // `next` becomes the current key; the one before is kept until `now + grace`. A key with the
  // identifier of `next` is forgotten.
  void rotate(GatewayKey next, Time now, std::chrono::seconds grace);
  // Forgets the keys whose grace is over at `now`.
  void forget_expired(Time now);
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
  Result<Opened> open(OhttpForm form, ByteView capsule, Time now) const;

 private:
  struct Retired {
    std::shared_ptr<const GatewayKey> key;
    Time until{};
  };
  mutable std::mutex mutex_;
  std::shared_ptr<const GatewayKey> current_;
  std::vector<Retired> retired_;
};

}  // namespace confide::seal
