// For tests/differential: judges certificate paths by verify_chain(), under all of its rules. One
// JSON request a line on standard input, one line with "ok" or the reason on standard output:
//   {"path":[DER as hex, leaf first],"root":hex,"crls":[hex],"at":unix}
#include <iostream>
#include <string>
#include <vector>

#include "base/json.h"
#include "crypto/x509.h"

namespace confide {
namespace {

Result<Bytes> bytes_of(const Json& hex) { return from_hex(hex.get<std::string>()); }

Status judge(const Json& request) {
  std::vector<crypto::Certificate> path;
  for (const Json& hex : request.at("path")) {
    TRY_ASSIGN(const Bytes der, bytes_of(hex));
    TRY_ASSIGN(auto certificate, crypto::Certificate::from_der(der));
    path.push_back(std::move(certificate));
  }
  TRY_ASSIGN(const Bytes root_der, bytes_of(request.at("root")));
  TRY_ASSIGN(const auto root, crypto::Certificate::from_der(root_der));
  std::vector<crypto::Crl> crls;
  for (const Json& hex : request.at("crls")) {
    TRY_ASSIGN(const Bytes der, bytes_of(hex));
    TRY_ASSIGN(auto crl, crypto::Crl::from_der(der));
    crls.push_back(std::move(crl));
  }
  return crypto::verify_chain(path, root, from_unix(request.at("at").get<std::int64_t>()), crls);
}

}  // namespace
}  // namespace confide

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto request = confide::json::parse(line);
    if (!request) return 1;
    const confide::Status judged = confide::judge(*request);
    std::cout << (judged ? "ok" : judged.error().message) << '\n';
  }
  return 0;
}
