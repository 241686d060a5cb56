// A genuine OCSP response, edited: refused, or it says what was signed.
#include <array>
#include <cstdlib>

#include "crypto/ocsp.h"
#include "crypto/ocsp_testing.h"
#include "crypto/x509_testing.h"
#include "splice.h"

namespace {

using namespace confide;

struct Genuine {
  crypto::TestPki pki;
  crypto::P256Key key = crypto::P256Key::generate();
  crypto::Certificate responder = make_responder();
  crypto::Certificate other = pki.leaf;
  Bytes response = make_response();

  crypto::Certificate make_responder() const {
    auto request = crypto::test_request("Responder", key);
    request.ocsp_signing = true;
    return crypto::issue_certificate(request, pki.root_key, &pki.root).value();
  }
  Bytes make_response() const {
    const crypto::OcspTestAnswer answer{
        .subject = pki.intermediate, .issuer = pki.root, .this_update = crypto::kTestNow};
    const crypto::OcspTestResponse out{.answers = {answer.encode()},
                                       .signer = responder,
                                       .certificates = {responder},
                                       .produced_at = crypto::kTestNow};
    return out.sign(key);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Genuine genuine;
  std::array<Bytes, 2> parts{genuine.response, to_bytes(genuine.other.der())};
  fuzz::edit({data, size}, parts);
  const auto answer =
      crypto::verify_ocsp(parts[0], genuine.pki.intermediate, genuine.pki.root, crypto::kTestNow);
  if (size == 0 && !answer) std::abort();  // the genuine one is good
  if (answer && (answer->status != crypto::OcspAnswer::Status::good ||
                 answer->serial != genuine.pki.intermediate.serial() ||
                 answer->this_update != crypto::kTestNow)) {
    std::abort();
  }
  return 0;
}
