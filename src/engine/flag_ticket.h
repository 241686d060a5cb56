// The ticket of whatever looks at a flag to see whether it is still wanted.
#pragma once

#include <atomic>
#include <memory>

#include "engine/engine.h"

namespace confide::engine {

class FlagTicket final : public Ticket {
 public:
  explicit FlagTicket(std::shared_ptr<std::atomic<bool>> cancelled);
  ~FlagTicket() override;
  FlagTicket(const FlagTicket&) = delete;
  FlagTicket& operator=(const FlagTicket&) = delete;

  void cancel() noexcept override;

 private:
  std::shared_ptr<std::atomic<bool>> cancelled_;
};

}  // namespace confide::engine
