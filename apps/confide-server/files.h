// The files a serving process reads, and reads again when they change.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/access_keys.h"
#include "base/result.h"
#include "crypto/x509.h"
#include "net/tls.h"

namespace confide::server {

// --api-keys. Fails with `not_found`, `unavailable`, or `malformed`; the message names the file.
Result<std::vector<api::ApiKey>> read_api_keys(const std::string& path);

struct TlsFiles {
  crypto::Certificate leaf;
  net::TlsContext context;
};
// --tls-cert and --tls-key. Fails as above; with `malformed`, `unsupported` or `mismatch` if they
// are no certificates, no key that we take, or do not belong together.
Result<TlsFiles> read_tls(const std::string& certificate_path, const std::string& key_path);

// Which version of a file is there, as far as its folder tells. Every way of changing it that
// leaves a whole file at every moment (a rename, a symbolic link turned elsewhere) shows here.
struct FileStamp {
  std::int64_t device = 0, inode = 0, size = 0, changed_ns = 0;
  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const std::string& path);

}  // namespace confide::server
