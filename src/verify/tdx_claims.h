// The claims that a TDX quote and its collateral make, as they stand in a verdict. Private to
// verify/. Byte strings are lower-case hex.
#pragma once

#include "base/json.h"
#include "crypto/sgx_extension.h"
#include "evidence/tdx_quote.h"
#include "verify/tdx_tcb.h"

namespace confide::verify {

void add_claims(Json& claims, const evidence::TdxQuote& quote);
void add_claims(Json& claims, const crypto::SgxExtension& pck);
void add_claims(Json& claims, const TcbEvaluation& tcb, const evidence::TdxQuote& quote);

}  // namespace confide::verify
