#include "engine/flag_ticket.h"

#include <utility>

namespace confide::engine {

FlagTicket::FlagTicket(std::shared_ptr<std::atomic<bool>> cancelled)
    : cancelled_(std::move(cancelled)) {}

FlagTicket::~FlagTicket() { FlagTicket::cancel(); }

void FlagTicket::cancel() noexcept { *cancelled_ = true; }

}  // namespace confide::engine
