// What may stand in a binary HTTP message, for both directions. Rules O8 and O11.
#pragma once

#include "seal/bhttp.h"

namespace confide::seal {

// Each fails with `malformed`; the message carries no byte of the field.
Status check_control(const InnerRequest& request);
Status check_field(const HttpField& field);
// A content-length, if there is one, is the content's.
Status check_content_length(const HttpFields& fields, std::uint64_t size);

}  // namespace confide::seal
