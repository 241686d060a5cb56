// The claims that a quote and its collateral make, as they stand in a verdict. Private to verify/.
// Byte strings are lower-case hex; times are RFC 3339.
#pragma once

#include "base/json.h"
#include "evidence/dcap_quote.h"
#include "verify/dcap_chain.h"
#include "verify/dcap_tcb.h"

namespace confide::verify {

void add_claims(Json& claims, const evidence::DcapQuote& quote);
void add_claims(Json& claims, const PckChain& pck);
// When each part of the collateral was issued and until when it holds, and the first of all ends:
// `pck` may be null.
void add_claims(Json& claims, const Endorsements::Impl& endorsements, const PckChain* pck);
// The levels that the numbers reach, whoever vouches for them.
void add_levels(Json& claims, const TcbEvaluation& tcb, std::uint16_t qe_svn, Tee tee);
// What they come to: only of a genuine quote.
void add_status(Json& claims, const TcbEvaluation& tcb);

}  // namespace confide::verify
