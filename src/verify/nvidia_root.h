// NVIDIA's roots: the anchors of every genuine GPU and NVSwitch, and of their reference values.
#pragma once

#include "crypto/x509.h"

namespace confide::verify {

// NVIDIA Device Identity CA: what device certificate chains end at.
const crypto::Certificate& nvidia_device_root();
// NVIDIA CoRIM signing Root CA: what the signers of reference integrity manifests chain to.
const crypto::Certificate& nvidia_rim_root();

}  // namespace confide::verify
