// What Intel says about platforms, read once to judge many quotes.
#pragma once

#include <memory>

#include "evidence/tdx_collateral.h"

namespace confide::verify {

// Collateral whose documents are parsed and whose signatures have been compared with the keys that
// stand beside them. That never changes; what may change is judged anew for each quote: the root
// the keys lead to, dates, revocation, and all that depends on the quote. Safe to share between
// threads; copies share.
class Endorsements {
 public:
  // Never fails: what cannot be read fails the checks that need it, each time. `collateral` may be
  // null; then there is none (T4).
  explicit Endorsements(const evidence::TdxCollateral* collateral);

  struct Impl;
  const Impl& impl() const noexcept { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace confide::verify
