// The options of include/confide/client.h: the command line's, as one JSON object.
#pragma once

#include <string_view>

#include "client/sealed_channel.h"

namespace confide::capi {

struct ClientOptions {
  client::SealedOptions sealed;
  bool for_channel = false;  // the member `sealed`
};

// Reads the files that are named. Fails with `malformed` on what is not an option or not its kind,
// naming it, and as the readers of policies, certificates and collateral do.
Result<ClientOptions> read_options(std::string_view document);

}  // namespace confide::capi
